/**
 * The kinds of settings of the program: where it listens, who it is, where its logs are.
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
import { ADMIN_PATTERN, type AdminAddress, EXPECTED_ADMIN, readAdminAddress } from "./admin_address.ts";
import { type Kind, kindOf, orNone, size, wholeNumber } from "./kinds.ts";
import { readHostName } from "./rule_values.ts";

/** A port. A directory whose name begins with a digit is told how to be written. */
export const PORT: Kind<number> = kindOf({
  value: "PORT",
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
export const HOST: Kind<string> = kindOf({ value: "ADDRESS", expected: "an address", read: readHost });

const WHERE = {
  expected: EXPECTED_LISTEN_ADDRESS,
  pattern: /^(unix:.+|(.*:)?\d{1,5})$/,
  read: readListenAddress,
};

/** Addresses to listen on. */
export const LISTEN: Kind<readonly ListenAddress[]> = kindOf<readonly ListenAddress[]>({
  ...WHERE,
  value: "WHERE",
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

const MODE_PATTERN = /^0?[0-7]{3}$/;
const EXPECTED_MODE = "permissions as three octal digits, such as 660 or 666";

/** Permissions, in octal digits as chmod(1) takes them. */
export const MODE: Kind<number> = kindOf({
  value: "MODE",
  expected: EXPECTED_MODE,
  pattern: MODE_PATTERN,
  read: (text) => {
    if (!MODE_PATTERN.test(text)) throw new Expected(EXPECTED_MODE);
    return parseInt(text, 8);
  },
  format: formatMode,
  toJson: formatMode,
});

const AUTO = "auto";
const WORKER_COUNT = wholeNumber("N", 0, WORKERS_MAX, `a whole number up to ${WORKERS_MAX}, or auto`);

/** A number of processes, or `auto`; 0 where the process serves by itself. */
export const WORKERS: Kind<number | "auto"> = kindOf<number | "auto">({
  value: "N",
  expected: WORKER_COUNT.expected,
  read: (text) => text === AUTO ? AUTO : WORKER_COUNT.read(text),
  format: (count) => count === 0 ? "off" : String(count),
  json: [{ least: 0, most: WORKERS_MAX }, { words: [AUTO] }],
});

/** Where operators are served; null: nowhere. */
export const ADMIN: Kind<AdminAddress | null> = orNone(kindOf<AdminAddress>({
  value: "WHERE",
  expected: EXPECTED_ADMIN,
  pattern: ADMIN_PATTERN,
  read: readAdminAddress,
  format: formatListenAddress,
  json: [{ least: 0, most: PORT_MAX }, "string"],
  toJson: formatListenAddress,
}));

const ACCOUNT_PATTERN = /^[^\s:\0/]+(:[^\s:\0/]+)?$/;
const EXPECTED_ACCOUNT = "a user, and maybe a group, such as www-data, www-data:www-data or 33:33";

/** A user, and maybe a group, by name or number; whether they exist is for the system to say. */
export const ACCOUNT: Kind<string | null> = orNone(kindOf({
  value: "NAME[:GROUP]",
  expected: EXPECTED_ACCOUNT,
  pattern: ACCOUNT_PATTERN,
  read: (text) => {
    if (!ACCOUNT_PATTERN.test(text)) throw new Expected(EXPECTED_ACCOUNT);
    return text;
  },
}));

/** The path of a file: it ends with a name. */
const LOG_FILE_PATTERN = /(^|\/)(?!\.{0,2}$)[^/]+$/;
const EXPECTED_LOG_FILE = "a file such as /var/log/epollet/access.log";

/** The path of a log; null for the standard stream. */
export const LOG_FILE: Kind<string | null> = orNone(kindOf<string>({
  value: "FILE",
  expected: EXPECTED_LOG_FILE,
  pattern: LOG_FILE_PATTERN,
  read: (text) => {
    if (!LOG_FILE_PATTERN.test(text) || text.includes("\0")) throw new Expected(EXPECTED_LOG_FILE);
    return withoutTilde(text);
  },
  mapPaths: (path, map) => map(path),
}));

function readProxy(text: string): string {
  if (!isProxy(text)) throw new Expected(EXPECTED_PROXIES);
  return text;
}

/** Proxies that are believed. */
export const PROXIES: Kind<readonly string[]> = kindOf<readonly string[]>({
  value: "LIST",
  expected: EXPECTED_PROXIES,
  read: (text) => text.split(",").map((proxy) => readProxy(proxy.trim())),
  none: [],
  join: (values) => values.flat(),
  json: ["string", { items: { expected: EXPECTED_PROXIES, read: readProxy } }],
  fromJson: (list: readonly string[]) => list,
});

/** What stands for all hosts, and for those that are allowed where nothing is said. */
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

/** Names of hosts that may be asked for; null: the usual ones. */
export const ALLOWED_HOSTS: Kind<readonly string[] | null> = kindOf<readonly string[] | null>({
  value: "NAMES",
  expected: EXPECTED_HOSTS,
  read: readAllowedHosts,
  format: (names) => names?.join(", ") ?? AUTO,
  json: ["string", { items: { expected: EXPECTED_HOSTS, read: readAllowedHosts } }],
  fromJson: (list: readonly string[]) => list.length === 0 ? [] : readAllowedHosts(list.join(",")),
  toJson: (names) => names ?? AUTO,
});

/** Bytes: one read(2) and one buffer have to be enough for a file in memory. */
const FILE_SIZE_MAX = 1024 ** 3;

/** The memory for files. */
export const CACHE_SIZE: Kind<number> = cacheSize(Number.MAX_SAFE_INTEGER);
/** The largest file in memory. */
export const CACHE_FILE_SIZE: Kind<number> = cacheSize(FILE_SIZE_MAX);

function cacheSize(most: number): Kind<number> {
  const any = size(0, Infinity);
  return {
    ...any,
    read: (text) => {
      const bytes = any.read(text);
      if (bytes > most) throw new Expected("at most 1G");
      return bytes;
    },
    json: [{ least: 0, most, tooMuch: "at most 1G" }, "string"],
  };
}
