/**
 * Patterns for the paths of URLs, as people write them in a configuration: `/images/**`, `/*.{js,css}`, `/v[12]/?.html`.
 *
 * It is our own because no library that is known to us both matches in time that is bounded by pattern × path (a
 * regular expression made of a pattern, which is what they use, takes exponential or high polynomial time for some
 * paths, and paths come from strangers) and tells what each wildcard took.
 *
 * How: from the end of the path to its beginning it is found out at which positions the rest of the pattern fits, one
 * row of flags for each wildcard; then one walk from the beginning takes, at each wildcard, as much as still fits.
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
 * A pattern. `*` stands for any run of characters but slashes, also for none; `**` for any run, slashes included;
 * `**` and a slash, after a slash, may stand for nothing: `/**` + `/x.js` fits `/x.js`; `/a/**` also fits `/a/` and
 * `/a`, which the server redirects there. `?` is one character but a slash, however many bytes it has; `[abc]`,
 * `[a-z]`, `[!a]` one of a class; `{a,b}` alternatives, also nested; `\` makes the next character an ordinary one.
 * It is written in UTF-8 or percent-encoded, and has to fit the whole path. Upper and lower case differ.
 */
export class Glob {
  readonly pattern: string;
  readonly #sequences: readonly GlobSequence[];

  /**
   * With `withBelow` an alternative whose last name has no star also fits all paths below those that it fits, as
   * `/admin` and `/admin/` fit `/admin/a/b` then.
   * @throws {TypeError} for a pattern that is malformed or, with its braces expanded, too long: the message names it
   * and says what is wrong.
   */
  constructor(pattern: string, withBelow: boolean = false) {
    this.pattern = pattern;
    const alternatives = bracesExpanded(pattern);
    const all = withBelow ? alternatives.flatMap(andBelow) : alternatives;
    this.#sequences = all.map((characters) => piecesOf(pattern, characters));
  }

  /** How many wildcards can be captured at most, over all alternatives. */
  get captureCount(): number {
    return Math.max(...this.#sequences.map(({ wildcards }) => wildcards.length));
  }

  /**
   * What the wildcards `*` and `**` stand for in `path`, in their order (those of the first alternative that fits);
   * null when the pattern does not fit. The leftmost takes as much as it can, then the next. `path` is what
   * `encodePath` writes, and captures are percent-encoded as it is.
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

/** A row of flags for each wildcard; grows up to the longest path × the most wildcards, both of which are bounded. */
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
  // In row i: where the piece behind wildcard i can begin, so that all that follows fits, too.
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
 * Sets `flags[to + p]` for each `p` such that a wildcard which begins `shift` characters behind `p` can stop where
 * `flags[from + …]` is set. One pass from the end.
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
    } else if (wildcard === SLASH_GLOBSTAR) { // the last of all: it stops at the end
      if (p === length || codes[p] === SLASH) flags[to + p - shift] = 1;
    } else { // GLOBSTAR_SLASH: to where it stops, a slash stands before; or nothing is taken
      if (canReach || canStop) flags[to + p - shift] = 1;
      if (canStop && codes[p - 1] === SLASH) canReach = true;
    }
  }
}

/** The last position where a wildcard that begins at `from` can stop, −1 when there is none. */
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

/** The slashes that belong to a wildcard are not part of what it stands for. */
function captured(wildcard: number, path: CharacterString, from: number, stop: number): string {
  if (wildcard === SLASH_GLOBSTAR && from < stop) return path.slice(from + 1, stop);
  if (wildcard === GLOBSTAR_SLASH && from < stop) return path.slice(from, stop - 1);
  return path.slice(from, stop);
}

/**
 * `destination` with `$1` … `$9` replaced by what the wildcards stood for (nothing, where there were fewer), and `$$`
 * by a dollar. A destination on this host, which begins with one slash, does not come to begin with two: that would
 * be another host.
 */
export function expandDestination(destination: string, captures: readonly string[]): string {
  const expanded = destination.replace(
    /\$([1-9$])/g,
    (_, digit: string) => digit === "$" ? "$" : captures[Number(digit) - 1] ?? "",
  );
  return /^\/(?!\/)/.test(destination) ? expanded.replace(/^\/+/, "/") : expanded;
}
