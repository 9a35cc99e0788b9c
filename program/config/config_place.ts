/**
 * The place in the configuration file of a setting whose mistake is found later: a root that is missing, a rule that
 * leads nowhere.
 * @module
 */
import { Rules } from "../../handlers/site/rules/rules.ts";
import type { CommandLine, FileChoices } from "./settings/settings.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import { printable, UsageError } from "../../server/usage_error.ts";
import { propertyOf } from "./settings/table.ts";

/** Keys and indices from the top of the file; a host by its name in lower case. */
export type ConfigPath = readonly [key: string, ...inside: (string | number)[]];

const RULES = ["headers", "redirects", "rewrites", "auth"] as const;

/** Returns `epollet.json:3` if the value in force at `path` is that of the file; else null. */
export function placeOf(command: CommandLine, path: ConfigPath): string | null {
  const { file } = command;
  const own = file === null ? undefined : valueAt(file, path);
  if (file === null || own === undefined) return null;
  const { site, hosts } = command;
  const inForce = valueAt({ program: command, site, hosts }, path);
  return JSON.stringify(inForce) === JSON.stringify(own) ? written(file, path) : null;
}

/** Returns `line` with the place in the file before it, if there is one. */
export function withPlace(command: CommandLine, path: ConfigPath, line: string): string {
  const place = placeOf(command, path);
  return place === null ? line : `${place}: ${line}`;
}

/** Runs `work`, which may find a mistake in the setting at `path`. @throws {UsageError} with the place in the file */
export function judgeAt<T>(command: CommandLine, path: ConfigPath, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(withPlace(command, path, error.message)) : error;
  }
}

/** Returns the place of the rule because of which `thrown` was thrown; null if it is not in the file. */
export function placeOfRule({ file }: CommandLine, thrown: TypeError): string | null {
  if (file === null) return null;
  const sites = Array.from(file.hosts, ([name, site]) => ({ path: ["hosts", name], site }));
  for (const { path, site } of [{ path: [], site: file.site }, ...sites]) {
    for (const kind of RULES) {
      for (const [index, rule] of (site[kind] ?? []).entries()) {
        if (problemOf(kind, rule) === thrown.message) return written(file, [...path, kind, index, "source"]);
      }
    }
  }
  return null;
}

function problemOf(kind: typeof RULES[number], rule: unknown): string | null {
  try {
    new Rules({ ...DEFAULT_SITE_SETTINGS, [kind]: [rule] });
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function written(file: FileChoices, path: readonly PropertyKey[]): string {
  return `${printable(file.path)}:${file.lineOf(path)}`;
}

type Settings = Pick<FileChoices, "site" | "hosts"> & { readonly program: object };

function valueAt({ program, site, hosts }: Settings, [key, ...inside]: ConfigPath): unknown {
  if (key !== "hosts") return inside.reduce(member, member(program, propertyOf(key)) ?? member(site, key));
  const [name, ...own] = inside;
  return own.reduce(member, hosts.get(String(name)) as unknown);
}

function member(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? Reflect.get(value, key)
    : undefined;
}
