/**
 * What `--check` warns of: sites that are well by themselves, and together or in some place say what is hardly meant.
 * @module
 */
import { pathOf, walk } from "../../ffi/file/path_walk.ts";
import { close } from "../../ffi/socket/socket.ts";
import { describeAuth, describeShallow } from "../../handlers/site/rules/rule_reach.ts";
import { describeGuarded } from "../../handlers/site/rules/shared_caching.ts";
import { rehearsedWarnings } from "./rehearsed_warnings.ts";
import { olderForms } from "./older_forms.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";

/** A site, as it is called in a warning. */
interface NamedSite {
  readonly name: string;
  readonly settings: SiteSettings;
}

const TOP = "the default site";

/** A line for each thing. The sites were opened before. */
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

/** What each rule that asks for a password is for, and what not: a line for each. */
export function passwordLines({ site, hosts }: Pick<CommandLine, "site" | "hosts">): string[] {
  const named = Array.from(hosts, ([host, settings]) => ({ name: `host ${host}`, settings }));
  return linesOf([{ name: TOP, settings: site }, ...named], describeAuth, ["auth", "index", "cleanUrls"]);
}

/** Which compressed forms are older than their files: a line for each. */
export function formLines({ site, hosts }: Pick<CommandLine, "site" | "hosts">): string[] {
  const named = Array.from(hosts, ([host, settings]) => ({ name: `host ${host}`, settings }));
  return linesOf([{ name: TOP, settings: site }, ...named], olderForms, ["root", "precompressed"]);
}

/** The lines about each site, but for a host that has all of `keys` from the top level. */
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

/** True when a host has what these warnings are about from the top level: it is said there. */
function isAsAtTop(host: SiteSettings, top: SiteSettings): boolean {
  return (["auth", "headers", "cacheControl"] as const).every((key) =>
    JSON.stringify(host[key]) === JSON.stringify(top[key])
  );
}

/**
 * Roots below other roots: requests for the outer site get the inner one's files by their paths, by the outer one's
 * rules. Also one root with different passwords: then another name is a way around them.
 */
function overlaps(sites: readonly NamedSite[]): string[] {
  const placed = sites.map((site) => ({ ...site, path: realPathOf(site.settings.root) }));
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
        `the root of ${inner.name}, ${inner.path}, is below that of ${outer.name}, ${outer.path}: its files are there, too, at /${path}/, by the rules of ${outer.name}`,
      );
    }
  }
  return lines;
}

/** Where a root is, whatever links lead there; null: it is in the program, or cannot be followed. */
function realPathOf(root: SiteSettings["root"]): string | null {
  if (typeof root !== "string") return null;
  try {
    const { end, holders } = walk(root);
    const path = pathOf(end);
    for (const fd of [end, ...holders]) close(fd);
    return path;
  } catch {
    return null; // it is gone since it was opened
  }
}
