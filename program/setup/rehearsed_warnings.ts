/**
 * Warnings of `--check` that are found by asking the sites: missing pages, and rules that lead nowhere.
 * @module
 */
import { nameOf } from "../../handlers/hosts/allowed_hosts.ts";
import { Rehearsal } from "../../handlers/rehearsal.ts";
import type { StaticOptions } from "../../handlers/static.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { withRootFile } from "../../handlers/site/settings/root_file.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { redirectWarnings, rewriteWarnings } from "./rule_warnings.ts";
import { type ConfigPath, placeOf } from "../config/config_place.ts";
import { siteOptionsOf } from "./sites.ts";

/** A site, and the host name by which it is asked. */
interface AskedSite {
  /** The key in `hosts`; null for the default site. */
  readonly key: string | null;
  readonly host: string;
  readonly settings: SiteSettings;
}

/** A problem, and the path of its setting within the site's settings. */
interface Finding {
  readonly path: ConfigPath;
  readonly line: string;
}

/** Returns a line for each problem, with its place in the configuration file in front. */
export async function rehearsedWarnings(command: CommandLine): Promise<string[]> {
  const sites = siteOptionsOf(command);
  const asked = sitesOf(command);
  const lines: string[] = [];
  for (const site of asked) {
    if (site.key === null || !hasPagesOf(site.settings, command.site)) {
      for (const finding of await missingPages(site, sites)) lines.push(lineOf(command, site, finding));
    }
  }
  const ofTop = new Set<string>();
  for (const site of asked) {
    const { host, settings } = site;
    const warnings = [
      ...await redirectWarnings(host, settings, sites),
      ...await rewriteWarnings(host, settings, sites),
    ];
    for (const { kind, index, line } of warnings) {
      if (site.key === null) ofTop.add(line);
      else if (ofTop.has(line)) continue; // the host inherits the rule
      lines.push(lineOf(command, site, { path: [kind, index], line }));
    }
  }
  return lines;
}

function sitesOf({ site, hosts }: CommandLine): AskedSite[] {
  const free = (name: (count: number) => string, key: string | null) => {
    for (let count = 0;; count++) if (nameOf(name(count), hosts) === key) return name(count);
  };
  const own = Array.from(hosts, ([key, settings]): AskedSite => ({
    key,
    host: key.startsWith("*.") ? free((count) => `${"a".repeat(count + 1)}${key.slice(1)}`, key) : key,
    settings,
  }));
  return [{
    key: null,
    host: free((count) => count === 0 ? "localhost" : `host${count}`, null),
    settings: site,
  }, ...own];
}

/** Returns true when a host has the pages of the top level, where they are checked. */
function hasPagesOf(own: SiteSettings, top: SiteSettings): boolean {
  return (["root", "spa", "errorPages"] as const).every((key) =>
    own[key] === top[key] || JSON.stringify(own[key]) === JSON.stringify(top[key])
  );
}

async function missingPages({ host, settings }: AskedSite, sites: StaticOptions): Promise<Finding[]> {
  const { spa, errorPages } = withRootFile(settings);
  const pages = Object.entries(errorPages).map(([status, page]) =>
    [`page for ${status}`, page, ["errorPages", status]] as [string, string, ConfigPath]
  );
  if (spa !== null) pages.unshift(["page of spa", spa, ["spa"]]);
  if (pages.length === 0) return [];
  // Requests reach the files themselves, without the rules for their URLs.
  const others = { redirects: [], rewrites: [], spa: null, errorPages: {}, cleanUrls: false, browse: false };
  const rehearsal = new Rehearsal(sites, others);
  const findings: Finding[] = [];
  try {
    for (const [what, page, path] of pages) {
      const { status } = await rehearsal.ask(host, page);
      if (status === 200 && !page.endsWith("/")) continue;
      const problem = status === 403 ? "may not be read" : "is no file in the root";
      findings.push({ path, line: `The ${what}, ${page}, ${problem}` });
    }
  } finally {
    rehearsal.close();
  }
  return findings;
}

function lineOf(command: CommandLine, { key }: AskedSite, { path, line }: Finding): string {
  const place = key === null
    ? placeOf(command, path)
    : placeOf(command, ["hosts", key, ...path]) ?? placeOf(command, path);
  const named = key === null ? line : `host ${key}: ${line}`;
  return place === null ? named : `${place}: ${named}`;
}
