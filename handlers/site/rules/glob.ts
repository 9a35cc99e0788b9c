/**
 * Glob patterns for the paths of URLs in the configuration: `/images/**`, `/*.{js,css}`, `/v[12]/?.html`.
 *
 * No library is used, since none was found that reports what each wildcard matched and whose time is bounded by the
 * length of the pattern times that of the path. Libraries convert patterns to regular expressions, which take
 * exponential or high polynomial time for some paths, and clients choose the paths.
 *
 * The algorithm: a pass from the end of the path to its beginning finds the positions at which the rest of the pattern
 * matches, as one row of flags for each wildcard. A second pass, from the beginning, takes as much as still matches for
 * each wildcard.
 * @module
 */
import {
  andBelow,
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
import { CharacterString } from "./path_characters.ts";

const SLASH = 0x2f;

/**
 * A pattern, which has to match a whole path.
 *
 * - `*` matches any number of characters except slashes; `**` any number of characters.
 * - `**` with a slash on both sides also matches nothing: `/**` + `/x.js` matches `/x.js`.
 * - `/a/**` also matches `/a/`, and `/a`, which the server redirects there.
 * - `?` matches one character except a slash, however many bytes it has.
 * - `[abc]`, `[a-z]` and `[!a]` match one character of a class.
 * - `{a,b}` are alternatives, which can be nested.
 * - `\` makes the next character an ordinary one.
 *
 * A pattern is in UTF-8 or percent-encoded. Upper and lower case differ.
 */
export class Glob {
  readonly pattern: string;
  readonly #sequences: readonly GlobSequence[];

  /**
   * Compiles `pattern`. With `withBelow`, an alternative whose last name has no star also matches all paths below those
   * that it matches: `/admin` and `/admin/` match `/admin/a/b`.
   * @throws {TypeError} for a pattern that is malformed, or too long with its braces expanded. The message quotes the
   * pattern and says what is wrong.
   */
  constructor(pattern: string, withBelow: boolean = false) {
    this.pattern = pattern;
    const alternatives = bracesExpanded(pattern);
    const all = withBelow ? alternatives.flatMap(andBelow) : alternatives;
    this.#sequences = all.map((characters) => piecesOf(pattern, characters));
  }

  /** The number of wildcards in the alternative that has most. */
  get captureCount(): number {
    return Math.max(...this.#sequences.map(({ wildcards }) => wildcards.length));
  }

  /**
   * Returns what the wildcards `*` and `**` match in `path`, from left to right, for the first alternative that
   * matches. Null when the pattern does not match. The first wildcard takes as much as possible, then the second, and
   * so on. `path` is as `encodePath` writes it, and so are the results.
   */
  match(path: string): readonly string[] | null {
    let characters: CharacterString | null = null;
    for (const sequence of this.#sequences) {
      if (!path.startsWith(sequence.prefix)) continue; // most rules do not fit most paths
      characters ??= new CharacterString(path);
      const captures = matchSequence(sequence, characters);
      if (captures !== null) return captures;
    }
    return null;
  }
}

/** A row of flags for each wildcard. The size is bounded, by the longest path times the most wildcards. */
let flags = new Uint8Array(4096);

function matchSequence({ pieces, wildcards }: GlobSequence, path: CharacterString): string[] | null {
  const { codes } = path;
  const length = codes.length;
  const begin = pieces[0]!.length;
  if (begin > length || !fitsAt(pieces[0]!, codes, 0)) return null;
  if (wildcards.length === 0) return begin === length ? [] : null;
  const last = pieces[pieces.length - 1]!;
  const end = length - last.length;
  if (end < begin || !fitsAt(last, codes, end)) return null;

  const row = length + 1;
  const needed = row * wildcards.length;
  if (flags.length < needed) flags = new Uint8Array(needed * 2);
  else flags.fill(0, 0, needed);
  // Row i has the positions at which the piece after wildcard i can begin, so that the rest of the pattern matches too.
  flags[(wildcards.length - 1) * row + end] = 1;
  for (let i = wildcards.length - 1; i > 0; i--) {
    const piece = pieces[i]!;
    sweep(wildcards[i]!, codes, i * row, (i - 1) * row, piece.length);
    for (let p = length - piece.length; p >= begin; p--) {
      const at = (i - 1) * row + p;
      if (flags[at] === 1 && !fitsAt(piece, codes, p)) flags[at] = 0;
    }
  }

  const captures: string[] = [];
  let position = begin;
  for (let i = 0; i < wildcards.length; i++) {
    const stop = longest(wildcards[i]!, codes, position, i * row);
    if (stop < 0) return null;
    captures.push(captured(wildcards[i]!, path, position, stop));
    position = stop + pieces[i + 1]!.length;
  }
  return captures;
}

function fitsAt(piece: GlobPiece, codes: readonly number[], at: number): boolean {
  for (let i = 0; i < piece.length; i++) {
    const wanted = piece[i]!;
    const code = codes[at + i]!;
    if (typeof wanted === "number" ? wanted !== code : !isInClass(wanted, code)) return false;
  }
  return true;
}

/**
 * Sets `flags[to + p]` for each `p` such that a wildcard that begins `shift` characters after `p` can stop at a
 * position that is set in the row at `from`. This is one pass from the end.
 */
function sweep(wildcard: number, codes: readonly number[], from: number, to: number, shift: number): void {
  const length = codes.length;
  let canReach = false;
  for (let p = length; p >= shift; p--) {
    const canStop = flags[from + p] === 1;
    if (wildcard === STAR) {
      canReach = canStop || (canReach && codes[p] !== SLASH);
      if (canReach) flags[to + p - shift] = 1;
    } else if (wildcard === GLOBSTAR) {
      canReach ||= canStop;
      if (canReach) flags[to + p - shift] = 1;
    } else if (wildcard === SLASH_GLOBSTAR) { // always the last wildcard, which stops at the end
      if (p === length || codes[p] === SLASH) flags[to + p - shift] = 1;
    } else { // GLOBSTAR_SLASH: it stops after a slash, or matches nothing
      if (canReach || canStop) flags[to + p - shift] = 1;
      if (canStop && codes[p - 1] === SLASH) canReach = true;
    }
  }
}

/** Returns the last position at which a wildcard that begins at `from` can stop; −1 when there is none. */
function longest(wildcard: number, codes: readonly number[], from: number, row: number): number {
  const length = codes.length;
  if (wildcard === SLASH_GLOBSTAR) return from === length || codes[from] === SLASH ? length : -1;
  if (wildcard === STAR) {
    let stop = -1;
    for (let p = from; p <= length; p++) {
      if (flags[row + p] === 1) stop = p;
      if (codes[p] === SLASH) break;
    }
    return stop;
  }
  for (let p = length; p >= from; p--) {
    if (flags[row + p] === 0) continue;
    if (wildcard === GLOBSTAR || p === from || (codes[p - 1] === SLASH && p > from)) return p;
  }
  return -1;
}

/** Returns what a wildcard matched, without the slash that belongs to the wildcard. */
function captured(wildcard: number, path: CharacterString, from: number, stop: number): string {
  if (wildcard === SLASH_GLOBSTAR && from < stop) return path.slice(from + 1, stop);
  if (wildcard === GLOBSTAR_SLASH && from < stop) return path.slice(from, stop - 1);
  return path.slice(from, stop);
}

/**
 * Returns `destination` with `$1` … `$9` replaced by what the wildcards matched (empty if there were fewer), and `$$`
 * by a dollar sign. A destination that begins with one slash keeps exactly one, since `//name` would be another host.
 */
export function expandDestination(destination: string, captures: readonly string[]): string {
  const expanded = destination.replace(
    /\$([1-9$])/g,
    (_, digit: string) => digit === "$" ? "$" : captures[Number(digit) - 1] ?? "",
  );
  return /^\/(?!\/)/.test(destination) ? expanded.replace(/^\/+/, "/") : expanded;
}
