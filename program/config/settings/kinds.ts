/**
 * Kinds of value: how a value is read and written in flags, variables and the configuration file.
 * @module
 */
import type { Rate } from "../../../server/server_limits.ts";
import { Expected } from "../../../server/usage_error.ts";

/** Settings that have schemas of their own, in `rule_schemas.ts`. */
export type OwnSchema = "errorPages" | "headers" | "redirects" | "rewrites" | "auth" | "hosts";

/** A form that the file takes for a value; `schema.ts` makes a schema of it. */
export type JsonForm =
  | "boolean"
  /** A string or a number, whose text the kind reads. */
  | "string"
  | "number"
  /** A whole number in a range; `tooMuch` completes "expected …" for one above it. */
  | { readonly least: number; readonly most: number; readonly tooMuch?: string }
  | { readonly words: readonly string[] }
  /** A list of strings; `empty` completes "expected …" for an empty one. */
  | { readonly items: Readable; readonly empty?: string }
  | { readonly own: OwnSchema };

/** A text that is read. */
export interface Readable {
  /** Completes "expected …" for a value of another type. */
  readonly expected: string;
  /** The syntax, for editors; `read` may be stricter. */
  readonly pattern?: RegExp;
  /** @throws {Expected} */
  read(text: string): unknown;
}

/** The kind of a setting's value. */
export interface Kind<T> extends Readable {
  /** The name of the value in `--help`; null for a switch. */
  readonly value: string | null;
  read(text: string): T;
  /** All values, or common ones, for completions. */
  readonly words?: readonly string[];
  /** A value that users write, for `epollet help NAME`; missing: one of `words`. */
  readonly example?: string;
  /** The value of the flag without a value, and of `true` in the file; missing where the flag needs one. */
  readonly bare?: T;
  /** The value of `--no-NAME`, and of `false` in the file; missing where there is no such flag. */
  readonly none?: T;
  /** Joins the values of a flag that may be given several times; `label` names the flag. @throws {UsageError} */
  join?(values: readonly T[], label: string): T;
  /** The part of a wrong text that messages may repeat; missing: all of it. */
  shown?(text: string): string;
  /** The value as `--help` and `--verbose` show it; empty where there is none. */
  format(value: T): string;
  readonly json: readonly JsonForm[];
  /** Reads a list or an object of the file, which matches the schema. */
  fromJson?(json: never): T;
  /** The value as the file has it; null or undefined where the file has no key for it. */
  toJson(value: T): unknown;
  /** Applies `map` to each path in the value; missing where values have none. */
  mapPaths?(value: T, map: (path: string) => string): T;
}

/** Returns a kind of `parts`, with defaults for values that are texts. */
export function kindOf<T>(
  parts: Pick<Kind<T>, "value" | "expected" | "read"> & Partial<Kind<T>>,
): Kind<T> {
  return { format: (value) => String(value), json: ["string"], toJson: (value) => value, ...parts };
}

/** Returns a kind whose texts match `pattern`; `parse` returns undefined for a match that is wrong. */
export function written<T>(
  { parse, ...parts }: Omit<Parameters<typeof kindOf<T>>[0], "read"> & {
    readonly pattern: RegExp;
    readonly parse: (text: string) => T | undefined;
  },
): Kind<T> {
  const { pattern, expected } = parts;
  return kindOf<T>({
    ...parts,
    read: (text) => {
      const value = pattern.test(text) ? parse(text) : undefined;
      if (value === undefined) throw new Expected(expected);
      return value;
    },
  });
}

/** Returns `kind` with null as the value of `--no-NAME`, for which the file has no key. */
export function orNone<T>(kind: Kind<T>): Kind<T | null> {
  return {
    ...kind as Kind<T | null>,
    none: null,
    format: (value) => value === null ? "" : kind.format(value),
    toJson: (value) => value === null ? null : kind.toJson(value),
    ...kind.mapPaths && { mapPaths: (value, map) => value === null ? null : kind.mapPaths!(value, map) },
  };
}

/** Reads the value of a key of the file, which matches the schema. */
export function fromFile<T>(kind: Kind<T>, json: unknown): T {
  if (typeof json === "boolean") return (json ? kind.bare : kind.none) as T;
  const isText = typeof json === "string" || typeof json === "number";
  return isText || kind.fromJson === undefined ? kind.read(String(json)) : kind.fromJson(json as never);
}

/** On or off. */
export const SWITCH: Kind<boolean> = kindOf({
  value: null,
  expected: "true or false",
  read: () => true,
  bare: true as boolean,
  none: false,
  format: (isOn) => isOn ? "on" : "off",
  json: ["boolean"],
});

/** One of a few names. */
export function oneOf<const T extends string>(value: string, words: readonly T[]): Kind<T> {
  const expected = `one of ${words.join(", ")}`;
  const read = (text: string): T => {
    const word = words.find((word) => word === text);
    if (word === undefined) throw new Expected(expected);
    return word;
  };
  return kindOf({ value, expected, words, read, json: [{ words }] });
}

const DIGITS = /^\d{1,9}$/;
const NUMBER_OR_TEXT = ["number", "string"] as const;

function numberOf(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** Infinity has no key, since no text stands for it. */
function countOf(count: number): number | null {
  return count === Infinity ? null : count;
}

/** A whole number in a range. */
export function wholeNumber(
  value: string,
  least: number,
  most: number,
  expected = `a whole number from ${least} to ${most}`,
  json: readonly JsonForm[] = NUMBER_OR_TEXT,
): Kind<number> {
  return written({
    value,
    expected,
    example: String(Math.max(least, Math.min(most, 64))),
    pattern: DIGITS,
    parse: (text) => Number(text) >= least && Number(text) <= most ? Number(text) : undefined,
    json,
    format: (count) => count === Infinity ? "unlimited" : String(count),
    toJson: countOf,
  });
}

/** A number from 1 on. */
export const COUNT: Kind<number> = wholeNumber("COUNT", 1, Infinity, "a whole number from 1 on");
/** The same, or null where another setting decides. */
export const COUNT_OR_NULL: Kind<number | null> = COUNT as Kind<number | null>;
const FROM_ZERO = wholeNumber("COUNT", 0, Infinity, "a whole number; 0: unlimited");
/** A number; 0 stands for Infinity. */
export const COUNT_OR_ANY: Kind<number> = {
  ...FROM_ZERO,
  read: (text) => FROM_ZERO.read(text) || Infinity,
  toJson: (count) => countOf(count) ?? 0,
};

const UNITS = ["", "K", "M", "G"];

const SIZE_PATTERN = /^(\d{1,15})([KMGkmg]?)i?[Bb]?$/;

function bytesOf(text: string): number {
  const [, digits, unit = ""] = SIZE_PATTERN.exec(text)!;
  return Number(digits) * 1024 ** UNITS.indexOf(unit.toUpperCase());
}

/** Formats bytes in the largest unit that gives a whole number: `256M`. */
export function formatSize(bytes: number): string {
  let power = 0;
  while (power < 3 && bytes > 0 && bytes % 1024 === 0) {
    bytes /= 1024;
    power++;
  }
  return `${bytes}${UNITS[power]}`;
}

/** Bytes in a range; K, M and G are powers of 1024. */
export function size(
  least: number,
  most: number,
  expected = "bytes, or a number with K, M or G, such as 64M",
): Kind<number> {
  return written({
    value: "SIZE",
    expected,
    example: "64K",
    pattern: SIZE_PATTERN,
    parse: (text) => {
      const bytes = bytesOf(text);
      return Number.isSafeInteger(bytes) && bytes >= least && bytes <= most ? bytes : undefined;
    },
    format: formatSize,
    json: NUMBER_OR_TEXT,
    toJson: (bytes) => numberOf(formatSize(bytes)),
  });
}

/** Any number of bytes. */
export const SIZE: Kind<number> = size(0, Infinity);

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const TIME_PATTERN = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/;
const TIME_MS_MAX = 24 * 60 * 60 * 1000;

/** Milliseconds. */
export const TIME: Kind<number> = written({
  value: "TIME",
  example: "20s",
  expected: "seconds, or a number with ms, s, m or h, such as 15s; at most 24h",
  pattern: TIME_PATTERN,
  parse: (text) => {
    const [, digits, unit = "s"] = TIME_PATTERN.exec(text)!;
    const ms = Math.round(Number(digits) * UNITS_MS[unit]!);
    return ms >= 1 && ms <= TIME_MS_MAX ? ms : undefined;
  },
  format: (ms) => ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`,
  json: NUMBER_OR_TEXT,
  toJson: (ms) => TIME.format(ms),
});

const RATE_PATTERN = /^(\d{1,9})(?:\/([smh]))?$/;

/** Requests in a time; null for no limit. */
export const RATE: Kind<Rate | null> = written<Rate | null>({
  value: "RATE",
  example: "100/m",
  expected: "a number of requests a second, or with /s, /m or /h, such as 100/m; 0: unlimited",
  pattern: RATE_PATTERN,
  parse: (text) => {
    const [, digits, unit = "s"] = RATE_PATTERN.exec(text)!;
    return Number(digits) === 0 ? null : { requests: Number(digits), periodMs: UNITS_MS[unit]! };
  },
  format: (rate) => {
    const unit = Object.keys(UNITS_MS).find((unit) => UNITS_MS[unit] === rate?.periodMs);
    return rate === null ? "unlimited" : `${rate.requests}/${unit}`;
  },
  json: NUMBER_OR_TEXT,
  toJson: (rate) => rate === null ? 0 : RATE.format(rate),
});
