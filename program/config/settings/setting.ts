/**
 * A setting: an entry of the tables of the program, of sites and of limits. All that is said about a setting is derived
 * from its entry: flag and opposite, variable, key of the file and its schema, help, `--check`, manual page, completions.
 * @module
 */
import type { Kind } from "./kinds.ts";

/** Under which settings stand in `--help`, in this order; the last is for those that have no flag. */
export const HEADINGS = [
  "Listening",
  "Site",
  "Encoding and caching",
  "Rules",
  "Limits",
  "Logs",
  "Proxies",
  "Configuration",
  "Processes",
  "Operations",
  "Privileges",
  "Internals",
  "Output",
  "",
] as const;

/** One of {@linkcode HEADINGS}. */
export type Heading = typeof HEADINGS[number];

/** What an entry says; its name in the table is the property that it sets. */
export interface Entry<T> {
  readonly kind: Kind<T>;
  /** The line of `--help`. */
  readonly help: string;
  /** The default in words; missing: the default as its kind formats it. */
  readonly otherwise?: string;
  /** The key in the file; missing: the property. */
  readonly key?: string;
  /** The flag, without hyphens; null: there is none. Missing: the key with hyphens. */
  readonly flag?: string | null;
  /** The short form of the flag. */
  readonly letter?: string;
  /** What messages call the flag where that is not `--NAME`. */
  readonly label?: string;
  /** What `--verbose` calls a setting of a site; missing: the flag. */
  readonly called?: string;
  /** For editors; missing: the line of help. */
  readonly description?: string;
  /** For editors. */
  readonly examples?: readonly unknown[];
  /** It is about files or HTTP, and without effect with other handlers. Missing: true of sites and limits. */
  readonly isForStatic?: boolean;
  /** A reload cannot change it: at all, or where the process serves alone, without workers. */
  readonly fixed?: "always" | "alone";
}

/** An entry with all that follows from it. */
export interface Setting extends Entry<unknown> {
  /** What it sets: the program, a site, a limit of the server, or the sites of hosts. */
  readonly scope: "program" | "site" | "limit" | "hosts";
  readonly property: string;
  readonly key: string;
  /** Without hyphens and without `no-`; null: there is none. */
  readonly flag: string | null;
  readonly default: unknown;
}

/** The settings of a table; `defaults` has the default of each property whose entry has none. */
export function settingsOf(
  scope: Setting["scope"],
  entries: Readonly<Record<string, Entry<unknown>>>,
  defaults: object = {},
): Setting[] {
  return Object.entries(entries).map(([property, entry]) => {
    const { key = property } = entry;
    const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return { flag, default: Reflect.get(defaults, property), ...entry, scope, property, key };
  });
}

/** The line of `--help`, and the default behind it. */
export function helpOf({ help, kind, otherwise, default: value }: Setting): string {
  const isShown = kind.value !== null && kind.join === undefined;
  const shown = otherwise ?? (isShown ? kind.format(value) : "");
  return shown === "" ? help : `${help} (${shown})`;
}

/** The entries of all groups. */
export type Merged<G> = { [K in keyof G]: (entries: G[K]) => void }[keyof G] extends
  (entries: infer All) => void ? All : never;

/** The entries of all groups. */
export function merged<G extends Readonly<Record<string, object>>>(groups: G): Merged<G> {
  return Object.assign({}, ...Object.values(groups)) as Merged<G>;
}
