/**
 * The other URLs of a file. A password that is required for one of them is required for all.
 * @module
 */
import type { SiteSettings } from "../settings/site_settings.ts";
import { encodeUtf8 } from "../../../server/http/characters.ts";
import { encodePath } from "../files/resolve_path.ts";
import { SIBLING_SUFFIXES } from "../watch/watched_name.ts";

const HTML = ".html";

/**
 * Returns the path of a URL, percent-encoded, and all paths that lead to the same file, or redirect to or from it,
 * whether it exists or not: `/d`, `/d/` and `/d/index.html`; `/a.js` and `/a.js.gz`; with clean URLs `/a` and
 * `/a.html`. Symbolic links are not included: a link in the site is a decision to serve its target under that name too.
 */
export function aliasesOf(url: string, settings: Pick<SiteSettings, "index" | "cleanUrls">): string[] {
  const suffix = SIBLING_SUFFIXES.find((suffix) => url.endsWith(suffix));
  const aliases = namesakes(url, settings);
  return suffix === undefined ? aliases : [...aliases, ...namesakes(url.slice(0, -suffix.length), settings)];
}

function namesakes(url: string, { index, cleanUrls }: Pick<SiteSettings, "index" | "cleanUrls">): string[] {
  const names = index.map((name) => encodePath(encodeUtf8(name), false).slice(1));
  const slash = url.lastIndexOf("/");
  const directory = url.slice(0, slash + 1);
  const name = url.slice(slash + 1);
  if (name === "") {
    const bare = url.slice(0, -1);
    const inside = names.map((name) => url + name);
    return [url, ...inside, ...(cleanUrls && bare !== "" ? [bare, bare + HTML] : [])];
  }
  const isIndex = names.includes(name) || (cleanUrls && names.includes(name + HTML));
  const clean = !cleanUrls ? [] : name.endsWith(HTML) ? [url.slice(0, -HTML.length)] : [url + HTML];
  return [url, `${url}/`, ...clean, ...(isIndex ? [directory] : [])];
}
