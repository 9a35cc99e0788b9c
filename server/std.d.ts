/**
 * The types of the modules of Deno's standard library that the program and the tests use, as far as they are used.
 * `npm:deno-std` has no declarations, so the modules would be `any`. The functions for `mod.ts` are in `std.ts`.
 */

declare module "@std/jsonc" {
  /**
   * Returns the value of a JSON text with comments.
   * @throws {SyntaxError} whose message ends with "at position N", or names the end of the text
   */
  export function parse(text: string): unknown;
}

declare module "@std/yaml" {
  /** Returns the documents of a stream. @throws {SyntaxError} for invalid YAML */
  export function parseAll(text: string): unknown[];
}

declare module "@std/text" {
  /** Returns the word with the smallest distance. */
  export function closestString(word: string, possibleWords: readonly string[]): string;
  /** Returns the number of letters to insert, delete or replace that turn one word into the other. */
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
