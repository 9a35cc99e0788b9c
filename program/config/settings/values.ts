/**
 * The values of settings as they are written: on the command line and, as strings, in `epollet.json`. Each function
 * reads one kind of value, and throws {@linkcode Expected} for what is none.
 * @module
 */
import { HANDLER_NAMES, type HandlerName } from "../../../handlers/names.ts";
import { WORKERS_MAX } from "../../../server/limits.ts";
import { withoutTilde } from "../../../server/listen/address.ts";
import type { PollerName } from "../../../server/loop/poller.ts";
import { POLLER_NAMES } from "../../../server/loop/pollers/mod.ts";
import {
  ETAG_MODES,
  type EtagMode,
  PRECOMPRESSED_MODES,
  type PrecompressedMode,
} from "../../../handlers/site/settings/site_settings.ts";
import { Expected } from "../../../server/usage_error.ts";

/** How a file in memory may be shown to be fresh. */
export const VALIDATIONS = ["auto", "inotify", "stat", "off"] as const;

/** Shells that epollet has completions for. */
export type Shell = "bash" | "zsh" | "fish";

/** Every value of {@linkcode Shell}. */
export const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];

/** More clients than that cannot wait: older kernels count them in 16 bits. */
export const BACKLOG_MAX = 65535;
/** Bytes: one read(2) and one buffer have to be enough for a file in memory. */
export const FILE_SIZE_MAX: number = 1024 ** 3;

const UNITS = ["", "K", "M", "G"];

/** A reader of one of a few names. */
function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const name = names.find((name) => name === text);
    if (name === undefined) throw new Expected(`one of ${names.join(", ")}`);
    return name;
  };
}

/** Clients that may wait to be accepted. */
export function readBacklog(text: string): number {
  const backlog = Number(text);
  if (!/^\d{1,5}$/.test(text) || backlog < 1 || backlog > BACKLOG_MAX) throw new Expected(EXPECTED_BACKLOG);
  return backlog;
}

/** What is said of a number of clients that is none. */
export const EXPECTED_BACKLOG: string = `a whole number from 1 to ${BACKLOG_MAX}`;

/** Permissions, in octal digits as chmod(1) takes them. */
export function readMode(text: string): number {
  if (!MODE.test(text)) throw new Expected(EXPECTED_MODE);
  return parseInt(text, 8);
}

/** How permissions are written. */
export const MODE: RegExp = /^0?[0-7]{3}$/;
/** What is said of permissions that are none. */
export const EXPECTED_MODE = "permissions as three octal digits, such as 660 or 666";

/** The other way round: `660`. */
export function formatMode(mode: number): string {
  return mode.toString(8).padStart(3, "0");
}

/** A directory. */
export function readRoot(text: string): string {
  if (text === "" || text.includes("\0")) throw new Expected("a directory");
  return withoutTilde(text);
}

/** A user, and maybe a group, by name or number; whether they exist is for the system to say. */
export function readAccount(text: string): string {
  if (!ACCOUNT.test(text)) throw new Expected(EXPECTED_ACCOUNT);
  return text;
}

/** How a user is written. */
export const ACCOUNT: RegExp = /^[^\s:\0/]+(:[^\s:\0/]+)?$/;
/** What is said of a user that cannot be one. */
export const EXPECTED_ACCOUNT = "a user, and maybe a group, such as www-data, www-data:www-data or 33:33";

/** A number of processes, or `auto`; 0: this one serves by itself. */
export function readWorkers(text: string): number | "auto" {
  if (text === "auto") return text;
  const count = Number(text);
  if (!/^\d{1,4}$/.test(text) || count > WORKERS_MAX) throw new Expected(EXPECTED_WORKERS);
  return count;
}

/** What is said of a number of workers that is none. */
export const EXPECTED_WORKERS: string = `a whole number up to ${WORKERS_MAX}, or auto`;

/** Bytes, or a number with K, M or G for powers of 1024. */
export function readSize(text: string): number {
  const [, digits, unit] = SIZE.exec(text) ?? [];
  const bytes = digits === undefined ? NaN : Number(digits) * 1024 ** UNITS.indexOf(unit!.toUpperCase());
  if (!Number.isSafeInteger(bytes)) throw new Expected(EXPECTED_SIZE);
  return bytes;
}

/** How a size is written. */
export const SIZE: RegExp = /^(\d{1,15})([KMGkmg]?)i?[Bb]?$/;
/** What is said of a size that is none. */
export const EXPECTED_SIZE = "bytes, or a number with K, M or G, such as 64M";

/** The same, up to {@linkcode FILE_SIZE_MAX}. */
export function readFileSize(text: string): number {
  const bytes = readSize(text);
  if (bytes > FILE_SIZE_MAX) throw new Expected("at most 1G");
  return bytes;
}

/** The other way round, in the largest unit that gives a whole number: `256M`. */
export function formatSize(bytes: number): string {
  let power = 0;
  while (power < 3 && bytes > 0 && bytes % 1024 === 0) {
    bytes /= 1024;
    power++;
  }
  return `${bytes}${UNITS[power]}`;
}

/** File names, separated by commas. */
export function readIndex(text: string): string[] {
  const names = text.split(",");
  if (!names.every(isFileName)) {
    throw new Expected("file names separated by commas, such as index.html,index.htm");
  }
  return names;
}

/** One file name. */
export function readFileName(text: string): string {
  if (!isFileName(text)) throw new Expected("a file name such as index.html");
  return text;
}

function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

/** The path of a file in the site; the slash at its beginning may be left out. */
export function readSitePath(text: string): string {
  const path = text.startsWith("/") ? text : `/${text}`;
  if (!path.slice(1).split("/").every(isFileName)) {
    throw new Expected("the path of a file in the site, such as /errors/404.html");
  }
  return path;
}

/** The status of an error. */
export function readErrorStatus(text: string): number {
  if (!/^[45]\d\d$/.test(text)) throw new Expected("a status from 400 to 599");
  return Number(text);
}

/** `STATUS=FILE`. */
export function readErrorPage(text: string): { status: number; path: string } {
  const [, status, path] = /^([^=]*)=(.+)$/.exec(text) ?? [];
  if (status === undefined) throw new Expected("STATUS=FILE, such as 404=/errors/404.html");
  return { status: readErrorStatus(status), path: readSitePath(path!) };
}

/** How entity tags are made. */
export const readEtag: (text: string) => EtagMode = oneOf(ETAG_MODES);

/** Which compressed forms that stand beside a file are served. */
export const readPrecompressed: (text: string) => PrecompressedMode = oneOf(PRECOMPRESSED_MODES);
/** What waits for readiness. */
export const readPoller: (text: string) => PollerName = oneOf(POLLER_NAMES);
/** What is served. */
export const readHandler: (text: string) => HandlerName = oneOf(HANDLER_NAMES);
/** How a file in memory is shown to be fresh. */
export const readValidation: (text: string) => (typeof VALIDATIONS)[number] = oneOf(VALIDATIONS);
/** A shell to complete flags in. */
export const readShell: (text: string) => Shell = oneOf(SHELLS);

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const DIRECTIVE = `${TOKEN}(=(${TOKEN}|"[ !#-[\\]-~]*"))?`;
const CACHE_CONTROL = new RegExp(`^${DIRECTIVE}( *, *${DIRECTIVE})*$`);

/** `auto`, `off`, or a field value: directives, of which new ones may be invented (RFC 9111 §5.2). */
export function readCacheControl(text: string): string {
  if (!CACHE_CONTROL.test(text)) {
    throw new Expected('auto, off, or a value of Cache-Control such as "public, max-age=600"');
  }
  return text;
}

/** Origins, separated by commas. */
export function readOrigins(text: string): string[] {
  return text.split(",").map(readOrigin);
}

/** One origin as browsers write it (RFC 6454 §6.1), or `*`. */
export function readOrigin(text: string): string {
  if (text === "*" || (/^https?:/.test(text) && URL.parse(text)?.origin === text)) return text;
  throw new Expected("an origin such as https://a.example (no path, no slash at its end), or *");
}

/** What `--explain` takes: a path, or a URL of the server's. */
export function readExplained(text: string): string {
  if (!text.startsWith("/") && !(/^https?:\/\//.test(text) && URL.canParse(text))) {
    throw new Expected("a path such as /about, or a URL");
  }
  return text;
}

/** What `--healthcheck` asks for: is it alive, or ready. */
export const PROBES = ["/healthz", "/readyz"] as const;

/** One of {@linkcode PROBES}; the first of them where nothing is said. */
export function readProbe(text: string): string {
  return text === "" ? PROBES[0] : oneOf(PROBES)(text);
}
