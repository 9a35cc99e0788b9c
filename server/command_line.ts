/**
 * The command line: what it means, and what is wrong with it.
 * @module
 */
import { parseArgs } from "node:util";
import { CACHE_BYTES_MAX, CACHED_FILE_BYTES_MAX } from "./limits.ts";
import type { PollerName } from "./poller.ts";
import { POLLER_NAMES } from "./pollers/mod.ts";

/** What can be served; {@linkcode HANDLER_NAMES} are the names that `--handler` takes. */
export type HandlerName = "static" | "hello" | "greet" | "echo" | "upper" | "print";

export const HANDLER_NAMES: readonly HandlerName[] = ["static", "hello", "greet", "echo", "upper", "print"];

/** What the command line asks for. */
export interface CommandLine {
  readonly action: "serve" | "help" | "version";
  readonly port: number;
  readonly host: string;
  readonly root: string;
  readonly poller: PollerName;
  readonly handler: HandlerName;
  readonly coroutine: boolean;
  readonly index: readonly string[];
  readonly keepAlive: boolean;
  /** Bytes. */
  readonly cacheSize: number;
  /** Bytes. */
  readonly cacheFileSize: number;
  readonly validate: (typeof VALIDATIONS)[number];
  readonly verbosity: "quiet" | "normal" | "verbose";
}

/** A mistake of the user's: one line that names the thing, says what was expected, and what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const DEFAULT_PORT = 7890;
export const DEFAULT_ROOT = "./html";

const UNITS = ["", "K", "M", "G"];

/** How a file in memory may be shown to be fresh. */
export const VALIDATIONS = ["auto", "inotify", "stat", "off"] as const;

/** One option: its long name, its letter, what its value is called (none: a switch), what it does. */
interface Flag {
  readonly name: string;
  readonly letter?: string;
  readonly value?: string;
  readonly help: string;
  /** It says something about files, or about HTTP. */
  readonly isForStatic?: boolean;
}

const FLAGS: readonly Flag[] = [
  {
    name: "port",
    letter: "p",
    value: "PORT",
    help: `port to listen on; 0 lets the kernel choose (${DEFAULT_PORT})`,
  },
  {
    name: "host",
    letter: "a",
    value: "ADDRESS",
    help: "IPv4 or IPv6 address; :: takes clients of both (0.0.0.0)",
  },
  {
    name: "root",
    letter: "d",
    value: "DIR",
    help: `directory to serve (${DEFAULT_ROOT})`,
    isForStatic: true,
  },
  { name: "poller", value: "NAME", help: `${POLLER_NAMES.join(", ")} (epoll-edge)` },
  { name: "handler", value: "NAME", help: `${HANDLER_NAMES.join(", ")} (static)` },
  { name: "coroutine", help: "serve each connection by a coroutine instead of callbacks" },
  {
    name: "index",
    value: "NAMES",
    help: "files for a path that ends with /, separated by commas (index.html)",
    isForStatic: true,
  },
  {
    name: "cache-size",
    value: "SIZE",
    help: `memory for files, as in 64M or 1G; 0 keeps none (${formatSize(CACHE_BYTES_MAX)})`,
    isForStatic: true,
  },
  {
    name: "cache-file-size",
    value: "SIZE",
    help: `the largest file that is kept in memory (${formatSize(CACHED_FILE_BYTES_MAX)})`,
    isForStatic: true,
  },
  {
    name: "cache-validate",
    value: "HOW",
    help: `${VALIDATIONS.join(", ")}: how a file in memory is known to be fresh (auto)`,
    isForStatic: true,
  },
  { name: "no-keep-alive", help: "close the connection after each response", isForStatic: true },
  { name: "quiet", letter: "q", help: "print nothing but errors" },
  { name: "verbose", letter: "v", help: "print the settings in force" },
  { name: "help", letter: "h", help: "print this help" },
  { name: "version", letter: "V", help: "print the version" },
];

/** The text of `--help`. */
export function helpText(): string {
  const rows = FLAGS.map((flag) => {
    const letter = flag.letter === undefined ? "    " : `-${flag.letter}, `;
    return `  ${
      `${letter}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`.padEnd(27)
    } ${flag.help}`;
  });
  return `epollet [PORT] [ROOT] [flags]

Serves the files below ROOT (${DEFAULT_ROOT}) on PORT (${DEFAULT_PORT}), or what --handler names.

${rows.join("\n")}

Exit status: 0 after SIGINT or SIGTERM, 1 when it cannot run, 2 for a mistake on the command line.`;
}

/** Reads the arguments; with --help or --version nothing else matters. @throws {UsageError} */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { flags, positional } = collect(args);
  const action = flags.has("help") ? "help" : flags.has("version") ? "version" : "serve";
  if (action !== "serve") positional.length = 0;
  if (positional.length > 2) {
    throw new UsageError(`Unexpected argument "${positional[2]}": expected at most a port and a directory`);
  }
  const handler = parseName("handler", HANDLER_NAMES, flags.get("handler") ?? "static");
  if (handler !== "static") refuseStaticFlags(handler, flags, positional);
  return {
    action,
    port: parsePort(one("port", flags.get("port"), positional[0]) ?? String(DEFAULT_PORT)),
    host: parseHost(flags.get("host") ?? "0.0.0.0"),
    root: one("root", flags.get("root"), positional[1]) ?? DEFAULT_ROOT,
    poller: parseName("poller", POLLER_NAMES, flags.get("poller") ?? "epoll-edge"),
    handler,
    coroutine: flags.has("coroutine"),
    index: parseIndex(flags.get("index") ?? "index.html"),
    keepAlive: !flags.has("no-keep-alive"),
    cacheSize: parseSize("cache-size", flags.get("cache-size")) ?? CACHE_BYTES_MAX,
    cacheFileSize: parseFileSize(flags.get("cache-file-size")) ?? CACHED_FILE_BYTES_MAX,
    validate: parseName("--cache-validate", VALIDATIONS, flags.get("cache-validate") ?? "auto"),
    verbosity: flags.has("quiet") ? "quiet" : flags.has("verbose") ? "verbose" : "normal",
  };
}

/** Flags by their long names (switches: an empty value), and what is no flag. The library splits, we judge. */
function collect(args: readonly string[]): { flags: Map<string, string>; positional: string[] } {
  const options = Object.fromEntries(FLAGS.map(({ name, letter, value }) => {
    const type = value === undefined ? "boolean" as const : "string" as const;
    return [name, letter === undefined ? { type } : { type, short: letter }];
  }));
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<string, string>();
  const positional: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positional.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const flag = FLAGS.find((flag) => flag.name === name);
    if (flag === undefined) throw unknownFlag(rawName);
    if (flags.has(name)) throw new UsageError(`--${name} is given twice: give it once`);
    const isMissing = value === undefined || value === "" || (!inlineValue && value.startsWith("-"));
    if (flag.value !== undefined && isMissing) {
      throw new UsageError(`--${name} needs a value: --${name} ${flag.value}`);
    }
    if (flag.value === undefined && value !== undefined) {
      throw new UsageError(`--${name} takes no value: write --${name} alone`);
    }
    flags.set(name, value ?? "");
  }
  return { flags, positional };
}

function unknownFlag(flag: string): UsageError {
  return new UsageError(`Unknown flag ${flag}: see --help for those that there are`);
}

function one(name: string, flag: string | undefined, positional: string | undefined): string | undefined {
  if (flag !== undefined && positional !== undefined) {
    throw new UsageError(
      `The ${name} is given twice, as "${positional}" and as --${name} ${flag}: give it once`,
    );
  }
  return flag ?? positional;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535) {
    throw new UsageError(`Bad port "${text}": expected a whole number from 0 to 65535`);
  }
  return port;
}

/** Whether the address has the right digits is for the kernel to say; a name would have to be looked up. */
function parseHost(text: string): string {
  const host = text === "localhost" ? "127.0.0.1" : text.replace(/^\[(.*)\]$/, "$1");
  if (!/^[0-9.]+$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(host)) {
    throw new UsageError(`Bad host "${text}": expected an IPv4 or IPv6 address such as 127.0.0.1 or ::1`);
  }
  return host;
}

function parseName<T extends string>(flag: string, names: readonly T[], text: string): T {
  const name = names.find((name) => name === text);
  if (name === undefined) {
    throw new UsageError(`Unknown ${flag} "${text}": expected one of ${names.join(", ")}`);
  }
  return name;
}

/** What is said about files would be without effect. */
function refuseStaticFlags(
  handler: string,
  flags: ReadonlyMap<string, string>,
  positional: readonly string[],
): void {
  const flag = FLAGS.find(({ name, isForStatic }) => isForStatic && flags.has(name))?.name;
  const what = flag === undefined ? positional[1] : `--${flag}`;
  if (what === undefined) return;
  throw new UsageError(
    `${what} is without effect with --handler ${handler}: leave it out, or use --handler static`,
  );
}

/** Bytes, or a number with K, M or G for powers of 1024. */
function parseSize(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unit] = /^(\d{1,15})([KMG]?)i?B?$/i.exec(text) ?? [];
  const bytes = digits === undefined ? NaN : Number(digits) * 1024 ** UNITS.indexOf(unit.toUpperCase());
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`Bad --${flag} "${text}": expected bytes, or a number with K, M or G, such as 64M`);
  }
  return bytes;
}

/** One read(2) and one buffer have to be enough for a file in memory. */
function parseFileSize(text: string | undefined): number | undefined {
  const bytes = parseSize("cache-file-size", text);
  if (bytes !== undefined && bytes > 1024 ** 3) {
    throw new UsageError(`Bad --cache-file-size "${text}": expected at most 1G`);
  }
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

function parseIndex(text: string): string[] {
  const names = text.split(",");
  for (const name of names) {
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
      throw new UsageError(
        `Bad index "${text}": expected file names separated by commas, such as index.html,index.htm`,
      );
    }
  }
  return names;
}
