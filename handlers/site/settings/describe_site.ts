/**
 * The settings of a site for people: a line for each that differs from the default.
 * @module
 */
import { DEFAULT_SITE_SETTINGS, type HeaderRule, type SiteSettings } from "./site_settings.ts";

/** What each setting is called, and how it is said; where a switch is on, that is all there is to say. */
const LINES: {
  readonly [K in Exclude<keyof SiteSettings, "root" | "isRootConfined">]: [
    name: string,
    (value: SiteSettings[K]) => string,
  ];
} = {
  index: ["index", (names) => names.join(", ")],
  cleanUrls: ["clean URLs", onOff],
  spa: ["spa", (path) => path ?? "off"],
  errorPages: [
    "errors",
    (pages) => Object.entries(pages).map(([status, path]) => `${status} ${path}`).join(", "),
  ],
  browse: ["browse", onOff],
  compress: ["compress", onOff],
  precompressed: ["precompressed", String],
  etag: ["etag", String],
  cacheControl: ["cache-control", String],
  cors: [
    "cors",
    (origins) => origins === null ? "off" : origins.includes("*") ? "all origins" : origins.join(", "),
  ],
  securityHeaders: ["security", onOff],
  headers: [
    "headers",
    (rules) => rules.map((rule) => `${describeHeaderSource(rule)} ${namesOf(rule.fields)}`).join("; "),
  ],
  redirects: [
    "redirects",
    (rules) => rules.map(({ source, destination }) => `${source} → ${destination}`).join(", "),
  ],
  rewrites: [
    "rewrites",
    (rules) => rules.map(({ source, destination }) => `${source} → ${destination}`).join(", "),
  ],
  auth: [
    "auth",
    (rules) => rules.map(({ source, users }) => `${source} ${Object.keys(users).join(" ")}`).join(", "),
  ],
};

/** What a header rule is for: `/**`, or `/** (text/html, image/*)`. */
export function describeHeaderSource({ source, type }: Pick<HeaderRule, "source" | "type">): string {
  return type === undefined ? source : `${source} (${[type].flat().join(", ")})`;
}

function onOff(isOn: boolean): string {
  return isOn ? "on" : "off";
}

function namesOf(fields: SiteSettings["headers"][number]["fields"]): string {
  return fields.map(([name, value]) => value === null ? `-${name}` : name).join(" ");
}

/**
 * Name and value of each setting of `site` that is not as in `base`. Hashes of passwords are not among them. The root
 * is, where `base` is another site.
 */
export function describeSite(
  site: SiteSettings,
  base: SiteSettings = DEFAULT_SITE_SETTINGS,
): (readonly [name: string, value: string])[] {
  const lines: (readonly [string, string])[] = [];
  if (base !== DEFAULT_SITE_SETTINGS && site.root !== base.root) lines.push(["root", String(site.root)]);
  for (const key of Object.keys(LINES) as (keyof typeof LINES)[]) {
    if (JSON.stringify(site[key]) !== JSON.stringify(base[key])) lines.push(line(site, key));
  }
  return lines;
}

function line<K extends keyof typeof LINES>(site: SiteSettings, key: K): readonly [string, string] {
  const [name, say] = LINES[key];
  const value = say(site[key]);
  return [name, value === "" ? "none" : value];
}
