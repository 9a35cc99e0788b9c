/**
 * A check whether a short text may be words and numbers (`iPhone7s`, `Win10x64`) rather than a hash (`B2kf9QxZ`).
 * @module
 */

/** By letter, the letters that follow it in English words, names and abbreviations, without rare pairs. */
const FOLLOWERS: Readonly<Record<string, string>> = {
  a: "bcdefgijklmnpqrstuvwxyz",
  b: "abeijlorstuy",
  c: "aceihklorstuy",
  d: "adegilmnoruvwys",
  e: "abcdefgijklmnpqrstuvwxyz",
  f: "aefilortuys",
  g: "aeghilmnorsuyt",
  h: "aeilmnortuy",
  i: "abcdefgklmnopqrstuvxz",
  j: "aeiou",
  k: "aeilnosyw",
  l: "abcdefgiklmopstuvy",
  m: "abeimnopsuyt",
  n: "abcdefgijklnopstuvxy",
  o: "abcdefghiklmnoprstuvwxyz",
  p: "aehilnoprstuy",
  q: "u",
  r: "abcdefgiklmnoprstuvwy",
  s: "acefhiklmnopqrstuwy",
  t: "aceghilmoprstuwyz",
  u: "abcdefgiklmnoprstxz",
  v: "aeioy",
  w: "aehiklnors",
  x: "aceioptuy",
  y: "abcdeilmnoprst",
  z: "aeiloyz",
};
/** Abbreviations in file names that have other pairs of letters. */
const ABBREVIATIONS: ReadonlySet<string> = new Set(
  ("cdn css csv cpu db dns ftp gb gps gpu hd hdmi hdr html http https jpg jpeg js json kb km kg md mdx mp mpg mysql pdf php png " +
    "px sdk sd sql ssd ssl svg tls tv txt usb vm vpn vue webp wifi xls xlsx xml xxl yml zip fx vr ux ui ios nginx")
    .split(" "),
);
const VOWEL = /[aeiouy]/;
/** Matches words, abbreviations and numbers: `Phone`, `USB`, `2024`. */
const TOKEN = /[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g;

/** How many parts a readable text may have. */
export interface TokenLimits {
  /** Words, numbers and single letters. */
  readonly tokensMax: number;
  /** Single letters, such as `i` and `s` in `iPhone7s`. */
  readonly singlesMax: number;
}

/** Limits that one in 20 random names meets. */
export const SURELY: TokenLimits = { tokensMax: 3, singlesMax: 0 };
/** Limits that one in five random names meets. */
export const PERHAPS: TokenLimits = { tokensMax: 5, singlesMax: 2 };

/**
 * Returns true when `text` (letters, digits, `-` and `_`) may consist of words, abbreviations in capitals and numbers.
 */
export function isReadable(text: string, { tokensMax, singlesMax }: TokenLimits): boolean {
  let tokens = 0;
  let singles = 0;
  for (const part of text.split(/[-_]/)) {
    if (part === "") return false;
    for (const [token] of part.matchAll(TOKEN)) {
      if (++tokens > tokensMax) return false;
      const isWord = token.length > 1 && /[a-z]/.test(token);
      if (isWord && !isPronounceable(token.toLowerCase())) return false;
      if (token.length === 1 && /[A-Za-z]/.test(token) && ++singles > singlesMax) return false;
    }
  }
  return true;
}

function isPronounceable(word: string): boolean {
  if (ABBREVIATIONS.has(word)) return true;
  for (let i = 1; i < word.length; i++) {
    if (!FOLLOWERS[word[i - 1]!]!.includes(word[i]!)) return false;
  }
  return word.length < 4 || VOWEL.test(word);
}
