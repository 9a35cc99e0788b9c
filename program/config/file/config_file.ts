/**
 * Reads the text of `epollet.json`, and describes the first mistake in one line.
 *
 * It is JSON, in which comments and trailing commas are allowed (as in deno.json). This module is imported only when
 * there is a file to read.
 * @module
 */
import { parse } from "@std/jsonc";
import { closestString } from "@std/text";
import type { z } from "zod";
import { SHOWN_KEYS_MAX, UsageError } from "../../../server/usage_error.ts";
import { fromFile } from "../settings/kinds.ts";
import { OBJECTS, type Setting } from "../settings/setting.ts";
import type { FileChoices } from "../settings/settings.ts";
import { SETTINGS, SITE_SETTINGS } from "../settings/table.ts";
import { JsonPlaces } from "./json_places.ts";
import { configSchema } from "./schema.ts";

/** An object of the file, of which the schema has found that it is right. */
type Written = Readonly<Record<string, unknown>>;

const PROGRAM_SETTINGS = SETTINGS.filter(({ scope }) => scope === "program" || scope === "limit");
/**
 * The keys that count in a file that was found and not named, too. It is an allow-list: any other key decides about more
 * than the site below the file's directory, and is ignored there.
 */
const COUNTING = ["$schema", "hosts", ...SITE_SETTINGS.map(({ key }) => key)];

const KEYS = new Set(SETTINGS.map(({ key }) => key));

/** Characters of a wrong value that a message shows. */
const SHOWN_CHARACTERS_MAX = 60;

/** Keys and indices from the top. */
type Path = readonly PropertyKey[];

/**
 * Reads the text of the file at `path`, which errors name and to which paths are relative. Only the keys about sites
 * count if `isNamed` is false: the file was found and not named.
 * @throws {UsageError}
 */
export function parseConfig(path: string, text: string, isNamed: boolean = true): FileChoices {
  const value = parseJson(path, text);
  const places = new JsonPlaces(text); // of valid JSON only
  const whole = validate(path, value, places);
  const ignored = isNamed ? [] : Object.keys(whole).filter((key) => !COUNTING.includes(key));
  const written: Written = Object.fromEntries(
    Object.entries(whole).filter(([key]) => !ignored.includes(key)),
  );
  const sites = Object.entries(written["hosts"] ?? {});
  const hosts = sites.map(([name, own]) => [name.toLowerCase(), valuesOf(SITE_SETTINGS, own, path)] as const);
  const lineOf = ([first, ...others]: Path): number => {
    const [key, name, ...rest] = [...String(first).split("."), ...others];
    const asWritten = key === "hosts"
      ? sites.find(([written]) => written.toLowerCase() === name)?.[0]
      : undefined;
    return places.lineOf(name === undefined ? [key!] : [key!, asWritten ?? name, ...rest]);
  };
  return {
    path,
    isNamed,
    ignored,
    warnings: describeRepeated(path, places),
    lineOf,
    program: valuesOf(PROGRAM_SETTINGS, written, path),
    site: valuesOf(SITE_SETTINGS, written, path),
    hosts: new Map(hosts),
  };
}

/** The values of the settings that are in an object of the file at `path`. */
function valuesOf(settings: readonly Setting[], written: Written, path: string): object {
  const there = settings.filter(({ key }) => at(written, key.split(".")) !== undefined);
  return Object.fromEntries(there.map(({ key, property, kind }) => {
    const value = fromFile(kind, at(written, key.split(".")));
    return [property, kind.mapPaths?.(value, (relative) => relativeTo(path, relative)) ?? value];
  }));
}

/** The path of a directory, a log or a UNIX socket that is named in the file at `path` is relative to the file's directory. */
function relativeTo(path: string, named: string): string {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return named.startsWith("/") || folder === "" || folder === "./" ? named : folder + named;
}

/** A line for each key that stands twice, up to a bound, so that no file fills a terminal. */
function describeRepeated(path: string, { repeated, repeatedCount }: JsonPlaces): string[] {
  const lines = repeated.slice(0, SHOWN_KEYS_MAX).map(({ path: at, line, firstLine }) =>
    `${path}:${line}: ${
      formatPath(at)
    } stands here a second time (first in line ${firstLine}): only what is here counts`
  );
  const more = repeatedCount - lines.length;
  return more > 0 ? [...lines, `${path}: and ${more} more keys that stand twice`] : lines;
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

function validate(path: string, value: unknown, places: JsonPlaces): Written {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const { message, at } = describe(result.error.issues[0]!, [], value);
  throw new UsageError(`${path}:${places.lineOf(at)}: ${message.replace(/\p{Cc}/gu, "?")}`);
}

/** A mistake, and its place. */
interface Mistake {
  readonly message: string;
  readonly at: Path;
}

/** Describes `issue` in one line; its path begins at `outer`. */
function describe(issue: z.core.$ZodIssue, outer: Path, root: unknown): Mistake {
  const path = [...outer, ...issue.path];
  switch (issue.code) {
    case "unrecognized_keys": {
      const [key] = issue.keys as [string];
      const where = path.length === 0 ? "" : ` in ${formatPath(path)}`;
      const belongs = placeOfKey(key, path);
      if (belongs !== null) {
        const message = `Unknown key ${JSON.stringify(key)}${where}: it belongs ${belongs}`;
        return { message, at: [...path, key] };
      }
      const closest = closestString(key, issue.message.split(" "));
      const message = `Unknown key ${
        shorten(JSON.stringify(key))
      }${where}: the closest known one is "${closest}"`;
      return { message, at: [...path, key] };
    }
    case "invalid_union": {
      // The mistake is the one within the alternative of the right type.
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

/** Returns where a key belongs that is unknown at `path`; null if it is unknown there, too. */
function placeOfKey(key: string, path: Path): string | null {
  const isInner = path.length === 1 || (path.length === 2 && path[0] === "hosts");
  if (isInner && Object.hasOwn(configSchema.shape, key)) return "to the top level";
  const object = path.length === 0 && Object.keys(OBJECTS).find((name) => KEYS.has(`${name}.${key}`));
  return object ? `into "${object}"` : null;
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
  // A text in place of a hash may be a password, so it is not repeated.
  const isSecret = path.includes("auth") && path[path.length - 2] === "users";
  return `Bad ${formatPath(path)}${isSecret ? "" : ` ${show(found)}`}: expected ${expected}`;
}

/** The value at a path; undefined where there is none. */
function at(value: unknown, path: Path): unknown {
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}

/** A value in one line, without the contents of objects and lists. */
function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "[…]";
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0 ? "{}" : "{…}";
  return shorten(JSON.stringify(value));
}

/** Cuts `text`, and replaces control characters. */
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
