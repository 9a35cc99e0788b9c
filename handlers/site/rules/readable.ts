/**
 * Whether a few characters may be words and numbers of a language (`iPhone7s`, `Win10x64`) rather than random digits
 * (`B2kf9QxZ`).
 * @module
 */

/** Letters that follow each other in English words, names and their abbreviations, but for rare pairs. */
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
/** Others that names are made of, though nothing of the kind is in English. */
const ABBREVIATIONS: ReadonlySet<string> = new Set(
  ("cdn css csv cpu db dns ftp gb gps gpu hd hdmi hdr html http https jpg jpeg js json kb km kg md mdx mp mpg mysql pdf php png " +
    "px sdk sd sql ssd ssl svg tls tv txt usb vm vpn vue webp wifi xls xlsx xml xxl yml zip fx vr ux ui ios nginx")
    .split(" "),
);
const VOWEL = /[aeiouy]/;
/** `Phone`, `USB`, `2024`. */
const TOKEN = /[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+/g;

/** How much of a text may be in pieces. */
export interface Pieces {
  /** Words, numbers and single letters. */
  readonly tokensMax: number;
  /** Letters that stand alone, as before and behind `7` in `iPhone7s`. */
  readonly singlesMax: number;
}

/** One in 20 of random names reads like that. */
export const SURELY: Pieces = { tokensMax: 3, singlesMax: 0 };
/** One in five. */
export const PERHAPS: Pieces = { tokensMax: 5, singlesMax: 2 };

/** True for letters, digits, `-` and `_` that consist of what may be words, abbreviations in capitals and numbers. */
export function isReadable(text: string, { tokensMax, singlesMax }: Pieces): boolean {
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
