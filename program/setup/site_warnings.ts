/**
 * Warnings of `--check` about sites that are valid, but probably do not do what was intended.
 * @module
 */
import { FileStatus } from "../../ffi/file/file_status.ts";
import { pathOf, walk } from "../../ffi/file/path_walk.ts";
import { close } from "../../ffi/socket/socket.ts";
import { describeAuth, describeShallow } from "../../handlers/site/rules/rule_reach.ts";
import { describeGuarded } from "../../handlers/site/rules/shared_caching.ts";
import { rehearsedWarnings } from "./rehearsed_warnings.ts";
import { olderForms } from "./older_forms.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";

/** A site and its name in warnings. */
interface NamedSite {
  readonly name: string;
  readonly settings: SiteSettings;
}

const TOP = "the default site";

/** Returns a line for each problem. The sites have been opened successfully before. */
export async function siteWarnings(command: CommandLine): Promise<string[]> {
  const { site, hosts } = command;
  const named = Array.from(hosts, ([host, settings]) => ({ name: `host ${host}`, settings }));
  const sites = [{ name: TOP, settings: site }, ...named];
  const shallow = linesOf(sites, describeShallow, ["headers", "redirects", "rewrites"]);
  const caching = sites.flatMap(({ name, settings }, i) => {
    const lines = describeGuarded(settings).map((line) => i === 0 ? line : `${name}: ${line}`);
    return i > 0 && isAsAtTop(settings, site) ? [] : lines;
  });
  return [
    ...passwordLines({ site, hosts }),
    ...await rehearsedWarnings(command),
    ...formLines({ site, hosts }),
    ...shallow,
    ...caching,
    ...overlaps(sites),
  ];
}

/** Returns a line for each rule with a password: what it protects, and what it does not. */
export function passwordLines({ site, hosts }: Pick<CommandLine, "site" | "hosts">): string[] {
  const named = Array.from(hosts, ([host, settings]) => ({ name: `host ${host}`, settings }));
  return linesOf([{ name: TOP, settings: site }, ...named], describeAuth, ["auth", "index", "cleanUrls"]);
}

/** Returns a line for each compressed file that is older than its uncompressed file. */
export function formLines({ site, hosts }: Pick<CommandLine, "site" | "hosts">): string[] {
  const named = Array.from(hosts, ([host, settings]) => ({ name: `host ${host}`, settings }));
  return linesOf([{ name: TOP, settings: site }, ...named], olderForms, ["root", "precompressed"]);
}

/** Returns the lines for each site, except for hosts that inherit all of `keys` from the top level. */
function linesOf(
  sites: readonly NamedSite[],
  describe: (settings: SiteSettings) => string[],
  keys: readonly (keyof SiteSettings)[],
): string[] {
  const top = sites[0]!.settings;
  const isAsTop = (own: SiteSettings) =>
    keys.every((key) => JSON.stringify(own[key]) === JSON.stringify(top[key]));
  return sites.flatMap(({ name, settings }, i) => {
    if (i === 0) return describe(settings);
    return isAsTop(settings) ? [] : describe(settings).map((line) => `${name}: ${line}`);
  });
}

/**
 * Returns true when a host inherits the settings that these warnings are about. The top level's warnings cover it
 * then.
 */
function isAsAtTop(host: SiteSettings, top: SiteSettings): boolean {
  return (["auth", "headers", "cacheControl"] as const).every((key) =>
    JSON.stringify(host[key]) === JSON.stringify(top[key])
  );
}

/**
 * Returns warnings about roots below other roots: the outer site serves the inner site's files by the outer site's
 * rules. Also about one root with different passwords, where one site's name avoids the other's password.
 */
function overlaps(sites: readonly NamedSite[]): string[] {
  const placed = sites.map((site) => ({ ...site, ...placeOf(site.settings.root) }));
  const lines: string[] = [];
  for (const inner of placed) {
    for (const outer of placed) {
      if (inner === outer || inner.path === null || outer.path === null) continue;
      if (inner.path === outer.path) {
        const passwords = [inner, outer].map(({ settings }) => JSON.stringify(settings.auth));
        if (passwords[0] === passwords[1] || placed.indexOf(inner) < placed.indexOf(outer)) continue;
        lines.push(
          `${inner.name} and ${outer.name} have the same root, ${inner.path}, and different passwords: each shows the files by its own`,
        );
        continue;
      }
      const base = outer.path === "/" ? "/" : `${outer.path}/`;
      if (!inner.path.startsWith(base)) continue;
      const path = inner.path.slice(base.length);
      if (/(^|\/)\.(?!well-known(\/|$))/.test(path)) continue; // a hidden name is not served
      lines.push(
        `the root of ${inner.name}, ${inner.path}, is below that of ${outer.name}, ${outer.path}: its files are there, too, at /${path}${
          inner.isFile ? "" : "/"
        }, by the rules of ${outer.name}`,
      );
    }
  }
  return lines;
}

/**
 * Returns the root's path with symbolic links resolved, and whether it is a file. The path is null when the root is part
 * of the program or cannot be followed.
 */
function placeOf(root: SiteSettings["root"]): { readonly path: string | null; readonly isFile: boolean } {
  if (typeof root !== "string") return { path: null, isFile: false };
  try {
    const { end, holders } = walk(root);
    const status = new FileStatus();
    const place = { path: pathOf(end), isFile: status.readDescriptor(end) === 0 && status.isFile };
    for (const fd of [end, ...holders]) close(fd);
    return place;
  } catch {
    return { path: null, isFile: false }; // the root was removed since it was opened
  }
}
