/**
 * Sample paths that a pattern matches, to try a rule with.
 * @module
 */
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { Glob } from "./glob.ts";
import {
  bracesExpanded,
  type GlobPiece,
  type GlobSequence,
  GLOBSTAR,
  GLOBSTAR_SLASH,
  isInClass,
  piecesOf,
  SLASH_GLOBSTAR,
  STAR,
} from "./glob_syntax.ts";
import { encodePath } from "../files/resolve_path.ts";

/** The text for each wildcard in five kinds of samples: a name, a page, a directory, two levels, nothing. */
const FILLINGS: readonly Readonly<Record<number, string>>[] = [
  { [STAR]: "a", [GLOBSTAR]: "a", [GLOBSTAR_SLASH]: "a/", [SLASH_GLOBSTAR]: "/a" },
  { [STAR]: "a.html", [GLOBSTAR]: "a.html", [GLOBSTAR_SLASH]: "a/", [SLASH_GLOBSTAR]: "/a.html" },
  { [STAR]: "a", [GLOBSTAR]: "a/", [GLOBSTAR_SLASH]: "a/", [SLASH_GLOBSTAR]: "/a/" },
  { [STAR]: "a", [GLOBSTAR]: "a/b", [GLOBSTAR_SLASH]: "a/b/", [SLASH_GLOBSTAR]: "/a/b" },
  { [STAR]: "", [GLOBSTAR]: "", [GLOBSTAR_SLASH]: "", [SLASH_GLOBSTAR]: "" },
];
/** Characters that are tried for a class. */
const CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~";
/** Alternatives of a pattern that are tried. */
const ALTERNATIVES_MAX = 16;

/**
 * Returns some paths that `pattern` matches, as `encodePath` writes them.
 * @throws {TypeError} for a malformed pattern, as {@linkcode Glob} does.
 */
export function samplesOf(pattern: string): string[] {
  const glob = new Glob(pattern);
  const sequences = bracesExpanded(pattern).slice(0, ALTERNATIVES_MAX)
    .map((characters) => piecesOf(pattern, characters));
  const paths = sequences.flatMap((sequence) => FILLINGS.map((filling) => filled(sequence, filling)))
    .map((path) => encodePath(encodeUtf8(path.replace(/^\/+/, "")), false));
  return [...new Set(paths)].filter((path) => glob.match(path) !== null);
}

function filled({ pieces, wildcards }: GlobSequence, filling: Readonly<Record<number, string>>): string {
  return pieces.map((piece, i) => textOf(piece) + (i < wildcards.length ? filling[wildcards[i]!] : "")).join(
    "",
  );
}

function textOf(piece: GlobPiece): string {
  return piece.map((wanted) => {
    if (typeof wanted === "number") return wanted <= 0x10ffff ? String.fromCodePoint(wanted) : "";
    const own = wanted.isNegated ? "" : String.fromCodePoint(wanted.ranges[0]!);
    return own || ([...CHARACTERS].find((character) => isInClass(wanted, character.charCodeAt(0))) ?? "");
  }).join("");
}
