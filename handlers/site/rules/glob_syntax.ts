/**
 * The parser of glob patterns. Braces are expanded to alternatives, each a list of fixed pieces with wildcards between
 * them. The syntax is described at `Glob`.
 * @module
 */
import { GLOB_ALTERNATIVES_MAX, GLOB_EXPANDED_CHARACTERS_MAX, GLOB_WILDCARDS_MAX } from "../limits.ts";
import { encodePath } from "../files/resolve_path.ts";
import { CharacterString } from "./path_characters.ts";

/** The wildcard `*`: any number of characters except slashes. */
export const STAR = 1;
/** The wildcard `**`: any number of characters. */
export const GLOBSTAR = 2;
/**
 * The wildcard `**` with a slash on both sides, and the second slash: any number of characters and a slash, or nothing.
 */
export const GLOBSTAR_SLASH = 3;
/** The wildcard `/**` at the end of a pattern: a slash and any number of characters, or nothing. */
export const SLASH_GLOBSTAR = 4;

/** A set of characters, which never has the slash. */
export interface CharacterClass {
  readonly isNegated: boolean;
  /** Pairs of the first and the last code point of each range. */
  readonly ranges: readonly number[];
}

/** A part of fixed length: a code point or a class for each character. */
export type GlobPiece = readonly (number | CharacterClass)[];

/** An alternative. `pieces` has one element more than `wildcards`, which are between them. */
export interface GlobSequence {
  readonly pieces: readonly GlobPiece[];
  readonly wildcards: readonly number[];
  /** The beginning of every path that matches, percent-encoded. */
  readonly prefix: string;
}

const ANY: CharacterClass = { isNegated: true, ranges: [] };
const SLASH = 0x2f;

/** Returns true when the class has the character `code`. */
export function isInClass({ isNegated, ranges }: CharacterClass, code: number): boolean {
  if (code === SLASH) return false;
  for (let i = 0; i < ranges.length; i += 2) {
    if (code >= ranges[i]! && code <= ranges[i + 1]!) return !isNegated;
  }
  return isNegated;
}

/** A number above all code points. It is added to escaped characters, which have no special meaning. */
const LITERAL = 0x200000;

const STAR_SIGN = 0x2a;
const QUESTION_MARK = 0x3f;
const BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const EXCLAMATION_MARK = 0x21;
const CIRCUMFLEX = 0x5e;
const HYPHEN = 0x2d;

function malformed(pattern: string, problem: string): TypeError {
  return new TypeError(`the pattern ${JSON.stringify(pattern)} ${problem}`);
}

/** Returns the characters of `pattern`. Those that were escaped, by `\` or by `%`, have {@linkcode LITERAL} added. */
function charactersOf(pattern: string): number[] {
  if (/%(?![0-9A-Fa-f]{2})/.test(pattern)) {
    throw malformed(pattern, "has a % without two hexadecimal digits; write %25 for a percent sign");
  }
  const string = new CharacterString(pattern);
  const { codes } = string;
  const characters: number[] = [];
  for (let i = 0; i < codes.length; i++) {
    const isEncoded = string.slice(i, i + 1).startsWith("%");
    if (isEncoded && codes[i] === SLASH) throw malformed(pattern, "has an encoded slash (%2F)");
    if (isEncoded || codes[i] !== BACKSLASH) {
      characters.push(codes[i]! + (isEncoded ? LITERAL : 0));
    } else if (++i === codes.length) {
      throw malformed(pattern, "ends with a backslash, which escapes nothing");
    } else {
      characters.push(codes[i] === SLASH ? SLASH : codes[i]! + LITERAL);
    }
  }
  return characters;
}

/**
 * Returns the alternatives of `pattern`, without braces.
 * @throws {TypeError} for a malformed pattern, as `Glob` does.
 */
export function bracesExpanded(pattern: string): number[][] {
  const characters = charactersOf(pattern);
  if (characters.length > GLOB_EXPANDED_CHARACTERS_MAX) throw malformed(pattern.slice(0, 40) + "…", TOO_LONG);
  return new Expander(pattern, characters).expanded();
}

const TOO_LONG =
  `has more than ${GLOB_ALTERNATIVES_MAX} alternatives or ${GLOB_EXPANDED_CHARACTERS_MAX} characters in them`;

/** Returns an alternative, and a second one for all paths below it if its last name has no star. */
export function andBelow(characters: readonly number[]): number[][] {
  let isStarred = false;
  for (let i = 0; i < characters.length; i++) {
    if (characters[i] === SLASH) isStarred = false;
    else if (characters[i] === STAR_SIGN) isStarred = true;
    else if (characters[i] === OPENING_BRACKET) i = characters.indexOf(CLOSING_BRACKET, i);
  }
  if (isStarred) return [[...characters]];
  const slash = characters.at(-1) === SLASH ? [] : [SLASH];
  return [[...characters], [...characters, ...slash, STAR_SIGN, STAR_SIGN]];
}

/** A recursive-descent parser of braces. Only characters without {@linkcode LITERAL} have a special meaning. */
class Expander {
  readonly #pattern: string;
  readonly #characters: readonly number[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string, characters: readonly number[]) {
    this.#pattern = pattern;
    this.#characters = characters;
  }

  expanded(): number[][] {
    const alternatives = this.#sequence();
    if (this.#at < this.#characters.length) throw malformed(this.#pattern, "has a } without a {");
    return alternatives;
  }

  /** Parses up to the end, or to a `,` or `}` that belongs to the group around it. */
  #sequence(): number[][] {
    let alternatives: number[][] = [[]];
    while (this.#at < this.#characters.length) {
      const character = this.#characters[this.#at];
      if (character === CLOSING_BRACE || (character === COMMA && this.#depth > 0)) break;
      if (character === OPENING_BRACE) {
        const group = this.#group();
        alternatives = alternatives.flatMap((before) => group.map((after) => [...before, ...after]));
        this.#check(alternatives);
        continue;
      }
      const end = character === OPENING_BRACKET ? this.#classEnd() : this.#at + 1;
      const taken = this.#characters.slice(this.#at, end);
      for (const alternative of alternatives) alternative.push(...taken);
      this.#at = end;
    }
    this.#check(alternatives);
    return alternatives;
  }

  #group(): number[][] {
    if (++this.#depth > GLOB_ALTERNATIVES_MAX) {
      throw malformed(this.#pattern, "has too many braces in braces");
    }
    const group: number[][] = [];
    do {
      this.#at++; // the brace, or the comma
      group.push(...this.#sequence());
      this.#check(group);
    } while (this.#characters[this.#at] === COMMA);
    if (this.#characters[this.#at] !== CLOSING_BRACE) throw malformed(this.#pattern, "has a { without a }");
    this.#at++;
    this.#depth--;
    return group;
  }

  #classEnd(): number {
    const end = this.#characters.indexOf(CLOSING_BRACKET, this.#at);
    if (end < 0) throw malformed(this.#pattern, "has a [ without a ]");
    return end + 1;
  }

  #check(alternatives: readonly number[][]): void {
    const length = alternatives.reduce((sum, alternative) => sum + alternative.length, 0);
    const isTooLong = alternatives.length > GLOB_ALTERNATIVES_MAX || length > GLOB_EXPANDED_CHARACTERS_MAX;
    if (isTooLong) throw malformed(this.#pattern, TOO_LONG);
  }
}

/**
 * Splits one alternative of `pattern` into pieces and wildcards.
 * @throws {TypeError} for a malformed pattern, as `Glob` does.
 */
export function piecesOf(pattern: string, characters: readonly number[]): GlobSequence {
  if (characters[0] !== SLASH) {
    throw malformed(
      pattern,
      "does not begin with a slash, as every path does; /**/ stands for any directory",
    );
  }
  const pieces: (number | CharacterClass)[][] = [[]];
  const wildcards: number[] = [];
  for (let i = 0; i < characters.length;) {
    const piece = pieces[pieces.length - 1]!;
    if (characters[i] === STAR_SIGN) {
      const { wildcard, end } = wildcardAt(pattern, characters, i, piece.length === 0);
      if (wildcard === SLASH_GLOBSTAR) piece.pop(); // the slash before the stars is a part of the wildcard
      wildcards.push(wildcard);
      pieces.push([]);
      i = end;
    } else if (characters[i] === OPENING_BRACKET) {
      const end = characters.indexOf(CLOSING_BRACKET, i);
      piece.push(classOf(pattern, characters.slice(i + 1, end)));
      i = end + 1;
    } else {
      piece.push(characters[i] === QUESTION_MARK ? ANY : characters[i]! % LITERAL);
      i++;
    }
  }
  if (wildcards.length > GLOB_WILDCARDS_MAX) {
    throw malformed(pattern, `has more than ${GLOB_WILDCARDS_MAX} wildcards`);
  }
  return { pieces, wildcards, prefix: prefixOf(pieces[0]!) };
}

function wildcardAt(
  pattern: string,
  characters: readonly number[],
  at: number,
  isAfterWildcard: boolean,
): { wildcard: number; end: number } {
  let end = at;
  while (characters[end] === STAR_SIGN) end++;
  if (end - at > 2) throw malformed(pattern, "has three stars in a row; write * or **");
  if (end - at === 1) return { wildcard: STAR, end };
  const isAfterSlash = characters[at - 1] === SLASH;
  if (isAfterSlash && !isAfterWildcard && end === characters.length) return { wildcard: SLASH_GLOBSTAR, end };
  if (isAfterSlash && characters[end] === SLASH) return { wildcard: GLOBSTAR_SLASH, end: end + 1 };
  return { wildcard: GLOBSTAR, end };
}

/** Parses the characters between brackets. A hyphen at either end is an ordinary character. */
function classOf(pattern: string, characters: readonly number[]): CharacterClass {
  const isNegated = characters[0] === EXCLAMATION_MARK || characters[0] === CIRCUMFLEX;
  const ranges: number[] = [];
  for (let i = isNegated ? 1 : 0; i < characters.length; i++) {
    const from = characters[i]! % LITERAL;
    let to = from;
    if (characters[i + 1] === HYPHEN && i + 2 < characters.length) {
      to = characters[i + 2]! % LITERAL;
      i += 2;
    }
    if (to < from) throw malformed(pattern, "has a class whose range goes backwards");
    if (from === SLASH || to === SLASH) {
      throw malformed(pattern, "has a slash in a class, where none can fit");
    }
    ranges.push(from, to);
  }
  if (ranges.length === 0) throw malformed(pattern, "has an empty class; write \\[ or \\] for a bracket");
  return { isNegated, ranges };
}

/**
 * Returns the characters before the first class or stray byte in a piece, as `encodePath` writes them; empty if there
 * are none.
 */
function prefixOf(piece: GlobPiece): string {
  const end = piece.findIndex((character) => typeof character !== "number" || character > 0x10ffff);
  const codes = (end < 0 ? piece : piece.slice(0, end)) as readonly number[];
  const text = codes.slice(1).map((code) => String.fromCodePoint(code)).join("");
  return codes.length === 0 ? "" : encodePath(new TextEncoder().encode(text), false);
}
