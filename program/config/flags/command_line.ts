/**
 * The command line: what it says, and what is wrong with it.
 * @module
 */
import { readAdminAddress } from "../settings/admin_address.ts";
import { collectFlags } from "./collect_flags.ts";
import { FLAG_FORMS } from "./flag_forms.ts";
import { type GivenFlags, judge } from "../settings/given_flags.ts";
import { readHost, readListenAddress, readPort, withoutTilde } from "../../../server/listen/address.ts";
import { chosenLimits } from "../settings/limit_settings.ts";
import { readLogFile, readLogFormat, readProxies } from "../settings/log_settings.ts";
import { readAllowedHosts, readField, readUser } from "../settings/rule_values.ts";
import type { Action, Arguments, Choices, ProgramSettings, Verbosity } from "../settings/settings.ts";
import type { AuthRule, SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import { Expected, UsageError } from "../../../server/usage_error.ts";
import {
  readAccount,
  readBacklog,
  readCacheControl,
  readErrorPage,
  readEtag,
  readExplained,
  readFileSize,
  readHandler,
  readIndex,
  readMode,
  readOrigins,
  readPoller,
  readPrecompressed,
  readProbe,
  readRoot,
  readShell,
  readSitePath,
  readSize,
  readValidation,
  readWorkers,
} from "../settings/values.ts";

/** The glob of every path. */
export const EVERY_PATH = "/**";
/** What browsers show when they ask for a password, unless told otherwise. */
export const DEFAULT_REALM = "Restricted";
/** The file of a single-page application, unless told otherwise. */
export const DEFAULT_SPA = "/index.html";

/** What is said of a subcommand of other servers. */
export const NO_SUBCOMMANDS = "epollet has no subcommands";

/** A word that other servers take for what is to be done. */
export function isSubcommand(word: string): boolean {
  return /^(start|serve|server|run|dev|preview|http-server|file-server)$/.test(word);
}

/** Actions that need nothing else, the first of them first. */
const ACTIONS: readonly Action[] = ["help", "version", "man", "completions", "hash-password"];
/** Actions that all the settings are read for. */
const WITH_SETTINGS: readonly Action[] = ["check", "explain", "healthcheck"];

/** Reads the arguments; with --help and the like nothing else matters. @throws {UsageError} */
export function parseCommandLine(args: readonly string[]): Arguments {
  const { flags, positional } = collectFlags(args);
  const alone = ACTIONS.find((action) => flags.has(action));
  const action = alone ?? WITH_SETTINGS.find((action) => flags.has(action)) ?? "serve";
  if (alone === undefined && positional.length > 2) {
    throw new UsageError(`Unexpected argument "${positional[2]}": expected at most a port and a directory`);
  }
  const [port, root] = alone === undefined ? portAndRoot(positional) : [];
  return {
    action,
    explain: read(flags, "explain", readExplained) ?? "",
    healthcheck: read(flags, "healthcheck", readProbe) ?? "",
    shell: read(flags, "completions", readShell) ?? null,
    ...whereFrom(flags),
    aboutFiles: aboutFiles(flags, root),
    flags,
    program: programOf(flags, port),
    site: siteOf(flags, root),
  };
}

/** What begins with a digit is the port; what does not, in the first place, is the root. @throws {UsageError} */
function portAndRoot([first, second]: readonly string[]): readonly (string | undefined)[] {
  if (first !== undefined && second !== undefined && !/^\d/.test(first) && !/^\d/.test(second)) {
    const why = isSubcommand(first)
      ? NO_SUBCOMMANDS
      : "expected a port and a directory, and neither begins with a digit";
    throw new UsageError(
      `Unexpected argument "${first}": ${why}: write "epollet ${second}" or "epollet 7890 ${second}"`,
    );
  }
  return first === undefined || /^\d/.test(first) ? [first, second] : [second, first];
}

/** The file that is to be read, and how much is printed. */
export function whereFrom(
  flags: GivenFlags,
): { config: string | null; usesDefaultConfig: boolean; verbosity: Verbosity | null } {
  const config = read(flags, "config", withoutTilde) ?? null;
  const isQuiet = flags.isOn("quiet");
  const isVerbose = flags.isOn("verbose");
  const verbosity = isQuiet ? "quiet" : isVerbose ? "verbose" : null;
  const isSaid = isQuiet !== undefined || isVerbose !== undefined;
  return {
    config,
    usesDefaultConfig: !flags.has("no-config"),
    verbosity: verbosity ?? (isSaid ? "normal" : null),
  };
}

/** What flags choose, wherever they come from. @throws {UsageError} */
export function choicesOf(flags: GivenFlags): Choices {
  return { program: programOf(flags, undefined), site: siteOf(flags, undefined) };
}

/** The first thing that is said about files or HTTP. */
function aboutFiles(flags: GivenFlags, root: string | undefined): string | null {
  const form = [...FLAG_FORMS.values()].find(({ name, flag }) => flag.isForStatic && flags.has(name));
  return form === undefined ? root ?? null : `--${form.name}`;
}

function programOf(flags: GivenFlags, port: string | undefined): Partial<ProgramSettings> {
  return withoutUndefined({
    port: positionalOr(flags, "port", port, readNamedPort),
    host: read(flags, "host", readHost, "host"),
    listen: flags.get("listen")?.map((text) => judge(flags.label("listen"), text, readListenAddress)),
    backlog: read(flags, "backlog", readBacklog),
    socketMode: read(flags, "socket-mode", readMode),
    poller: read(flags, "poller", readPoller, "poller"),
    handler: read(flags, "handler", readHandler, "handler"),
    allowedHosts: read(flags, "allowed-hosts", readAllowedHosts),
    coroutine: flags.isOn("coroutine"),
    keepAlive: flags.isOn("keep-alive"),
    cacheSize: read(flags, "cache-size", readSize),
    cacheFileSize: read(flags, "cache-file-size", readFileSize),
    validate: read(flags, "cache-validate", readValidation),
    ...chosenLimits(({ flag, kind }) => read(flags, flag, kind.read)),
    workers: read(flags, "workers", readWorkers),
    admin: readOrNone(flags, "admin", readAdminAddress),
    user: readOrNone(flags, "user", readAccount),
    sandbox: flags.isOn("sandbox"),
    accessLog: read(flags, "access-log", readLogFormat),
    accessLogFile: readOrNone(flags, "access-log-file", readLogFile),
    errorLog: readOrNone(flags, "error-log", readLogFile),
    trustProxy: readTrusted(flags),
    proxyProtocol: flags.isOn("proxy-protocol"),
  });
}

function siteOf(flags: GivenFlags, root: string | undefined): Partial<SiteSettings> {
  const fields = flags.get("header")?.map((text) => judge(flags.label("header"), text, readField));
  return withoutUndefined({
    root: positionalOr(flags, "root", root, readRoot),
    index: read(flags, "index", readIndex, "index"),
    cleanUrls: flags.isOn("clean-urls"),
    spa: readOrNone(flags, "spa", (text) => text === "" ? DEFAULT_SPA : readSitePath(text)),
    errorPages: readErrorPages(flags.get("error-page"), flags.label("error-page")),
    browse: flags.isOn("browse"),
    compress: flags.isOn("compress"),
    precompressed: read(flags, "precompressed", readPrecompressed),
    etag: read(flags, "etag", readEtag),
    cacheControl: read(flags, "cache-control", readCacheControl),
    cors: readOrNone(flags, "cors", (text) => text === "" ? ["*"] : readOrigins(text)),
    securityHeaders: flags.isOn("security-headers"),
    headers: fields && [{ source: EVERY_PATH, fields }],
    auth: readUsers(flags.get("auth"), flags.label("auth")),
  });
}

/** Without what is undefined: it was left open. */
export function withoutUndefined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** The value of a flag that is given once; `label` is what it is called on the command line where it is bad. */
function read<T>(
  flags: GivenFlags,
  name: string,
  reader: (text: string) => T,
  label: string = `--${name}`,
): T | undefined {
  const text = flags.get(name)?.[0];
  return text === undefined ? undefined : judge(flags.label(name, label), text, reader);
}

/** The same; null where it is taken back. */
function readOrNone<T>(flags: GivenFlags, name: string, reader: (text: string) => T): T | null | undefined {
  return flags.has(`no-${name}`) ? null : read(flags, name, reader);
}

/** All that are named, however often the flag is given; none where it is taken back. */
function readTrusted(flags: GivenFlags): string[] | undefined {
  if (flags.has("no-trust-proxy")) return [];
  return flags.get("trust-proxy")?.flatMap((text) => judge(flags.label("trust-proxy"), text, readProxies));
}

/** What may be given as a flag or in its place. */
function positionalOr<T>(
  flags: GivenFlags,
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
  return text === undefined ? undefined : judge(flags.label(name, name), text, reader);
}

/** A port; whoever meant a directory whose name begins with a digit is told how. */
function readNamedPort(text: string): number {
  try {
    return readPort(text);
  } catch (error) {
    if (!(error instanceof Expected) || !/^\d.*[^\d.]/.test(text)) throw error;
    throw new Expected(`${error.message} (a directory of this name is ./${text})`);
  }
}

function readErrorPages(
  values: readonly string[] | undefined,
  label: string,
): Record<number, string> | undefined {
  if (values === undefined) return undefined;
  const pages: Record<number, string> = {};
  for (const text of values) {
    const { status, path } = judge(label, text, readErrorPage);
    if (status in pages) throw new UsageError(`${label} ${status} is given twice: give it once`);
    pages[status] = path;
  }
  return pages;
}

/** Users of the whole site. What stands in the place of a hash may be a password: it is not repeated. */
function readUsers(values: readonly string[] | undefined, label: string): AuthRule[] | undefined {
  if (values === undefined) return undefined;
  const users = new Map<string, string>();
  for (const text of values) {
    const { name, hash } = judge(label, text, readUser, text.replace(/:.*/s, ":…"));
    if (users.has(name)) throw new UsageError(`${label} ${name} is given twice: give it once`);
    users.set(name, hash);
  }
  return [{ source: EVERY_PATH, realm: DEFAULT_REALM, users: Object.fromEntries(users) }];
}
