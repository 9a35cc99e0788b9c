/**
 * Flags of other servers, and what to write here in their place.
 * @module
 */

/** A flag of another server. */
interface Foreign {
  /** What to write here. Capital letters stand for the value. */
  readonly here: string;
  /** What is said of it; missing: `it is … here`. */
  readonly hint?: string;
}

const HOST: Foreign = { here: "--host ADDRESS" };
const ROOT: Foreign = { here: "--root DIR" };
const LIVE: Foreign = { here: "--live" };
const BROWSE: Foreign = { here: "--browse" };
const COMPRESS: Foreign = {
  here: "--compress",
  hint: "it is --compress here, or files that lie there compressed",
};
const HTTPS: Foreign = { here: "--https", hint: "it is --tls-cert FILE here, or --https for development" };
const WORKERS: Foreign = { here: "--workers N" };
const FALLBACK: Foreign = { here: "--spa=FILE" };
const CERT: Foreign = { here: "--tls-cert FILE" };
const KEY: Foreign = { here: "--tls-key FILE" };

/** By name, in lower case and without hyphens at the beginning. */
const FOREIGN: Readonly<Record<string, Foreign>> = {
  cache: { here: "--cache-control max-age=SECONDS", hint: "it is --cache-control 'max-age=SECONDS' here" },
  "max-age": { here: "--cache-control max-age=SECONDS" },
  bind: HOST,
  address: HOST,
  hostname: HOST,
  ip: HOST,
  directory: ROOT,
  dir: ROOT,
  path: ROOT,
  public: ROOT,
  folder: ROOT,
  docroot: ROOT,
  "document-root": ROOT,
  webroot: ROOT,
  silent: { here: "--quiet" },
  single: { here: "--spa" },
  fallback: FALLBACK,
  "page-fallback": FALLBACK,
  "not-found": { here: "--error-page 404=FILE" },
  gzip: COMPRESS,
  brotli: COMPRESS,
  compression: COMPRESS,
  watch: LIVE,
  hot: LIVE,
  reload: LIVE,
  livereload: LIVE,
  "live-reload": LIVE,
  list: BROWSE,
  listing: BROWSE,
  autoindex: BROWSE,
  "directory-listing": BROWSE,
  "show-dir": BROWSE,
  ssl: HTTPS,
  tls: HTTPS,
  cert: CERT,
  "ssl-cert": CERT,
  key: KEY,
  "ssl-key": KEY,
  threads: WORKERS,
  processes: WORKERS,
  browser: { here: "--open" },
  launch: { here: "--open" },
  qrcode: { here: "--qr" },
  "qr-code": { here: "--qr" },
  "auto-port": { here: "--next-port" },
  "log-format": { here: "--access-log FORMAT" },
};

/** Flags of one letter; `b` of Python, `c`, `o` and `S` of http-server, `l` and `s` of serve. */
const LETTERS: Readonly<Record<string, Foreign>> = {
  b: HOST,
  c: FOREIGN["cache"]!,
  l: { here: "--port PORT" },
  o: { here: "--open" },
  s: FOREIGN["single"]!,
  S: HTTPS,
};

/** The capital letters that stand for a value. */
const PLACEHOLDER = /\b[A-Z]+\b/;

function foreign(flag: string): Foreign | null {
  if (/^-[A-Za-z]$/.test(flag)) return LETTERS[flag[1]!] ?? null;
  const name = flag.replace(/^--?/, "").toLowerCase();
  return Object.hasOwn(FOREIGN, name) ? FOREIGN[name]! : null;
}

/** Returns what is said of a flag of another server, such as `--bind`; null for other flags. */
export function hintAbout(flag: string): string | null {
  const known = foreign(flag);
  return known === null ? null : known.hint ?? `it is ${known.here} here`;
}

/** Returns true for a flag of another server that has a value here. */
export function takesValue(flag: string): boolean {
  return PLACEHOLDER.test(foreign(flag)?.here ?? "");
}

/** Returns the words to write in place of `flag`; null if there are none, or if `value` is missing. */
export function wordsFor(flag: string, value: string | null): string[] | null {
  const known = foreign(flag);
  if (known === null) return null;
  if (!PLACEHOLDER.test(known.here)) return [known.here];
  if (value === null) return null;
  if (known === HOST && /^[^:]+:\d+$/.test(value)) return ["--listen", value];
  const isNever = known === FOREIGN["cache"] && Number(value) <= 0; // -1 of http-server
  const words = isNever ? "--cache-control no-store" : known.here;
  return words.split(" ").map((word) => word.replace(PLACEHOLDER, () => value));
}
