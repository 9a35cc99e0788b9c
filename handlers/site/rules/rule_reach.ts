/**
 * What the rules of a site are for, and what not, in words: a glob is easily read as more than it says.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";
import { aliasesOf } from "./aliases.ts";
import { Glob } from "./glob.ts";
import { SIBLING_SUFFIXES } from "../watch/watched_name.ts";

const HTML = ".html";
const WILDCARD = /[*?[{\\]/;
const EVERYTHING: readonly string[] = ["/", "/**"];

/** A line for each rule that asks for a password: for what, and for what not. */
export function describeAuth(settings: Pick<SiteSettings, "auth" | "index" | "cleanUrls">): string[] {
  return settings.auth.map(({ source }) => `A password for ${source} is asked ${reachOf(source, settings)}`);
}

function reachOf(source: string, settings: Pick<SiteSettings, "index" | "cleanUrls">): string {
  if (EVERYTHING.includes(source)) return "for everything";
  const base = source.replace(/\/(\*\*)?$/, "");
  const glob = new Glob(source, true);
  const isAsked = (path: string) => aliasesOf(path, settings).some((alias) => glob.match(alias) !== null);
  if (!WILDCARD.test(base)) {
    const others = namesOfTheSame(base).filter(isAsked);
    return `for ${base} and all below it, also as ${others.join(", ")}, and for nothing else`;
  }
  const start = directoryOf(source);
  const samples = [start, `${start}a`, `${start}deep/a`, `${start}deep/er/a`];
  const asked = samples.filter(isAsked);
  const others = samples.filter((path) => !isAsked(path));
  const does = asked.length > 0 ? `for ${asked.join(", ")}` : "for what fits it";
  return others.length > 0 ? `${does}, and not for ${others.join(", ")}` : `${does}, and so on`;
}

/** Under what other URLs the file or directory `base` may be had. */
function namesOfTheSame(base: string): string[] {
  const directory = base.slice(0, base.lastIndexOf("/") + 1);
  const pages = [base + HTML, ...base.endsWith(HTML) ? [base.slice(0, -HTML.length)] : []];
  const siblings = [base, ...pages].flatMap((name) => SIBLING_SUFFIXES.map((suffix) => name + suffix));
  return [...siblings, ...pages, ...pages.map((page) => `${page}/`), directory];
}

/** The directory of everything that a glob fits. */
function directoryOf(source: string): string {
  const start = source.slice(0, WILDCARD.exec(source)?.index ?? source.length);
  return start.slice(0, start.lastIndexOf("/") + 1);
}

/** A line for each other rule that is for one level, or for a directory's own path, and for nothing below. */
export function describeShallow(
  settings: Pick<SiteSettings, "headers" | "redirects" | "rewrites">,
): string[] {
  const kinds = [["headers", "headers"], ["redirect", "redirects"], ["rewrite", "rewrites"]] as const;
  return kinds.flatMap(([word, kind]) => {
    const sources = settings[kind].map(({ source }) => source);
    return sources.flatMap((source) => {
      const [, base] = /^(.+)\/\*?$/.exec(source) ?? [];
      if (base === undefined || WILDCARD.test(base)) return [];
      const deep = `${base}/deep/x`;
      if (sources.some((source) => new Glob(source).match(deep) !== null)) return [];
      const what = source.endsWith("*") ? "for one level" : `for ${source} alone`;
      return [`The ${word} rule for ${source} is ${what}, and not for ${deep}: ${base}/** would be`];
    });
  });
}
