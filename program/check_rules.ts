/**
 * What `--check` warns of in the settings of one site: pages that are not there, and rules that lead in a circle.
 * @module
 */
import { cString } from "../ffi/libc.ts";
import { openDirectory } from "../ffi/file.ts";
import { FileStatus } from "../ffi/file_status.ts";
import { close } from "../ffi/socket.ts";
import { Rules } from "../handlers/site/rules.ts";
import type { SiteSettings } from "../server/config/site_settings.ts";

const WILDCARD = /[*?[{\\]/;
/** Who is sent on more often than that does not arrive. */
const STEPS_MAX = 20;

/** A line for each page that is no file. */
export function missingPages({ root, spa, errorPages }: SiteSettings): string[] {
  if (typeof root !== "string") return [];
  const pages = Object.entries(errorPages).map(([status, path]) => [`page for ${status}`, path]);
  if (spa !== null) pages.unshift(["page of spa", spa]);
  const directory = openDirectory(root);
  try {
    const status = new FileStatus();
    return pages.flatMap(([what, path]) => {
      const isThere = status.read(directory, cString(path.slice(1))) === 0 && status.isFile;
      return isThere ? [] : [`The ${what}, ${path}, is no file in the root`];
    });
  } finally {
    close(directory);
  }
}

/** A line for each redirect and each rewrite that leads to where it began. */
export function circles(settings: SiteSettings): string[] {
  const rules = new Rules({ ...settings, auth: [] });
  const redirected = (path: string) => rules.redirect(path, "")?.location ?? null;
  const rewritten = (path: string) => rules.rewrite(path, false)?.path ?? null;
  return [
    ...settings.redirects.flatMap((rule) => circleOf("redirect", rule, redirected)),
    ...settings.rewrites.flatMap((rule) => rule.ifMissing ? [] : circleOf("rewrite", rule, rewritten)),
  ];
}

function circleOf(
  kind: string,
  { source, destination }: { readonly source: string; readonly destination: string },
  next: (path: string) => string | null,
): string[] {
  const start = source.replace(/\*+/g, "a");
  if (WILDCARD.test(start)) return []; // which paths it fits is not easily said
  const rule = `The ${kind} rule for ${source} leads`;
  if (destination === source) return [`${rule} to itself: it is without effect`];
  const way = [start];
  for (let path = next(start); path?.startsWith("/") && way.length < STEPS_MAX; path = next(path)) {
    path = path.replace(/[?#].*$/, "");
    way.push(path);
    if (path === start) return [`${rule} in a circle: ${way.join(" → ")}`];
    if (way.indexOf(path) < way.length - 1) return []; // said of the rules of that circle
  }
  return way.length < STEPS_MAX ? [] : [`${rule} on and on: ${way.slice(0, 3).join(" → ")} → …`];
}
