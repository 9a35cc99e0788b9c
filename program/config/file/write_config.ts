/**
 * Writes the settings in force as a configuration file, with which the program would have the same settings.
 *
 * Directories are absolute, so that the file means the same wherever it is put. Settings without a value (no user, no
 * limit of connections, the root where the site is in the program) have no key. Hashes of passwords are included.
 * @module
 */
import type { SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import { nest, OBJECTS, type Setting } from "../settings/setting.ts";
import type { CommandLine } from "../settings/settings.ts";
import { SETTINGS, SITE_SETTINGS } from "../settings/table.ts";

/** The keys of a file and their values, as `JSON.stringify` takes them; `directory` is the working directory's path. */
export function writtenConfig(command: CommandLine, directory: string): [key: string, value: unknown][] {
  const { site, hosts, ...program } = command;
  const values = { ...program, ...site, ...listening(command) };
  const entries = SETTINGS.map((setting): [string, unknown] => {
    if (setting.scope !== "hosts") return [setting.key, written(setting, values, directory)];
    const own = Array.from(hosts, ([name, own]) => [name, differences(own, site, directory)]);
    return [setting.key, Object.fromEntries(own)];
  });
  return Object.entries(nest(entries.filter(([, value]) => value !== undefined && value !== null)));
}

/** The list of all addresses in place of a port and an address, which beside it would be one more. */
function listening({ listen, addresses }: CommandLine): object {
  return listen.length === 0
    ? { listen: undefined }
    : { port: undefined, host: undefined, listen: addresses };
}

/** A setting as the file has it; null or undefined where it has no key. */
function written({ property, kind }: Setting, values: object, directory: string): unknown {
  const value: unknown = Reflect.get(values, property);
  if (value === undefined) return undefined;
  return kind.toJson(kind.mapPaths?.(value, (path) => absolute(path, directory)) ?? value);
}

/** The settings of a host that differ from the top level. */
function differences(site: SiteSettings, top: SiteSettings, directory: string): object {
  const values = SITE_SETTINGS.map((setting) => [setting, written(setting, site, directory)] as const);
  const own = values.filter(([setting, value]) =>
    JSON.stringify(value) !== JSON.stringify(written(setting, top, directory))
  );
  return Object.fromEntries(own.map(([{ key }, value]) => [key, value]));
}

/** The absolute path; `..` stays, since it may come after a link. */
function absolute(path: string, directory: string): string {
  const whole = path.startsWith("/") ? path : `${directory}/${path}`;
  return `/${whole.split("/").filter((name) => name !== "" && name !== ".").join("/")}`;
}

/** The text of the file. `noteOf` returns a comment for each setting, such as `tls.cert`; null for JSON without comments. */
export function configText(
  entries: readonly (readonly [key: string, value: unknown])[],
  noteOf: ((key: string) => string) | null,
): string {
  const lines = entries.map(([key, value], i) => {
    const isOuter = Object.hasOwn(OBJECTS, key);
    const innerNote = noteOf === null ? null : (name: string) => noteOf(`${key}.${name}`);
    const text = isOuter
      ? configText(Object.entries(value as object), innerNote)
      : JSON.stringify(value, null, 2);
    const line = `  ${JSON.stringify(key)}: ${text.replaceAll("\n", "\n  ")}${
      i === entries.length - 1 ? "" : ","
    }`;
    return noteOf === null || isOuter ? line : `${line} // ${noteOf(key)}`;
  });
  return `{\n${lines.join("\n")}\n}`;
}
