/**
 * Errors for mistakes of the user, and for values that are not as expected.
 * @module
 */

/** A mistake of the user. The message is one line that names the thing, what was expected, and what to do. */
export class UsageError extends Error {
  /** Always `"UsageError"`. */
  override readonly name = "UsageError";
  /** Returns the words of the command line that were probably meant, given those that were typed; null where none are obvious. */
  readonly correct: ((args: readonly string[]) => readonly string[] | null) | null;

  constructor(message: string, correct: UsageError["correct"] = null) {
    super(message);
    this.correct = correct;
  }
}

/**
 * An error for an unexpected value. `message` completes "expected …". Code that knows where the value comes from makes
 * a UsageError of it.
 */
export class Expected extends Error {
  /** Always `"Expected"`. */
  override readonly name = "Expected";
}

/** Replaces control characters by `?`, so that a message stays on one line and does not disturb a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}

/** The greatest number of keys of one file that a message names. */
export const SHOWN_KEYS_MAX = 20;
