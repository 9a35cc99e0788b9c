/**
 * The table of all settings, in the order of `--help`, and what follows from it.
 * @module
 */
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../../server/server_limits.ts";
import { kindOf } from "./kinds.ts";
import { LIMIT_TABLE } from "./limit_table.ts";
import { PROGRAM_GROUPS, type ProgramTable } from "./program_table.ts";
import { type Entry, type Heading, HEADINGS, type Setting, settingsOf } from "./setting.ts";
import { SITE_GROUPS } from "./site_table.ts";

/** Settings that belong together. */
export interface SettingGroup {
  readonly heading: Heading;
  readonly settings: readonly Setting[];
}

/** The limits of the server. */
export const LIMITS: readonly Setting[] = settingsOf("limit", LIMIT_TABLE, DEFAULT_LIMITS);

/** The settings of hosts, which are read by `config_file.ts` and written by `write_config.ts`. */
const HOSTS = {
  hosts: {
    kind: kindOf<object>({
      value: null,
      expected: "an object with names of hosts and their settings",
      read: () => ({}),
      json: [{ own: "hosts" }],
    }),
    default: {},
    flag: null,
    help: "what is different for a host, such as example.org or *.example.org",
    examples: [{ "example.org": { root: "./example" } }],
  },
};

type Groups = { readonly [K in Heading]?: Readonly<Record<string, Entry<unknown>>> };
const OF_SITE: Groups = SITE_GROUPS;
const OF_PROGRAM: Groups = PROGRAM_GROUPS;

/** Every setting, under its heading. */
export const SETTING_GROUPS: readonly SettingGroup[] = HEADINGS.map((heading) => ({
  heading,
  settings: [
    ...settingsOf("site", OF_SITE[heading] ?? {}, DEFAULT_SITE_SETTINGS),
    ...settingsOf("program", OF_PROGRAM[heading] ?? {}),
    ...heading === "Limits" ? LIMITS : [],
    ...heading === "" ? settingsOf("hosts", HOSTS) : [],
  ],
}));

/** Every setting. */
export const SETTINGS: readonly Setting[] = SETTING_GROUPS.flatMap(({ settings }) => settings);

/** The settings of a site. */
export const SITE_SETTINGS: readonly Setting[] = SETTINGS.filter(({ scope }) => scope === "site");

const BY_KEY: ReadonlyMap<string, Setting> = new Map(SETTINGS.map((setting) => [setting.key, setting]));

/** Returns the property that a key of the file sets. */
export function propertyOf(key: string): string {
  return BY_KEY.get(key)?.property ?? key;
}

/** Keys that answer one question, where to listen: one of them overrules all of these in sources that count less. */
export const LISTENING_KEYS: readonly string[] = ["port", "host", "listen"];

/** Keys whose values from flags, environment and file are joined; of any other key the first source counts. */
export const JOINED_KEYS: readonly string[] = SITE_SETTINGS.filter(({ kind }) => kind.join !== undefined)
  .map(({ key }) => key);

/** Returns the properties that a reload cannot change, in a program with or without workers. */
export function restartSettings(hasWorkers: boolean): readonly (keyof ProgramTable)[] {
  return SETTINGS.filter(({ fixed }) => fixed === "always" || (fixed === "alone" && !hasWorkers))
    .map(({ property }) => property as keyof ProgramTable);
}

/** Returns the limits that differ from the defaults, as flags would set them. */
export function describeLimits(limits: ServerLimits): string {
  const told = LIMITS.map(({ flag, kind, property, default: usual }) => {
    const value: unknown = Reflect.get(limits, property);
    return value === usual ? null : `${flag} ${kind.format(value)}`;
  });
  return told.filter((words) => words !== null).join(", ") || "as in --help";
}

/**
 * Returns name and value of each setting of `site` that differs from `base`, without hashes of passwords. The root is
 * among them if `base` is another site.
 */
export function describeSite(
  site: SiteSettings,
  base: SiteSettings = DEFAULT_SITE_SETTINGS,
): (readonly [name: string, value: string])[] {
  const differing = SITE_SETTINGS.filter(({ property }) => {
    if (property === "root" && base === DEFAULT_SITE_SETTINGS) return false;
    return JSON.stringify(Reflect.get(site, property)) !== JSON.stringify(Reflect.get(base, property));
  });
  return differing.map(({ called, flag, key, kind, property }) => {
    return [called ?? flag ?? key, kind.format(Reflect.get(site, property)) || "none"];
  });
}
