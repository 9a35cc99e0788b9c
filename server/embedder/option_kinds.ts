/**
 * What options from JavaScript must be, in tables: where TypeScript does not look, the server does.
 * @module
 */
import { describeKind } from "../../ffi/libc/bytes.ts";

/** What an option must be. */
export interface Kind {
  /** Completes "must be …". */
  readonly expected: string;
  /** True for a value that is. */
  is(value: unknown): boolean;
}

/** Names of options, and what each must be where it is there. */
export type Kinds = Readonly<Record<string, Kind>>;

/** True or false. */
export const BOOLEAN: Kind = { expected: "true or false", is: (value) => typeof value === "boolean" };
/** Any text. */
export const STRING: Kind = { expected: "a string", is: (value) => typeof value === "string" };
/** A path of the system, which cannot hold a NUL. */
export const PATH: Kind = {
  expected: "a path, without a NUL",
  is: (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
};
/** Strings. */
export const STRINGS: Kind = listOf("strings", STRING);
/** Something to call. */
export const FUNCTION: Kind = { expected: "a function", is: (value) => typeof value === "function" };

/** A whole number in a range. */
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

/** One of some words. */
export function oneOf(words: readonly string[]): Kind {
  return { expected: `one of ${words.join(", ")}`, is: (value) => words.includes(value as string) };
}

/** A list; `names` is what its members are called. */
export function listOf(names: string, member: Kind): Kind {
  return {
    expected: `a list of ${names}`,
    is: (value) => Array.isArray(value) && value.every((one) => member.is(one)),
  };
}

/** An object, or a function, that has properties; `expected` is what it is called. */
export function objectOf(expected: string, members: Kinds): Kind {
  return {
    expected,
    is: (value) =>
      ((typeof value === "object" && value !== null) || typeof value === "function") &&
      Object.entries(members).every(([name, kind]) => kind.is(Reflect.get(value, name))),
  };
}

/** The same, or null. */
export function orNull({ expected, is }: Kind): Kind {
  return { expected: `${expected}, or null`, is: (value) => value === null || is(value) };
}

/**
 * Looks at the options that are there and not undefined.
 * @throws {TypeError} `socketMode must be a whole number from 0 to 0o777, not a string`
 */
export function checkKinds(options: object, kinds: Kinds): void {
  for (const [name, { expected, is }] of Object.entries(kinds)) {
    const value: unknown = Reflect.get(options, name);
    if (value === undefined || is(value)) continue;
    throw new TypeError(`${name} must be ${expected}, not ${describeKind(value)}`);
  }
}
