/**
 * What is thrown when the user made a mistake, and when a value is not what it should be.
 * @module
 */

/** A mistake of the user's: one line that names the thing, says what was expected, and what to do. */
export class UsageError extends Error {
  /** For those who look at names. */
  override readonly name = "UsageError";
}

/** A value is not what it should be: `message` completes "expected …". Who knows its place makes a UsageError of it. */
export class Expected extends Error {
  /** For those who look at names. */
  override readonly name = "Expected";
}

/** What was written, for a message of one line: without what would end the line or disturb a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}

/** Keys of one file that are named at once: more would not fit into a line, or would fill a terminal. */
export const SHOWN_KEYS_MAX = 20;
