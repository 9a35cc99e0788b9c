/**
 * Finds slips of typography in a Chinese document.
 * @module
 */
import { partsOf, piecesOf } from "./markdown.ts";

const HAN = "\\p{Script=Han}";
const MARK = "，。、：；！？（）“”《》";
const SLIPS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["half-width punctuation", new RegExp(`${HAN}[,;:!?](?![\\w/])|${HAN}\\.(?=${HAN}|\\s|$)`, "u")],
  ["half-width brackets", new RegExp(`${HAN} ?\\((?=[^)]*${HAN})|\\)${HAN}`, "u")],
  ["straight quotes", new RegExp(`"${HAN}|${HAN}"`, "u")],
  ["no space between Chinese and others", new RegExp(`${HAN}[\\w\`]|[\\w\`%]${HAN}`, "u")],
  ["a space beside full-width punctuation", new RegExp(`[${MARK}] +(?=\\S)|\\S +[${MARK}]`, "u")],
  ["a line break that is shown as a space", new RegExp(`[${MARK}]\\n|\\n[${MARK}]|${HAN}\\n${HAN}`, "u")],
  ["punctuation twice", /([，。、：；])[，。、：；]/u],
];

/**
 * Returns the text around marks of emphasis that are shown as they are: punctuation inside of them, and a letter
 * outside (CommonMark, "left-flanking delimiter run").
 */
function brokenEmphasis(text: string): string[] {
  return Array.from(text.matchAll(/\*\*/g), ({ index }, i) => {
    const around = text.slice(Math.max(index - 8, 0), index + 10);
    const [outside, inside] = i % 2 === 0
      ? [text.slice(0, index), text.slice(index + 2)]
      : [text.slice(index + 2), text.slice(0, index)];
    const [letter, mark] = i % 2 === 0
      ? [/[\p{L}\p{N}]$/u, /^[\p{P}\p{S}]/u]
      : [/^[\p{L}\p{N}]/u, /[\p{P}\p{S}]$/u];
    return letter.test(outside) && mark.test(inside) ? around : "";
  }).filter((around) => around !== "");
}

/** Returns the slips of typography in a Chinese document: what it is, and the text around it. */
export function slipsOf(document: string): string[] {
  const found: string[] = [];
  for (const part of partsOf(document)) {
    if (/^code|^comment/.test(part.kind)) continue;
    for (const piece of piecesOf(part)) {
      const text = piece.replaceAll(/\]\([^)]*\)/g, "]").replaceAll(/`[^`]*`/g, "`x`");
      const plain = text.replaceAll(/[[\]]/g, "").replaceAll(new RegExp(`([${MARK}])\\*\\*\\s`, "g"), "$1")
        .replaceAll("**", "");
      for (const [what, pattern] of SLIPS) {
        const match = pattern.exec(plain);
        if (match === null) continue;
        const around = plain.slice(Math.max(match.index - 10, 0), match.index + 12).replaceAll("\n", "⏎");
        found.push(`line ${part.line}: ${what}: ${around}`);
      }
      for (const around of brokenEmphasis(text)) found.push(`line ${part.line}: broken emphasis: ${around}`);
    }
  }
  return found;
}
