/**
 * Compares a document with its translation into Chinese.
 * @module
 */
import { anchorsOf, partsOf, piecesOf, rowsOf } from "./markdown.ts";

/** Returns the Chinese name of a file, such as `understand.zh-CN.md` for `understand.md`. */
export function chineseName(path: string): string {
  return path.replace(/\.(\w+)$/, ".zh-CN.$1");
}

const MONTHS =
  /\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b/g;

/** Returns the numbers in the text, each once. Spans and the targets of links do not count. */
function numbersOf(text: string): string[] {
  const prose = text.replaceAll(/`[^`]*`/g, "").replaceAll(/\]\([^)]*\)/g, "]").replaceAll(/<[^>]*>/g, "")
    .replaceAll(MONTHS, (month) => String(new Date(`${month} 1, 2000`).getMonth() + 1));
  return [...new Set(prose.match(/\d+(?:[.,:]\d+)*/g))].toSorted();
}

/** Returns the code spans in the text, each once. */
function codeOf(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(/`([^`]+)`/g), ([, span]) => span!.replaceAll(/\s+/g, " ")))]
    .toSorted();
}

/** Returns the targets of the links and pictures in the text. */
function targetsOf(text: string): string[] {
  return Array.from(text.matchAll(/\]\(([^)]*)\)|<(https?:[^>]*)>/g), ([, target, url]) => target ?? url!);
}

/** Returns the document at a path beside the compared ones, or null when there is none. */
export type ReadBeside = (path: string) => string | null;

/**
 * Returns where a link of the English document has to lead in the Chinese one: to the Chinese sibling of its target,
 * where there is one, and to the heading at the same place.
 */
function translatedTarget(target: string, read: ReadBeside): string {
  const [path, anchor] = target.split("#") as [string, string?];
  if (/^\w+:/.test(path)) return target;
  const translated = path === "" ? null : read(chineseName(path));
  if (translated === null && path !== "") return target;
  if (anchor === undefined) return chineseName(path);
  const [english, chinese] = path === "" ? [read(""), read("zh-CN")] : [read(path), translated];
  const place = anchorsOf(english ?? "").indexOf(anchor);
  return `${path === "" ? "" : chineseName(path)}#${anchorsOf(chinese ?? "")[place] ?? anchor}`;
}

/**
 * Returns how a document in Chinese differs from the English one, one line a difference. Blocks, code, tables, links,
 * code spans and numbers have to be the same. `read` returns documents by the paths in links; "" is the English
 * document, and "zh-CN" the Chinese one.
 */
export function differences(english: string, chinese: string, read: ReadBeside): string[] {
  const found: string[] = [];
  const [parts, others] = [partsOf(english), partsOf(chinese)];
  for (let i = 0; i < Math.max(parts.length, others.length); i++) {
    const [part, other] = [parts[i], others[i]];
    const where = `lines ${part?.line ?? "–"} and ${other?.line ?? "–"}`;
    if (part?.kind !== other?.kind || part === undefined || other === undefined) {
      return [...found, `${where}: ${part?.kind ?? "nothing"}, and ${other?.kind ?? "nothing"}`];
    }
    const compare = (what: string, one: readonly string[], two: readonly string[]) => {
      if (one.join("\0") !== two.join("\0")) {
        found.push(`${where}: ${what}: ${one.join(" ")} | ${two.join(" ")}`);
      }
    };
    if (/^code|^comment/.test(part.kind)) {
      compare("text", [part.text], [other.text]);
      continue;
    }
    if (part.kind.startsWith("table")) {
      const columns = (table: string) => rowsOf(table).map((row) => String(row.length));
      compare("columns of each row", columns(part.text), columns(other.text));
    }
    const pieces = piecesOf(other);
    for (const [index, piece] of piecesOf(part).entries()) {
      const translation = pieces[index] ?? "";
      compare("code spans", codeOf(piece), codeOf(translation));
      compare("numbers", numbersOf(piece), numbersOf(translation));
      const isToOther = /^\[中文\]\(/.test(piece) && /^\[English\]\(/.test(translation);
      if (isToOther) continue;
      const targets = targetsOf(piece).map((target) => translatedTarget(target, read));
      compare("links", targets.toSorted(), targetsOf(translation).toSorted());
    }
  }
  return found;
}
