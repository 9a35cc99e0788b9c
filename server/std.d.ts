/**
 * The types of the modules of Deno's standard library that the program and the tests use, and `mod.ts` does not (that has
 * `std.ts`). As `npm:deno-std` they come without declarations and would be `any`. Only what is used stands here.
 */

declare module "@std/jsonc" {
  /** The value of a JSON text with comments. @throws {SyntaxError} that ends with "at position N", or at the text's end. */
  export function parse(text: string): unknown;
}

declare module "@std/yaml" {
  /** The documents of a stream. @throws {SyntaxError} */
  export function parseAll(text: string): unknown[];
}

declare module "@std/text" {
  /** The word that takes the fewest changes. */
  export function closestString(word: string, possibleWords: readonly string[]): string;
  /** How many letters have to be put in, taken out or changed to make the one of the other. */
  export function levenshteinDistance(one: string, other: string): number;
}

declare module "@std/assert" {
  export function assert(condition: unknown, message?: string): asserts condition;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertLess(actual: number, expected: number, message?: string): void;
  export function assertThrows<E extends Error>(
    call: () => unknown,
    type?: new (...parameters: never[]) => E,
    messageIncludes?: string,
  ): E;
}
