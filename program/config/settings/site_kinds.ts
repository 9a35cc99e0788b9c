/**
 * The kinds of settings of a site.
 * @module
 */
import { withoutTilde } from "../../../server/listen/address.ts";
import { Expected, UsageError } from "../../../server/usage_error.ts";
import {
  type AuthRule,
  COMPRESS_LEVEL_MAX,
  type CompressLevel,
  describeHeaderSource,
  type HeaderRule,
  type RedirectRule,
  type RewriteRule,
  type SiteSettings,
} from "../../../handlers/site/settings/site_settings.ts";
import { type Kind, kindOf, type OwnSchema } from "./kinds.ts";
import { readField, readFieldValue, readUser } from "./rule_values.ts";

/** The glob of every path. */
export const EVERY_PATH = "/**";
/** The realm where none is set, which browsers show when they ask for a password. */
export const DEFAULT_REALM = "Restricted";
/** The file of a single-page application where none is named. */
export const DEFAULT_SPA = "/index.html";

/** A directory, or an archive, for which there is no text. */
export const ROOT: Kind<SiteSettings["root"]> = kindOf<SiteSettings["root"]>({
  value: "DIR",
  example: "./public",
  expected: "a directory",
  read: (text) => {
    if (text === "" || text.includes("\0")) throw new Expected("a directory");
    return withoutTilde(text);
  },
  toJson: (root) => typeof root === "string" ? root : null,
  mapPaths: (root, map) => typeof root === "string" ? map(root) : root,
});

function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

const FILE_NAME = {
  expected: "a file name such as index.html",
  read: (text: string): string => {
    if (!isFileName(text)) throw new Expected(FILE_NAME.expected);
    return text;
  },
};

/** File names, separated by commas. */
export const INDEX: Kind<readonly string[]> = kindOf<readonly string[]>({
  value: "NAMES",
  example: "index.html,index.htm",
  expected: "a list of file names",
  read: (text) => {
    const names = text.split(",");
    if (names.every(isFileName)) return names;
    throw new Expected("file names separated by commas, such as index.html,index.htm");
  },
  format: (names) => names.join(", "),
  json: ["string", { items: FILE_NAME, empty: "at least one file name" }],
  fromJson: (names: readonly string[]) => names,
});

/** Reads the path of a file in the site; the slash at its beginning may be left out. @throws {Expected} */
export function readSitePath(text: string): string {
  const path = text.startsWith("/") ? text : `/${text}`;
  if (!path.slice(1).split("/").every(isFileName)) {
    throw new Expected("the path of a file in the site, such as /errors/404.html");
  }
  return path;
}

/** The file of a single-page application; null for none. */
export const SPA: Kind<string | null> = kindOf<string | null>({
  value: "FILE",
  example: "/app.html",
  expected: "true, false, or the path of a file in the site",
  read: readSitePath,
  bare: DEFAULT_SPA,
  none: null,
  format: (path) => path ?? "off",
  json: ["boolean", "string"],
  toJson: (path) => path ?? false,
});

/** `STATUS=FILE`. */
export const ERROR_PAGES: Kind<SiteSettings["errorPages"]> = kindOf<SiteSettings["errorPages"]>({
  value: "STATUS=FILE",
  example: "404=/errors/404.html",
  expected: 'an object such as { "404": "/errors/404.html" }',
  read: (text) => {
    const [, status, path] = /^([^=]*)=(.+)$/.exec(text) ?? [];
    if (status === undefined) throw new Expected("STATUS=FILE, such as 404=/errors/404.html");
    if (!/^[45]\d\d$/.test(status)) throw new Expected("a status from 400 to 599");
    return { [status]: readSitePath(path!) };
  },
  join: (values, label) => Object.fromEntries(once(values.flatMap(Object.entries<string>), label)),
  format: (pages) => Object.entries(pages).map(([status, path]) => `${status} ${path}`).join(", "),
  json: [{ own: "errorPages" }],
  fromJson: (pages: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(pages).map(([status, path]) => [status, readSitePath(path)])),
});

/** Makes a map of `entries`. @throws {UsageError} if a name comes twice */
function once(entries: readonly (readonly [string, string])[], label: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of entries) {
    if (map.has(name)) throw new UsageError(`${label} ${name} is given twice: give it once`);
    map.set(name, value);
  }
  return map;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const DIRECTIVE = `${TOKEN}(=(${TOKEN}|"[ !#-[\\]-~]*"))?`;
const CACHE_CONTROL_VALUE = new RegExp(`^${DIRECTIVE}( *, *${DIRECTIVE})*$`);

/** `auto`, `off`, or a field value: directives, of which new ones may be invented (RFC 9111 §5.2). */
export const CACHE_CONTROL: Kind<string> = kindOf({
  value: "VALUE",
  example: "public, max-age=600",
  expected: "auto, off, or a value of Cache-Control",
  words: ["auto", "off", "no-store", "no-cache"],
  read: (text) => {
    if (CACHE_CONTROL_VALUE.test(text)) return text;
    throw new Expected('auto, off, or a value of Cache-Control such as "public, max-age=600"');
  },
});

/** A level of compression, or `auto`. */
export const COMPRESS_LEVEL: Kind<CompressLevel> = kindOf<CompressLevel>({
  value: "LEVEL",
  example: "6",
  expected: `auto, or a whole number from 1 to ${COMPRESS_LEVEL_MAX}`,
  words: ["auto"],
  read: (text) => {
    if (text === "auto") return text;
    if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= COMPRESS_LEVEL_MAX) {
      return Number(text);
    }
    throw new Expected(COMPRESS_LEVEL.expected);
  },
  json: ["number", "string"],
});

/** Reads one origin as browsers write it (RFC 6454 §6.1), or `*`. */
function readOrigin(text: string): string {
  if (text === "*" || (/^https?:/.test(text) && URL.parse(text)?.origin === text)) return text;
  throw new Expected("an origin such as https://a.example (no path, no slash at its end), or *");
}

/** Origins, separated by commas; null for none. */
export const ORIGINS: Kind<readonly string[] | null> = kindOf<readonly string[] | null>({
  value: "ORIGINS",
  example: "https://a.example",
  expected: "true, false, or a list of origins such as https://a.example",
  read: (text) => text.split(",").map(readOrigin),
  bare: ["*"],
  none: null,
  format: (origins) => origins === null ? "off" : origins.includes("*") ? "all origins" : origins.join(", "),
  json: ["boolean", { items: { expected: "an origin", read: readOrigin }, empty: "at least one origin" }],
  fromJson: (origins: readonly string[]) => origins,
  toJson: (origins) => origins === null ? false : String(origins) === "*" ? true : origins,
});

/** Fields as the file has them; null removes one. */
type WrittenFields = Readonly<Record<string, string | null>>;
type WrittenHeaderRule = Pick<Partial<HeaderRule>, "source" | "type"> & { readonly headers: WrittenFields };

function fieldsOf(written: WrittenFields): HeaderRule["fields"] {
  return Object.entries(written).map((
    [name, value],
  ) => [name, value === null ? null : readFieldValue(value)]);
}

/** Writes a rule. A name that comes again (`-H A:b -H A:c`) begins another rule, since an object has each key once. */
function writtenRules({ fields, ...where }: HeaderRule): WrittenHeaderRule[] {
  const rules: Map<string, string | null>[] = [new Map()];
  for (const [name, value] of fields) {
    if (rules[rules.length - 1]!.has(name)) rules.push(new Map());
    rules[rules.length - 1]!.set(name, value);
  }
  return rules.map((rule) => ({ ...where, headers: Object.fromEntries(rule) }));
}

/** `NAME: VALUE`, for every path. */
export const HEADERS: Kind<readonly HeaderRule[]> = kindOf<readonly HeaderRule[]>({
  value: '"NAME: VALUE"',
  example: "X-Frame-Options: DENY",
  expected: "a list of rules, or an object with names and values of fields",
  read: (text) => [{ source: EVERY_PATH, fields: [readField(text)] }],
  join: (values) => [{ source: EVERY_PATH, fields: values.flat().flatMap(({ fields }) => fields) }],
  format: (rules) =>
    rules.map((rule) => {
      const names = rule.fields.map(([name, value]) => value === null ? `-${name}` : name);
      return `${describeHeaderSource(rule)} ${names.join(" ")}`;
    }).join("; "),
  json: [{ own: "headers" }],
  fromJson: (written: WrittenFields | readonly WrittenHeaderRule[]) =>
    Array.isArray(written)
      ? written.map(({ source = EVERY_PATH, headers, ...type }: WrittenHeaderRule) => ({
        source,
        ...type,
        fields: fieldsOf(headers),
      }))
      : [{ source: EVERY_PATH, fields: fieldsOf(written as WrittenFields) }],
  toJson: (rules) => rules.flatMap(writtenRules),
});

/** `USER:HASH`, for every path. A text in place of a hash may be a password, so messages do not repeat it. */
export const AUTH: Kind<readonly AuthRule[]> = kindOf<readonly AuthRule[]>({
  value: "USER:HASH",
  example: "anna:$(epollet --hash-password)",
  expected: "a list of rules",
  read: (text) => {
    const { name, hash } = readUser(text);
    return [{ source: EVERY_PATH, realm: DEFAULT_REALM, users: Object.fromEntries([[name, hash]]) }];
  },
  shown: (text) => text.replace(/:.*/s, ":…"),
  join: (values, label) => {
    const users = once(values.flat().flatMap(({ users }) => Object.entries(users)), label);
    return [{ source: EVERY_PATH, realm: DEFAULT_REALM, users: Object.fromEntries(users) }];
  },
  format: (rules) => rules.map(({ source, users }) => `${source} ${Object.keys(users).join(" ")}`).join(", "),
  json: [{ own: "auth" }],
  fromJson: (rules: readonly (Partial<AuthRule> & Pick<AuthRule, "users">)[]) =>
    rules.map(({ source = EVERY_PATH, realm = DEFAULT_REALM, users }) => ({ source, realm, users })),
});

/** Rules that only the file has; `defaults` are the members that may be left out. */
function fileRules<T extends { readonly source: string; readonly destination: string }>(
  own: OwnSchema,
  defaults: Partial<T>,
): Kind<readonly T[]> {
  return kindOf<readonly T[]>({
    value: null,
    expected: "a list of rules",
    read: () => [],
    format: (rules) => rules.map(({ source, destination }) => `${source} → ${destination}`).join(", "),
    json: [{ own }],
    fromJson: (rules: readonly T[]) => rules.map((rule) => ({ ...rule, ...defaults, ...rule })),
  });
}

/** Redirects. */
export const REDIRECTS: Kind<readonly RedirectRule[]> = fileRules<RedirectRule>("redirects", { status: 301 });
/** Rewrites. */
export const REWRITES: Kind<readonly RewriteRule[]> = fileRules<RewriteRule>("rewrites", {
  ifMissing: false,
});
