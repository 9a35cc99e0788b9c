/**
 * The kinds of settings that only the program has.
 * @module
 */
import { WORKERS_MAX } from "../../../server/limits.ts";
import {
  EXPECTED_LISTEN_ADDRESS,
  formatListenAddress,
  type ListenAddress,
  PORT_MAX,
  readHost,
  readListenAddress,
  readPort,
  withoutTilde,
} from "../../../server/listen/address.ts";
import { EXPECTED_PROXIES, isProxy } from "../../../server/clients/trusted_proxies.ts";
import { Expected } from "../../../server/usage_error.ts";
import { type Kind, kindOf, orNone, SIZE, wholeNumber, written } from "./kinds.ts";
import { readHostName } from "./rule_values.ts";

/** A port. The error for a directory whose name begins with a digit says how to write it. */
export const PORT: Kind<number> = kindOf({
  value: "PORT",
  example: "8080",
  expected: `a whole number from 0 to ${PORT_MAX}`,
  read: (text) => {
    try {
      return readPort(text);
    } catch (error) {
      if (!(error instanceof Expected) || !/^\d.*[^\d.]/.test(text)) throw error;
      throw new Expected(`${error.message} (a directory of this name is ./${text})`);
    }
  },
  json: [{ least: 0, most: PORT_MAX }],
});

/** An IP address. */
export const HOST: Kind<string> = kindOf({
  value: "ADDRESS",
  example: "127.0.0.1",
  expected: "an address",
  read: readHost,
});

const WHERE = {
  expected: EXPECTED_LISTEN_ADDRESS,
  pattern: /^(unix:.+|(.*:)?\d{1,5})$/,
  read: readListenAddress,
};

/** Addresses to listen on. */
export const LISTEN: Kind<readonly ListenAddress[]> = kindOf<readonly ListenAddress[]>({
  ...WHERE,
  value: "WHERE",
  example: "127.0.0.1:8080",
  expected: "an address, or a list of addresses",
  read: (text) => [readListenAddress(text)],
  join: (values) => values.flat(),
  json: ["string", { items: WHERE, empty: "at least one address" }],
  fromJson: (list: readonly string[]) => list.map(readListenAddress),
  toJson: (addresses) => addresses.length === 0 ? null : addresses.map(formatListenAddress),
  mapPaths: (addresses, map) =>
    addresses.map((address) => {
      const isFile = address.kind === "unix" && !address.path.startsWith("@");
      return isFile ? { ...address, path: map(address.path) } : address;
    }),
});

/** Connections that may wait: older kernels count them in 16 bits. */
const BACKLOG_MAX = 65535;
/** Connections that may wait to be accepted. */
export const BACKLOG: Kind<number> = wholeNumber("NUMBER", 1, BACKLOG_MAX, undefined, [
  { least: 1, most: BACKLOG_MAX },
]);

/** Octal digits of permissions: `660`. */
export function formatMode(mode: number): string {
  return mode.toString(8).padStart(3, "0");
}

/** Permissions, in octal digits as chmod(1) takes them. */
export const MODE: Kind<number> = written({
  value: "MODE",
  example: "666",
  expected: "permissions as three octal digits, such as 660 or 666",
  pattern: /^0?[0-7]{3}$/,
  parse: (text) => parseInt(text, 8),
  format: formatMode,
  toJson: formatMode,
});

const AUTO = "auto";
const WORKER_COUNT = wholeNumber("N", 0, WORKERS_MAX, `a whole number up to ${WORKERS_MAX}, or auto`);

/** A number of processes, or `auto`; 0 where the process serves by itself. */
export const WORKERS: Kind<number | "auto"> = kindOf<number | "auto">({
  value: "N",
  example: AUTO,
  expected: WORKER_COUNT.expected,
  read: (text) => text === AUTO ? AUTO : WORKER_COUNT.read(text),
  format: (count) => count === 0 ? "off" : String(count),
  json: [{ least: 0, most: WORKERS_MAX }, { words: [AUTO] }],
});

/** An address and a port. */
export type AdminAddress = Extract<ListenAddress, { kind: "tcp" }>;

/** The address of `--admin` where only a port is written: reachable from this machine only. */
const LOOPBACK = "127.0.0.1";
/** Where `--healthcheck` asks, if no address is set. */
export const DEFAULT_ADMIN: AdminAddress = { kind: "tcp", host: LOOPBACK, port: 9090 };

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "::1" || /^127\./.test(host);
}

/** `9090` (of 127.0.0.1), `10.0.0.5:9090`, `[::1]:9090`, `*:9090`; null for no admin port. */
export const ADMIN: Kind<AdminAddress | null> = orNone(written<AdminAddress>({
  value: "WHERE",
  example: "9090",
  expected: "a port (of 127.0.0.1), or an address and a port such as 127.0.0.1:9090 or [::1]:9090",
  pattern: /^(?:(?:\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost|\*):)?\d{1,5}$/,
  parse: (text) => {
    const address = readListenAddress(/^\d+$/.test(text) ? `${LOOPBACK}:${text}` : text);
    return address.kind === "tcp" ? address : undefined;
  },
  format: formatListenAddress,
  json: [{ least: 0, most: PORT_MAX }, "string"],
  toJson: formatListenAddress,
}));

/** A user, and maybe a group, by name or number; they are looked up when the program starts. */
export const ACCOUNT: Kind<string | null> = orNone(written({
  value: "NAME[:GROUP]",
  example: "www-data",
  expected: "a user, and maybe a group, such as www-data, www-data:www-data or 33:33",
  pattern: /^[^\s:\0/]+(:[^\s:\0/]+)?$/,
  parse: (text) => text,
}));

/** The path of a log, which ends with a name; null for the standard stream. */
export const LOG_FILE: Kind<string | null> = orNone(written<string>({
  value: "FILE",
  example: "/var/log/epollet/access.log",
  expected: "a file such as /var/log/epollet/access.log",
  pattern: /(^|\/)(?!\.{0,2}$)[^/]+$/,
  parse: (text) => text.includes("\0") ? undefined : withoutTilde(text),
  mapPaths: (path, map) => map(path),
}));

function readProxy(text: string): string {
  if (!isProxy(text)) throw new Expected(EXPECTED_PROXIES);
  return text;
}

/** Proxies that are believed. */
export const PROXIES: Kind<readonly string[]> = kindOf<readonly string[]>({
  value: "LIST",
  example: "loopback",
  expected: EXPECTED_PROXIES,
  read: (text) => text.split(",").map((proxy) => readProxy(proxy.trim())),
  none: [],
  join: (values) => values.flat(),
  json: ["string", { items: { expected: EXPECTED_PROXIES, read: readProxy } }],
  fromJson: (list: readonly string[]) => list,
});

/** Stands for all hosts. */
const EVERY_HOST = "*";
const EXPECTED_HOSTS =
  "names of hosts separated by commas, such as app.test,*.example.org, or * for all, or auto";

function readAllowedHosts(text: string): readonly string[] | null {
  if (text === AUTO) return null;
  try {
    return text.split(",").map((name) => name === EVERY_HOST ? name : readHostName(name));
  } catch (error) {
    if (error instanceof Expected) throw new Expected(EXPECTED_HOSTS);
    throw error;
  }
}

/** Names of hosts to answer to; null for the usual ones. */
export const ALLOWED_HOSTS: Kind<readonly string[] | null> = kindOf<readonly string[] | null>({
  value: "NAMES",
  example: "app.test",
  expected: EXPECTED_HOSTS,
  read: readAllowedHosts,
  format: (names) => names?.join(", ") ?? AUTO,
  json: ["string", { items: { expected: EXPECTED_HOSTS, read: readAllowedHosts } }],
  fromJson: (list: readonly string[]) => list.length === 0 ? [] : readAllowedHosts(list.join(",")),
  toJson: (names) => names ?? AUTO,
});

/** Bytes: one read(2) and one buffer have to be enough for a file in memory. */
const FILE_SIZE_MAX = 1024 ** 3;
const TOO_MUCH = "at most 1G";

/** The memory for files. */
export const CACHE_SIZE: Kind<number> = {
  ...SIZE,
  json: [{ least: 0, most: Number.MAX_SAFE_INTEGER, tooMuch: TOO_MUCH }, "string"],
};
/** The largest file in memory. */
export const CACHE_FILE_SIZE: Kind<number> = {
  ...SIZE,
  read: (text) => {
    const bytes = SIZE.read(text);
    if (bytes > FILE_SIZE_MAX) throw new Expected(TOO_MUCH);
    return bytes;
  },
  json: [{ least: 0, most: FILE_SIZE_MAX, tooMuch: TOO_MUCH }, "string"],
};

const KEPT_PATTERN = /^(\d{1,9})(s|m|h|d)?$/;
const KEPT_UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const KEPT_MS_MAX = 30 * 86_400_000;

/** Milliseconds for which files are kept; null for none. */
export const KEPT_TIME: Kind<number | null> = orNone(written<number>({
  value: "TIME",
  example: "24h",
  expected: "seconds, or a number with m, h or d, such as 24h; at most 30d",
  pattern: KEPT_PATTERN,
  parse: (text) => {
    const [, digits, unit = "s"] = KEPT_PATTERN.exec(text)!;
    const ms = Number(digits) * KEPT_UNITS_MS[unit]!;
    return ms >= 1 && ms <= KEPT_MS_MAX ? ms : undefined;
  },
  format: (ms) => `${ms / 1000}s`,
  json: ["number", "string"],
  toJson: (ms) => `${ms / 1000}s`,
}));
