/**
 * The text of `epollet.json`: what it chooses, or the one line that says what is wrong with it.
 *
 * It is JSON, in which comments and trailing commas are allowed (as in deno.json). This module is imported only when
 * there is a file to read.
 * @module
 */
import { parse } from "@std/jsonc";
import { closestString } from "@std/text";
import type { z } from "zod";
import { DEFAULT_REALM, DEFAULT_SPA, EVERY_PATH, withoutUndefined } from "../flags/command_line.ts";
import { type ListenAddress, readHost, readListenAddress } from "../../../server/listen/address.ts";
import { readAdminAddress } from "../settings/admin_address.ts";
import { JsonPlaces } from "../settings/json_places.ts";
import { chosenLimits, type LimitKey } from "../settings/limit_settings.ts";
import { readProxies } from "../settings/log_settings.ts";
import { readAllowedHosts, readFieldValue } from "../settings/rule_values.ts";
import { configSchema, type WrittenConfig } from "./schema.ts";
import { isOfSite } from "./schema_kinds.ts";
import type { WrittenSite } from "./schema_site.ts";
import type { FileChoices } from "../settings/settings.ts";
import type { HeaderRule, SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import { SHOWN_KEYS_MAX, UsageError } from "../../../server/usage_error.ts";
import { readFileSize, readIndex, readMode, readSitePath, readSize } from "../settings/values.ts";

/** What is shown of a value that was found. */
const SHOWN_CHARACTERS_MAX = 60;

/** Where something stands: keys and indices from the top. */
type Path = readonly PropertyKey[];

/**
 * Reads the text of the file at `path`, which is named in errors, and on which relative roots depend. Of a file that was
 * found and not named (`isNamed` is false) only the keys about sites count.
 * @throws {UsageError}
 */
export function parseConfig(path: string, text: string, isNamed: boolean = true): FileChoices {
  const value = parseJson(path, text);
  const places = new JsonPlaces(text);
  const whole = validate(path, value, places);
  const ignored = isNamed ? [] : Object.keys(whole).filter((key) => !countsWhenFound(key));
  const written: WrittenConfig = withoutKeys(whole, ignored);
  const { port, host, poller, handler, coroutine, keepAlive, cacheSize, cacheFileSize } = written;
  const program = withoutUndefined({
    port,
    host: host === undefined ? undefined : readHost(host),
    listen: written.listen === undefined ? undefined : listenOf(written.listen, path),
    backlog: written.backlog,
    socketMode: written.socketMode === undefined ? undefined : readMode(written.socketMode),
    poller,
    handler,
    allowedHosts: allowedHostsOf(written.allowedHosts),
    coroutine,
    keepAlive,
    cacheSize: typeof cacheSize === "string" ? readSize(cacheSize) : cacheSize,
    cacheFileSize: typeof cacheFileSize === "string" ? readFileSize(cacheFileSize) : cacheFileSize,
    validate: written.cacheValidate,
    ...chosenLimits(({ key, kind }) => {
      const value = written[key as LimitKey];
      return value === undefined ? undefined : kind.read(String(value));
    }),
    workers: written.workers,
    admin: written.admin === undefined ? undefined : readAdminAddress(String(written.admin)),
    user: written.user,
    sandbox: written.sandbox,
    accessLog: written.accessLog,
    accessLogFile: written.accessLogFile && relativeTo(path, written.accessLogFile),
    errorLog: written.errorLog && relativeTo(path, written.errorLog),
    trustProxy: typeof written.trustProxy === "string" ? readProxies(written.trustProxy) : written.trustProxy,
    proxyProtocol: written.proxyProtocol,
  });
  const hosts = Object.entries(written.hosts ?? {}).map(([name, site]) =>
    [name.toLowerCase(), siteOf(site, path)] as const
  );
  const site = siteOf(written, path);
  const warnings = describeRepeated(path, places);
  const lineOf = ([key, name, ...rest]: Path): number => {
    const isSame = (written: string) => written.toLowerCase() === name;
    const asWritten = key === "hosts" ? Object.keys(written.hosts ?? {}).find(isSame) : undefined;
    return places.lineOf(name === undefined ? [key!] : [key!, asWritten ?? name, ...rest]);
  };
  return { path, isNamed, ignored, warnings, lineOf, program, site, hosts: new Map(hosts) };
}

/** A line for each key that stands twice, but for the many of a file that is meant to fill a terminal. */
function describeRepeated(path: string, { repeated, repeatedCount }: JsonPlaces): string[] {
  const lines = repeated.slice(0, SHOWN_KEYS_MAX).map(({ path: at, line, firstLine }) =>
    `${path}:${line}: ${
      formatPath(at)
    } stands here a second time (first in line ${firstLine}): only what is here counts`
  );
  const more = repeatedCount - lines.length;
  return more > 0 ? [...lines, `${path}: and ${more} more keys that stand twice`] : lines;
}

/** Whether a key counts in a file that was found and not named. */
function countsWhenFound(key: string): boolean {
  const { shape } = configSchema;
  return isOfSite(shape[key as keyof typeof shape]);
}

function withoutKeys(written: WrittenConfig, keys: readonly string[]): WrittenConfig {
  return Object.fromEntries(Object.entries(written).filter(([key]) => !keys.includes(key)));
}

function parseJson(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${path}: Bad JSON: it is nested too deeply`);
    if (!(error instanceof SyntaxError)) throw error;
    const offset = Number(/at position (\d+)$/.exec(error.message)?.[1] ?? text.length);
    const lines = text.slice(0, offset).split("\n");
    const [found = "end of the file"] = /^("[^"\n]*"?|[^\s,:[\]{}"]+|.)/u.exec(text.slice(offset)) ?? [];
    const place = `${path}:${lines.length}:${lines[lines.length - 1]!.length + 1}`;
    throw new UsageError(`${place}: Bad JSON: unexpected ${shorten(found)}`);
  }
}

function validate(path: string, value: unknown, places: JsonPlaces): WrittenConfig {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const { message, at } = describe(result.error.issues[0]!, [], value);
  throw new UsageError(`${path}:${places.lineOf(at)}: ${message.replace(/\p{Cc}/gu, "?")}`);
}

/** What is wrong, and with what. */
interface Mistake {
  readonly message: string;
  readonly at: Path;
}

/** One line about the first thing that is wrong; `outer` is the place of `issue`'s own path. */
function describe(issue: z.core.$ZodIssue, outer: Path, root: unknown): Mistake {
  const path = [...outer, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys": {
      const [key] = issue.keys as [string];
      const where = path.length === 0 ? "" : ` in ${formatPath(path)}`;
      if (path.length === 2 && path[0] === "hosts" && Object.hasOwn(configSchema.shape, key)) {
        const message = `Unknown key ${JSON.stringify(key)}${where}: it belongs to the top level`;
        return { message, at: [...path, key] };
      }
      const closest = closestString(key, issue.message.split(" "));
      const message = `Unknown key ${
        shorten(JSON.stringify(key))
      }${where}: the closest known one is "${closest}"`;
      return { message, at: [...path, key] };
    }
    case "invalid_union": {
      // What is wrong inside is said of the alternative that has the right type.
      const inside = issue.errors.find((issues) => !issues.some(isWrongType));
      if (inside !== undefined) return describe(inside[0]!, path, root);
      return { message: bad(path, root, issue.message), at: path };
    }
    case "invalid_key": {
      const place = formatPath(path.slice(0, -1));
      const key = shorten(JSON.stringify(String(path[path.length - 1])));
      return { message: `Bad key ${key} in ${place}: expected ${issue.issues[0]!.message}`, at: path };
    }
    default:
      return { message: bad(path, root, issue.message), at: path };
  }
}

function isWrongType(issue: z.core.$ZodIssue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_union");
}

function bad(path: Path, root: unknown, expected: string): string {
  const found = at(root, path);
  if (path.length === 0) return `Bad content ${show(found)}: expected ${expected}`;
  if (found === undefined) {
    return `Missing ${formatPath(path)}: expected ${expected}`;
  }
  // What stands in the place of a hash may be a password: it is not repeated.
  const isSecret = path.includes("auth") && path[path.length - 2] === "users";
  return `Bad ${formatPath(path)}${isSecret ? "" : ` ${show(found)}`}: expected ${expected}`;
}

/** What stands at a place. */
function at(value: unknown, path: Path): unknown {
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}

/** A value for people; what an object or a list holds would not fit into a line. */
function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "[…]";
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0 ? "{}" : "{…}";
  return shorten(JSON.stringify(value));
}

/** Cut, and free of what would disturb a terminal. */
function shorten(text: string): string {
  const characters = [...text];
  const isLong = characters.length > SHOWN_CHARACTERS_MAX;
  const shown = isLong ? `${characters.slice(0, SHOWN_CHARACTERS_MAX).join("")}…` : text;
  return shown.replace(/\p{Cc}/gu, "?");
}

/** `hosts["a.b"].redirects[2].status` */
function formatPath(path: Path): string {
  const parts = path.slice(0, SHOWN_KEYS_MAX).map((key) => {
    if (typeof key === "number") return `[${key}]`;
    const name = String(key);
    return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${shorten(name)}` : `[${shorten(JSON.stringify(name))}]`;
  });
  return parts.join("").replace(/^\./, "") + (path.length > parts.length ? "…" : "");
}

function siteOf(written: WrittenSite, path: string): Partial<SiteSettings> {
  const { index, spa, errorPages, cors } = written;
  return withoutUndefined({
    root: written.root === undefined ? undefined : relativeTo(path, written.root),
    index: typeof index === "string" ? readIndex(index) : index,
    cleanUrls: written.cleanUrls,
    spa: spa === true
      ? DEFAULT_SPA
      : spa === false
      ? null
      : spa === undefined
      ? undefined
      : readSitePath(spa),
    errorPages: errorPages === undefined ? undefined : errorPagesOf(errorPages),
    browse: written.browse,
    compress: written.compress,
    precompressed: written.precompressed,
    etag: written.etag,
    cacheControl: written.cacheControl,
    cors: cors === true ? ["*"] : cors === false ? null : cors,
    securityHeaders: written.securityHeaders,
    headers: written.headers === undefined ? undefined : headersOf(written.headers),
    redirects: written.redirects?.map((rule) => ({ ...rule, status: rule.status ?? 301 })),
    rewrites: written.rewrites?.map((rule) => ({ ...rule, ifMissing: rule.ifMissing ?? false })),
    auth: written.auth?.map(({ source = EVERY_PATH, realm = DEFAULT_REALM, users }) => ({
      source,
      realm,
      users,
    })),
  });
}

function allowedHostsOf(written: WrittenConfig["allowedHosts"]): readonly string[] | null | undefined {
  if (written === undefined) return undefined;
  return written.length === 0 ? [] : readAllowedHosts(String(written));
}

/** The path of a UNIX socket is relative, too. */
function listenOf(written: string | readonly string[], path: string): ListenAddress[] {
  return [written].flat().map((text) => {
    const address = readListenAddress(text);
    if (address.kind === "tcp" || address.path.startsWith("@")) return address;
    return { kind: "unix", path: relativeTo(path, address.path) };
  });
}

/** A directory or a log that is named in a file is relative to the one that the file is in. */
function relativeTo(path: string, root: string): string {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return root.startsWith("/") || folder === "" || folder === "./" ? root : folder + root;
}

function errorPagesOf(written: Readonly<Record<string, string>>): Record<number, string> {
  return Object.fromEntries(Object.entries(written).map(([status, path]) => [status, readSitePath(path)]));
}

function headersOf(written: NonNullable<WrittenSite["headers"]>): HeaderRule[] {
  if (!Array.isArray(written)) return [{ source: EVERY_PATH, fields: fieldsOf(written) }];
  return written.map(({ source = EVERY_PATH, type, headers }) => ({
    source,
    ...(type === undefined ? {} : { type }),
    fields: fieldsOf(headers),
  }));
}

function fieldsOf(written: Readonly<Record<string, string | null>>): HeaderRule["fields"] {
  return Object.entries(written).map((
    [name, value],
  ) => [name, value === null ? null : readFieldValue(value)]);
}
