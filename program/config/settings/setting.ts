/**
 * An entry of the table of settings. From it follow flag and opposite, variable, key of the file and its schema, help,
 * `--check`, manual page, completions, and what a reload can change.
 * @module
 */
import type { Kind } from "./kinds.ts";

/** The headings of `--help`, in this order; the last is for settings without a flag. */
export const HEADINGS = [
  "Listening",
  "Development",
  "TLS",
  "ACME",
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

/** An entry; its name in the table is the property that it sets. */
export interface Entry<T> {
  readonly kind: Kind<T>;
  /** The line of `--help`. */
  readonly help: string;
  /** The default in words, or empty to show none; missing: as the kind formats it. */
  readonly otherwise?: string;
  /** The key in the file, such as `port`, or `tls.cert` in the object `tls`; missing: the property. */
  readonly key?: string;
  /** The flag, without its hyphens; null for none. Missing: the key in kebab case. */
  readonly flag?: string | null;
  /** The short form of the flag. */
  readonly letter?: string;
  /** The name in messages; missing: `--` and the flag. */
  readonly label?: string;
  /** The name of a setting of a site in `--verbose`; missing: the flag. */
  readonly called?: string;
  /** The description in the schema; missing: the line of help. */
  readonly description?: string;
  /** The examples in the schema. */
  readonly examples?: readonly unknown[];
  /** It is about files or HTTP, and without effect with other handlers. Missing: true of sites and limits. */
  readonly isForStatic?: boolean;
  /** A reload cannot change it: at all, or in a process without workers. */
  readonly fixed?: "always" | "alone";
}

/** An entry with its default, which has the type of its kind. */
export type ProgramEntry<T> = Entry<T> & { readonly default: T };

/** Returns `parts`, whose default has the type of their kind. */
export function entry<T>(parts: Entry<T> & { readonly default: NoInfer<T> }): ProgramEntry<T> {
  return parts;
}

/** An entry with all that follows from it. */
export interface Setting extends Entry<unknown> {
  readonly scope: "program" | "site" | "limit" | "hosts";
  readonly property: string;
  readonly key: string;
  /** Without hyphens and `no-`; null for none. */
  readonly flag: string | null;
  readonly default: unknown;
}

/** Returns the settings of a table; `defaults` has the defaults of properties whose entries have none. */
export function settingsOf(
  scope: Setting["scope"],
  entries: Readonly<Record<string, Entry<unknown>>>,
  defaults: object = {},
): Setting[] {
  return Object.entries(entries).map(([property, entry]) => {
    const { key = property } = entry;
    const flag = key.replace(".", "-").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return { flag, default: Reflect.get(defaults, property), ...entry, scope, property, key };
  });
}

/** The objects of the file in which settings that belong together are, and their descriptions in the schema. */
export const OBJECTS: Readonly<Record<string, string>> = {
  tls: "Certificates, keys and the use of HTTPS.",
  acme: "Certificates that are got and renewed by ACME.",
};

/** Returns the object that has these values at these keys: that of `tls.cert` in its object `tls`. */
export function nest<T>(values: readonly (readonly [key: string, value: T])[]): Record<string, unknown> {
  const nested: Record<string, unknown> = {};
  for (const [key, value] of values) {
    const [name, inner] = key.split(".") as [string, string?];
    if (inner === undefined) nested[name] = value;
    else Object.assign(nested[name] ??= {}, { [inner]: value });
  }
  return nested;
}

/** Returns the line of `--help`, with the default in parentheses. */
export function helpOf({ help, kind, otherwise, default: value }: Setting): string {
  const isShown = kind.value !== null && kind.join === undefined;
  const shown = otherwise ?? (isShown ? kind.format(value) : "");
  return shown === "" ? help : `${help} (${shown})`;
}

/** The entries of all groups. */
export type Merged<G> = { [K in keyof G]: (entries: G[K]) => void }[keyof G] extends
  (entries: infer All) => void ? All : never;

/** Returns the entries of all groups. */
export function merged<G extends Readonly<Record<string, object>>>(groups: G): Merged<G> {
  return Object.assign({}, ...Object.values(groups)) as Merged<G>;
}
