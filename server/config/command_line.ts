/**
 * The command line: what it says, and what is wrong with it.
 * @module
 */
import { parseArgs } from "node:util";
import { closestString } from "@std/text";
import { type Flag, FLAGS } from "./flags.ts";
import { chosenLimits } from "./limit_settings.ts";
import { readField, readUser } from "./rule_values.ts";
import type { Action, Arguments, ProgramSettings } from "./settings.ts";
import type { AuthRule, SiteSettings } from "./site_settings.ts";
import { Expected, UsageError } from "./usage_error.ts";
import {
  readAccount,
  readCacheControl,
  readErrorPage,
  readEtag,
  readExplained,
  readFileSize,
  readHandler,
  readHost,
  readIndex,
  readOrigins,
  readPoller,
  readPort,
  readRoot,
  readSitePath,
  readSize,
  readValidation,
  readWorkers,
} from "./values.ts";

/** The glob of every path. */
export const EVERY_PATH = "/**";
/** What browsers show when they ask for a password, unless told otherwise. */
export const DEFAULT_REALM = "Restricted";
/** The file of a single-page application, unless told otherwise. */
export const DEFAULT_SPA = "/index.html";

/** The values of each flag that was given, by its long name (switches: an empty value), and what is no flag. */
interface Collected {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly positional: readonly string[];
}

/** Actions that need nothing else, the first of them first. */
const ACTIONS: readonly Action[] = ["help", "version", "hash-password"];

/** Reads the arguments; with --help, --version or --hash-password nothing else matters. @throws {UsageError} */
export function parseCommandLine(args: readonly string[]): Arguments {
  const { flags, positional } = collect(args);
  const alone = ACTIONS.find((action) => flags.has(action));
  const action = alone ?? (flags.has("explain") ? "explain" : "serve");
  if (alone === undefined && positional.length > 2) {
    throw new UsageError(`Unexpected argument "${positional[2]}": expected at most a port and a directory`);
  }
  if (flags.has("config") && flags.has("no-config")) {
    throw new UsageError("--config and --no-config exclude each other: give one of them");
  }
  const [port, root] = alone === undefined ? positional : [];
  return {
    action,
    explain: read(flags, "explain", readExplained) ?? "",
    config: flags.get("config")?.[0] ?? null,
    usesDefaultConfig: !flags.has("no-config"),
    verbosity: flags.has("quiet") ? "quiet" : flags.has("verbose") ? "verbose" : "normal",
    aboutFiles: aboutFiles(flags, root),
    program: programOf(flags, port),
    site: siteOf(flags, root),
  };
}

/** The first thing that is said about files or HTTP. */
function aboutFiles(flags: Collected["flags"], root: string | undefined): string | null {
  const flag = FLAGS.find(({ name, isForStatic }) => isForStatic && flags.has(name));
  return flag === undefined ? root ?? null : `--${flag.name}`;
}

function programOf(flags: Collected["flags"], port: string | undefined): Partial<ProgramSettings> {
  return said({
    port: positionalOr(flags, "port", port, readPortFirst),
    host: read(flags, "host", readHost, "host"),
    poller: read(flags, "poller", readPoller, "poller"),
    handler: read(flags, "handler", readHandler, "handler"),
    coroutine: flags.has("coroutine") || undefined,
    keepAlive: flags.has("no-keep-alive") ? false : undefined,
    cacheSize: read(flags, "cache-size", readSize),
    cacheFileSize: read(flags, "cache-file-size", readFileSize),
    validate: read(flags, "cache-validate", readValidation),
    ...chosenLimits(({ flag, kind }) => read(flags, flag, kind.read)),
    workers: read(flags, "workers", readWorkers),
    user: read(flags, "user", readAccount),
    sandbox: flags.has("no-sandbox") ? false : undefined,
  });
}

function siteOf(flags: Collected["flags"], root: string | undefined): Partial<SiteSettings> {
  const fields = flags.get("header")?.map((text) => judge("--header", text, readField));
  return said({
    root: positionalOr(flags, "root", root, readRoot),
    index: read(flags, "index", readIndex, "index"),
    cleanUrls: flags.has("clean-urls") || undefined,
    spa: read(flags, "spa", (text) => text === "" ? DEFAULT_SPA : readSitePath(text)),
    errorPages: readErrorPages(flags.get("error-page")),
    browse: flags.has("browse") || undefined,
    compress: flags.has("compress") || undefined,
    etag: read(flags, "etag", readEtag),
    cacheControl: read(flags, "cache-control", readCacheControl),
    cors: read(flags, "cors", (text) => text === "" ? ["*"] : readOrigins(text)),
    securityHeaders: flags.has("security-headers") || undefined,
    headers: fields && [{ source: EVERY_PATH, fields }],
    auth: readUsers(flags.get("auth")),
  });
}

/** Without what is undefined: it was left open. */
export function said<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Flags by their long names, and what is no flag. The library splits, we judge. */
function collect(args: readonly string[]): Collected {
  const options = Object.fromEntries(FLAGS.map(({ name, letter, value, isOptional }) => {
    // A value that may be left out is seen behind = only, as that of a switch would be.
    const type = value === undefined || isOptional ? "boolean" as const : "string" as const;
    return [name, letter === undefined ? { type } : { type, short: letter }];
  }));
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<string, string[]>();
  const positional: string[] = [];
  let previous: Flag | null = null; // a flag just before, whose value may be left out, and was
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (previous !== null && looksLikeValue(token.value)) throw detached(previous, token.value);
      positional.push(token.value);
    }
    previous = null;
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const flag = FLAGS.find((flag) => flag.name === name);
    if (flag === undefined) throw unknownFlag(rawName);
    checkValue(flag, value, inlineValue ?? false);
    const values = flags.get(name) ?? [];
    if (values.length > 0 && !flag.isRepeatable) {
      throw new UsageError(`--${name} is given twice: give it once`);
    }
    flags.set(name, [...values, value ?? ""]);
    if (flag.isOptional && value === undefined) previous = flag;
  }
  return { flags, positional };
}

/** A value stands where one belongs, and only there. */
function checkValue(flag: Flag, value: string | undefined, isInline: boolean): void {
  const { name, isOptional } = flag;
  if (flag.value === undefined) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value: write --${name} alone`);
  } else if (isOptional) {
    if (value === "") {
      throw new UsageError(`--${name}= needs a value: --${name}=${flag.value}, or --${name} alone`);
    }
  } else if (value === undefined || value === "" || (!isInline && value.startsWith("-"))) {
    throw new UsageError(`--${name} needs a value: --${name} ${flag.value}`);
  }
}

function unknownFlag(flag: string): UsageError {
  const closest = flag.startsWith("--")
    ? `; the closest is --${closestString(flag.slice(2), FLAGS.map(({ name }) => name))}`
    : "";
  return new UsageError(`Unknown flag ${flag}: see --help for those that there are${closest}`);
}

/** True for a file or a URL: no port, and hardly a directory. */
function looksLikeValue(text: string): boolean {
  return /\.html?$|:\/\//.test(text);
}

function detached({ name, value }: Flag, text: string): UsageError {
  return new UsageError(`--${name} takes its ${value?.toLowerCase()} behind =: write --${name}=${text}`);
}

/** The value of a flag that is given once; `label` names it in what is said of a bad one. */
function read<T>(
  flags: Collected["flags"],
  name: string,
  reader: (text: string) => T,
  label: string = `--${name}`,
): T | undefined {
  const text = flags.get(name)?.[0];
  return text === undefined ? undefined : judge(label, text, reader);
}

/** What may be given as a flag or in its place. */
function positionalOr<T>(
  flags: Collected["flags"],
  name: string,
  positional: string | undefined,
  reader: (text: string) => T,
): T | undefined {
  const flag = flags.get(name)?.[0];
  if (flag !== undefined && positional !== undefined) {
    throw new UsageError(
      `The ${name} is given twice, as "${positional}" and as --${name} ${flag}: give it once`,
    );
  }
  const text = flag ?? positional;
  return text === undefined ? undefined : judge(name, text, reader);
}

/** The port is the first argument; whoever gave the directory first is told. */
function readPortFirst(text: string): number {
  try {
    return readPort(text);
  } catch (error) {
    if (!(error instanceof Expected) || /^\d/.test(text)) throw error;
    throw new Expected(`${error.message}, and then the directory, as in epollet 7890 DIR`);
  }
}

/** Reads a value, or says what is wrong with it; `shown` is what may be repeated of it. */
function judge<T>(label: string, text: string, reader: (text: string) => T, shown: string = text): T {
  try {
    return reader(text);
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    throw new UsageError(`Bad ${label} "${shown}": expected ${error.message}`);
  }
}

function readErrorPages(values: readonly string[] | undefined): Record<number, string> | undefined {
  if (values === undefined) return undefined;
  const pages: Record<number, string> = {};
  for (const text of values) {
    const { status, path } = judge("--error-page", text, readErrorPage);
    if (status in pages) throw new UsageError(`--error-page ${status} is given twice: give it once`);
    pages[status] = path;
  }
  return pages;
}

/** Users of the whole site. What stands in the place of a hash may be a password: it is not repeated. */
function readUsers(values: readonly string[] | undefined): AuthRule[] | undefined {
  if (values === undefined) return undefined;
  const users = new Map<string, string>();
  for (const text of values) {
    const { name, hash } = judge("--auth", text, readUser, text.replace(/:.*/s, ":…"));
    if (users.has(name)) throw new UsageError(`--auth ${name} is given twice: give it once`);
    users.set(name, hash);
  }
  return [{ source: EVERY_PATH, realm: DEFAULT_REALM, users: Object.fromEntries(users) }];
}
