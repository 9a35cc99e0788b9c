/**
 * Settings in force, written as a configuration file: `epollet.json` with all of this in it would say the same.
 *
 * Directories are absolute, so that the file means the same wherever it is put. What has no value (no user, no limit of
 * connections; the root, where the site is in the program) has no key. The hashes of passwords are there, since the file
 * would not be the same without them.
 * @module
 */
import { formatListenAddress } from "../../../server/listen/address.ts";
import { keyOf } from "../flags/flag_forms.ts";
import { FLAGS } from "../flags/flags.ts";
import { LIMIT_SETTINGS } from "../settings/limit_settings.ts";
import { USUAL_HOSTS } from "../settings/rule_values.ts";
import type { CommandLine } from "../settings/settings.ts";
import type { HeaderRule, SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import { Expected } from "../../../server/usage_error.ts";
import { formatMode, formatSize } from "../settings/values.ts";

/** Keys that no flag has. */
const KEYS_OF_RULES: readonly (keyof SiteSettings)[] = ["redirects", "rewrites"];

/** Settings whose names are not their keys. */
const PROPERTIES: Readonly<Record<string, string>> = {
  cacheValidate: "validate",
  ...Object.fromEntries(LIMIT_SETTINGS.map(({ key, limit }) => [key, limit])),
};

/** The setting that a key of the file sets. */
export function propertyOf(key: string): string {
  return PROPERTIES[key] ?? key;
}

/** The keys of a file and their values, as `JSON.stringify` takes them; `directory` is the working directory's path. */
export function writtenConfig(command: CommandLine, directory: string): [key: string, value: unknown][] {
  const site = writtenSite(command.site, directory);
  const keys = new Set([...FLAGS.map(keyOf).filter((key) => key !== null), ...KEYS_OF_RULES]);
  const entries = Array.from(keys, (key): [string, unknown] => [
    key,
    Object.hasOwn(site, key) ? site[key as keyof WrittenSite] : writtenSetting(key, command, directory),
  ]);
  const hosts = Array.from(
    command.hosts,
    ([name, settings]) => [name, differences(settings, command.site, directory)],
  );
  return [...entries, ["hosts", Object.fromEntries(hosts)] as [string, unknown]]
    .filter(([, value]) => value !== undefined && value !== null);
}

function writtenSetting(key: string, command: CommandLine, directory: string): unknown {
  if (key === "port" || key === "host" || key === "listen") return writtenListening(command, directory)[key];
  if (key === "allowedHosts") return command.allowedHosts ?? USUAL_HOSTS;
  if (key === "socketMode") return formatMode(command.socketMode);
  const value: unknown = Reflect.get(command, propertyOf(key));
  const limit = LIMIT_SETTINGS.find((setting) => setting.key === key);
  if (limit !== undefined) return writtenLimit(limit.kind, value as never);
  if (key === "accessLogFile" || key === "errorLog") {
    return value === null ? null : absolute(String(value), directory);
  }
  if (key === "admin") return command.admin === null ? null : formatListenAddress(command.admin);
  return key === "cacheSize" || key === "cacheFileSize" ? writtenNumber(formatSize(Number(value))) : value;
}

/** A port and its address; or a list of all addresses, since a port beside it would be one more. */
function writtenListening({ port, host, listen, addresses }: CommandLine, directory: string): {
  readonly port?: number;
  readonly host?: string;
  readonly listen?: readonly string[];
} {
  if (listen.length === 0) return { port, host };
  return {
    listen: addresses.map((address) => {
      const isFile = address.kind === "unix" && !address.path.startsWith("@");
      return formatListenAddress(isFile ? { ...address, path: absolute(address.path, directory) } : address);
    }),
  };
}

/** A limit as it is written; where there is none, 0, or no key where 0 means nothing. */
function writtenLimit<T>(
  kind: { read(text: string): T; format(value: T): string },
  value: T,
): string | number | undefined {
  try {
    return value === null || value === Infinity ? (kind.read("0"), 0) : writtenNumber(kind.format(value));
  } catch (error) {
    if (error instanceof Expected) return undefined;
    throw error;
  }
}

function writtenNumber(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text;
}

type WrittenSite = { readonly [K in Exclude<keyof SiteSettings, "isRootConfined">]: unknown };

function writtenSite(site: SiteSettings, directory: string): WrittenSite {
  const { isRootConfined: _, ...others } = site;
  const { root, spa, cors, headers } = others;
  return {
    ...others,
    root: typeof root === "string" ? absolute(root, directory) : null,
    spa: spa ?? false,
    cors: cors === null ? false : String(cors) === "*" ? true : cors,
    headers: headers.flatMap(writtenFields),
  };
}

/** What a host has to say for itself, beside the top level. */
function differences(site: SiteSettings, top: SiteSettings, directory: string): Partial<WrittenSite> {
  const own = Object.entries(writtenSite(site, directory));
  const common = writtenSite(top, directory);
  const isOwn = ([key, value]: [string, unknown]) =>
    JSON.stringify(value) !== JSON.stringify(common[key as keyof WrittenSite]);
  return Object.fromEntries(own.filter(isOwn));
}

/** A rule for fields; a name that comes again (`-H A:b -H A:c`) begins a rule of its own, since keys are there once. */
function writtenFields(
  { fields, ...where }: HeaderRule,
): (Omit<HeaderRule, "fields"> & { headers: Record<string, string | null> })[] {
  const rules: Map<string, string | null>[] = [new Map()];
  for (const [name, value] of fields) {
    if (rules[rules.length - 1]!.has(name)) rules.push(new Map());
    rules[rules.length - 1]!.set(name, value);
  }
  return rules.map((rule) => ({ ...where, headers: Object.fromEntries(rule) }));
}

/** The path from the top; `..` stays, since it may come after a link. */
function absolute(path: string, directory: string): string {
  const whole = path.startsWith("/") ? path : `${directory}/${path}`;
  return `/${whole.split("/").filter((name) => name !== "" && name !== ".").join("/")}`;
}

/** The text of the file; `noteOf` gives a comment for each key, which not everybody can read who reads JSON. */
export function configText(
  entries: readonly (readonly [key: string, value: unknown])[],
  noteOf: ((key: string) => string) | null,
): string {
  const lines = entries.map(([key, value], i) => {
    const text = `  ${JSON.stringify(key)}: ${JSON.stringify(value, null, 2).replaceAll("\n", "\n  ")}`;
    const comma = i === entries.length - 1 ? "" : ",";
    return noteOf === null ? text + comma : `${text}${comma} // ${noteOf(key)}`;
  });
  return `{\n${lines.join("\n")}\n}`;
}
