/**
 * Descriptions of which paths the rules of a site match, and which not: a glob is easily taken for matching more than
 * it does.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";
import { aliasesOf } from "./aliases.ts";
import { Glob } from "./glob.ts";
import { SIBLING_SUFFIXES } from "../watch/watched_name.ts";

const HTML = ".html";
const WILDCARD = /[*?[{\\]/;
const EVERYTHING: readonly string[] = ["/", "/**"];

/** Returns a line for each rule that requires a password: what it protects, and what not. */
export function describeAuth(settings: Pick<SiteSettings, "auth" | "index" | "cleanUrls">): string[] {
  return settings.auth.map(({ source }) =>
    `The auth rule for ${source} protects ${reachOf(source, settings)}`
  );
}

function reachOf(source: string, settings: Pick<SiteSettings, "index" | "cleanUrls">): string {
  if (EVERYTHING.includes(source)) return "everything";
  const base = source.replace(/\/(\*\*)?$/, "");
  const glob = new Glob(source, true);
  const isProtected = (path: string) => aliasesOf(path, settings).some((alias) => glob.match(alias) !== null);
  if (!WILDCARD.test(base)) {
    const others = namesOfTheSame(base).filter(isProtected);
    return `${base} and everything below it, also as ${others.join(", ")}, and nothing else`;
  }
  const start = directoryOf(source);
  const samples = [start, `${start}a`, `${start}deep/a`, `${start}deep/er/a`];
  const covered = samples.filter(isProtected);
  const others = samples.filter((path) => !isProtected(path));
  const reach = covered.length > 0 ? covered.join(", ") : "what matches it";
  return others.length > 0 ? `${reach}, but not ${others.join(", ")}` : `${reach}, and so on`;
}

/** Returns the other URLs of the file or directory `base`. */
function namesOfTheSame(base: string): string[] {
  const directory = base.slice(0, base.lastIndexOf("/") + 1);
  const pages = [base + HTML, ...base.endsWith(HTML) ? [base.slice(0, -HTML.length)] : []];
  const siblings = [base, ...pages].flatMap((name) => SIBLING_SUFFIXES.map((suffix) => name + suffix));
  return [...siblings, ...pages, ...pages.map((page) => `${page}/`), directory];
}

/** Returns the directory that has everything that a glob matches. */
function directoryOf(source: string): string {
  const start = source.slice(0, WILDCARD.exec(source)?.index ?? source.length);
  return start.slice(0, start.lastIndexOf("/") + 1);
}

/**
 * Returns a line for each other rule that matches only one level, or only the path of a directory, and nothing below.
 */
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
      const what = source.endsWith("*") ? "one level" : source;
      return [`The ${word} rule for ${source} matches ${what} only, not ${deep}; ${base}/** matches both`];
    });
  });
}
