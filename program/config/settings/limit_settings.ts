/**
 * The limits that a user can set: one table for flags, the configuration file and its schema.
 * @module
 */
import { DEFAULT_LIMITS, type Rate, type ServerLimits } from "../../../server/server_limits.ts";
import { Expected } from "../../../server/usage_error.ts";
import { FIELDS_MOST, HEAD_BYTES_LEAST, HEAD_BYTES_MOST } from "../../../server/limits.ts";
import { EXPECTED_SIZE, formatSize, readSize, SIZE as SIZE_PATTERN } from "./values.ts";

/** What a value of a setting looks like. */
export interface LimitKind<T> {
  /** What `--help` calls it. */
  readonly value: string;
  /** Reads it. @throws {Expected} */
  readonly read: (text: string) => T;
  /** The other way round. */
  format(value: T): string;
  /** What is said of one that is none. */
  readonly expected: string;
  /** How it is written; for editors. */
  readonly pattern: RegExp;
}

/** One limit. */
export interface LimitSetting {
  /** Its flag, without the hyphens. */
  readonly flag: string;
  /** Its key in the configuration file. */
  readonly key: string;
  /** What it sets. */
  readonly limit: keyof ServerLimits;
  /** How it is written. */
  readonly kind: LimitKind<number | Rate | null>;
  /** What holds otherwise, as it would be written. */
  readonly otherwise: string;
  /** It is about HTTP, and not about other handlers. */
  readonly isForStatic: boolean;
  /** One line. */
  readonly help: string;
}

/** The longest time that can be set. */
const TIME_MS_MAX = 24 * 60 * 60 * 1000;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const TIME_PATTERN = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)?$/;
const EXPECTED_TIME = "seconds, or a number with ms, s, m or h, such as 15s; at most 24h";
const EXPECTED_COUNT = "a whole number from 1 on";
const EXPECTED_COUNT_OR_NONE = "a whole number; 0: any";
const EXPECTED_HEAD_SIZE = "bytes from 1K to 1M, as in 64K";
const EXPECTED_FIELDS = `a whole number from 1 to ${FIELDS_MOST}`;
const COUNT_PATTERN = /^\d{1,9}$/;
const RATE_PATTERN = /^(\d{1,9})(?:\/([smh]))?$/;
const EXPECTED_RATE = "a number of requests a second, or with /s, /m or /h, such as 100/m; 0: any";

/** A time in milliseconds. */
export function readTime(text: string): number {
  const [, digits, unit = "s"] = TIME_PATTERN.exec(text) ?? [];
  const ms = Math.round(Number(digits) * UNITS_MS[unit]!);
  if (!(ms >= 1 && ms <= TIME_MS_MAX)) throw new Expected(EXPECTED_TIME);
  return ms;
}

/** The other way round: `15s`, `1500ms`. */
export function formatTime(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** Requests in a time; null: any. */
export function readRate(text: string): Rate | null {
  const [, digits, unit = "s"] = RATE_PATTERN.exec(text) ?? [];
  if (digits === undefined) throw new Expected(EXPECTED_RATE);
  const requests = Number(digits);
  return requests === 0 ? null : { requests, periodMs: UNITS_MS[unit]! };
}

/** A number from 1 on. */
function readCount(text: string): number {
  const count = Number(text);
  if (!COUNT_PATTERN.test(text) || count < 1) throw new Expected(EXPECTED_COUNT);
  return count;
}

/** A size of heads. */
function readHeadSize(text: string): number {
  if (!SIZE_PATTERN.test(text)) throw new Expected(EXPECTED_HEAD_SIZE);
  const size = readSize(text);
  if (size < HEAD_BYTES_LEAST || size > HEAD_BYTES_MOST) throw new Expected(EXPECTED_HEAD_SIZE);
  return size;
}

/** A number of fields. */
function readFields(text: string): number {
  const count = Number(text);
  if (!COUNT_PATTERN.test(text) || count < 1 || count > FIELDS_MOST) throw new Expected(EXPECTED_FIELDS);
  return count;
}

/** A number; 0 stands for no limit. */
function readCountOrNone(text: string): number {
  if (!COUNT_PATTERN.test(text)) throw new Expected(EXPECTED_COUNT_OR_NONE);
  return Number(text) || Infinity;
}

function formatCount(count: number): string {
  return count === Infinity ? "any" : String(count);
}

function formatRate(rate: Rate | null): string {
  const unit = Object.keys(UNITS_MS).find((unit) => UNITS_MS[unit] === rate?.periodMs);
  return rate === null ? "any" : `${rate.requests}/${unit}`;
}

const TIME: LimitKind<number> = {
  value: "TIME",
  read: readTime,
  format: formatTime,
  expected: EXPECTED_TIME,
  pattern: TIME_PATTERN,
};
const COUNT: LimitKind<number> = {
  value: "COUNT",
  read: readCount,
  format: formatCount,
  expected: EXPECTED_COUNT,
  pattern: COUNT_PATTERN,
};
const COUNT_OR_NONE: LimitKind<number> = {
  value: "COUNT",
  read: readCountOrNone,
  format: formatCount,
  expected: EXPECTED_COUNT_OR_NONE,
  pattern: COUNT_PATTERN,
};
const SIZE: LimitKind<number> = {
  value: "SIZE",
  read: readSize,
  format: formatSize,
  expected: EXPECTED_SIZE,
  pattern: SIZE_PATTERN,
};
const HEAD_SIZE: LimitKind<number> = {
  value: "SIZE",
  read: readHeadSize,
  format: formatSize,
  expected: EXPECTED_HEAD_SIZE,
  pattern: SIZE_PATTERN,
};
const FIELDS: LimitKind<number> = {
  value: "COUNT",
  read: readFields,
  format: formatCount,
  expected: EXPECTED_FIELDS,
  pattern: COUNT_PATTERN,
};
const RATE: LimitKind<Rate | null> = {
  value: "RATE",
  read: readRate,
  format: formatRate,
  expected: EXPECTED_RATE,
  pattern: RATE_PATTERN,
};

function setting<K extends string>(
  flag: string,
  key: K,
  limit: keyof ServerLimits,
  kind: LimitKind<number | Rate | null>,
  otherwise: string,
  help: string,
  isForStatic = true,
): LimitSetting & { readonly key: K } {
  return { flag, key, limit, kind, otherwise, help: `${help} (${otherwise})`, isForStatic };
}

const {
  headTimeoutMs,
  bodyTimeoutMs,
  sendTimeoutMs,
  keepAliveTimeoutMs,
  receiveRateMin,
  sendRateMin,
  headBytesMax,
  fieldsMax,
  bodyBytesMax,
  gracePeriodMs,
} = DEFAULT_LIMITS;

/** Every limit that can be set, in the order of `--help`. */
export const LIMIT_SETTINGS = [
  setting(
    "head-timeout",
    "headTimeout",
    "headTimeoutMs",
    TIME,
    formatTime(headTimeoutMs),
    "for the head of a request, from its first byte; past it: 408",
  ),
  setting(
    "body-timeout",
    "bodyTimeout",
    "bodyTimeoutMs",
    TIME,
    formatTime(bodyTimeoutMs),
    "in which more of a request's body has to come; past it: 408",
  ),
  setting(
    "send-timeout",
    "sendTimeout",
    "sendTimeoutMs",
    TIME,
    formatTime(sendTimeoutMs),
    "in which a client has to take more of its response",
    false,
  ),
  setting(
    "keep-alive-timeout",
    "keepAliveTimeout",
    "keepAliveTimeoutMs",
    TIME,
    formatTime(keepAliveTimeoutMs),
    "between two requests, and before the first",
  ),
  setting(
    "min-receive-rate",
    "minReceiveRate",
    "receiveRateMin",
    SIZE,
    formatSize(receiveRateMin),
    "bytes a second of a body, averaged over its timeout; 0: any",
  ),
  setting(
    "min-send-rate",
    "minSendRate",
    "sendRateMin",
    SIZE,
    formatSize(sendRateMin),
    "bytes a second of a response, likewise; 0: any",
    false,
  ),
  setting(
    "max-head",
    "maxHead",
    "headBytesMax",
    HEAD_SIZE,
    formatSize(headBytesMax),
    "the longest head of a request; past it: 431",
  ),
  setting(
    "max-fields",
    "maxFields",
    "fieldsMax",
    FIELDS,
    String(fieldsMax),
    "lines of fields in a head; past it: 431",
  ),
  setting(
    "max-body",
    "maxBody",
    "bodyBytesMax",
    SIZE,
    formatSize(bodyBytesMax),
    "the largest body of a request; past it: 413",
  ),
  setting(
    "max-connections",
    "maxConnections",
    "connectionsMax",
    COUNT,
    "what ulimit -n leaves",
    "clients at the same time; past it: 503",
    false,
  ),
  setting(
    "max-per-ip",
    "maxPerIp",
    "connectionsPerAddressMax",
    COUNT_OR_NONE,
    "any",
    "clients of one address, or IPv6 /64; past it: 503",
    false,
  ),
  setting(
    "rate",
    "rate",
    "requestRateMax",
    RATE,
    "any",
    "requests of one address, as in 20/s or 100/m; past it: 429",
  ),
  setting(
    "rate-burst",
    "rateBurst",
    "requestBurstMax",
    COUNT,
    "its number",
    "how many of them may come at once, after a pause",
  ),
  setting(
    "grace-period",
    "gracePeriod",
    "gracePeriodMs",
    TIME,
    formatTime(gracePeriodMs),
    "for what has begun when it is to end; then it is cut off",
    false,
  ),
] as const;

/** The keys in the configuration file. */
export type LimitKey = (typeof LIMIT_SETTINGS)[number]["key"];

/** The limits that `valueOf` has a value for. */
export function chosenLimits(valueOf: (setting: LimitSetting) => unknown): Partial<ServerLimits> {
  const chosen = LIMIT_SETTINGS.map((setting) => [setting.limit, valueOf(setting)] as const);
  return Object.fromEntries(chosen.filter(([, value]) => value !== undefined));
}

/** Those that are not what they are for everybody, as flags would say them. */
export function describeLimits(limits: ServerLimits): string {
  const told = LIMIT_SETTINGS.filter(({ limit }) => limits[limit] !== DEFAULT_LIMITS[limit]);
  const words = told.map(({ flag, limit, kind }) =>
    `${flag} ${(kind as LimitKind<number | Rate | null>).format(limits[limit])}`
  );
  return words.join(", ") || "as in --help";
}
