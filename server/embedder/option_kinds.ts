/**
 * Run-time checks of options from JavaScript, where TypeScript's checks may be missing, as tables.
 * @module
 */
import { describeKind } from "../../ffi/libc/bytes.ts";

/** A kind of value that an option must have. */
export interface Kind {
  /** The text that completes "must be …". */
  readonly expected: string;
  /** Returns true if `value` is of this kind. */
  is(value: unknown): boolean;
}

/** The kind of each option, by name. All options are optional. */
export type Kinds = Readonly<Record<string, Kind>>;

export const BOOLEAN: Kind = { expected: "true or false", is: (value) => typeof value === "boolean" };
export const STRING: Kind = { expected: "a string", is: (value) => typeof value === "string" };
/** A path, which cannot contain a NUL. */
export const PATH: Kind = {
  expected: "a path, without a NUL",
  is: (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
};
export const STRINGS: Kind = listOf("strings", STRING);
/** A number of bytes, also Infinity. */
export const BYTES: Kind = {
  expected: "a number of bytes",
  is: (value) => typeof value === "number" && value >= 0,
};
export const FUNCTION: Kind = { expected: "a function", is: (value) => typeof value === "function" };

/** Returns the kind of integers from `least` to `most`. `written` formats a bound for the message. */
export function wholeNumber(
  least: number,
  most: number,
  written = (value: number): string => String(value),
): Kind {
  return {
    expected: `a whole number from ${written(least)} to ${written(most)}`,
    is: (value) => Number.isInteger(value) && value as number >= least && value as number <= most,
  };
}

/** Returns the kind of strings that are one of `words`. */
export function oneOf(words: readonly string[]): Kind {
  return { expected: `one of ${words.join(", ")}`, is: (value) => words.includes(value as string) };
}

/** Returns the kind of arrays whose elements are of kind `member`. `names` describes the elements. */
export function listOf(names: string, member: Kind): Kind {
  return {
    expected: `a list of ${names}`,
    is: (value) => Array.isArray(value) && value.every((one) => member.is(one)),
  };
}

/** Returns the kind of objects and functions with the properties `members`. `expected` describes the value. */
export function objectOf(expected: string, members: Kinds): Kind {
  return {
    expected,
    is: (value) =>
      ((typeof value === "object" && value !== null) || typeof value === "function") &&
      Object.entries(members).every(([name, kind]) => kind.is(Reflect.get(value, name))),
  };
}

/** Returns the kind of values that are of the given kind, or null. */
export function orNull({ expected, is }: Kind): Kind {
  return { expected: `${expected}, or null`, is: (value) => value === null || is(value) };
}

/**
 * Checks all options that are not undefined.
 * @throws {TypeError} `socketMode must be a whole number from 0 to 0o777, not a string`
 */
export function checkKinds(options: object, kinds: Kinds): void {
  for (const [name, { expected, is }] of Object.entries(kinds)) {
    const value: unknown = Reflect.get(options, name);
    if (value === undefined || is(value)) continue;
    throw new TypeError(`${name} must be ${expected}, not ${describeKind(value)}`);
  }
}
