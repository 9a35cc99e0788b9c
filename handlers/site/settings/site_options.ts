/**
 * The options of a static handler beside the settings of its sites, and the check of all of these.
 * @module
 */
import {
  BOOLEAN,
  BYTES,
  checkKinds,
  FUNCTION,
  type Kind,
  type Kinds,
  oneOf,
  orNull,
  PATH,
} from "../../../server/embedder/option_kinds.ts";
import { isHostName } from "./host_name.ts";
import { SITE_FIELDS } from "./site_settings.ts";

/** How changed files are noticed: by events where these are reliable, by statx(2) at each use, or not at all. */
export type Validation = "inotify" | "stat" | "off";

/** What follows where links cannot be followed safely. */
export const NO_LINKS = "symbolic links in the site are not followed";

/** How sites are kept in memory, and where warnings go. */
export interface SiteOptions {
  /** Bytes of memory for files; 0 for none. Default 256 MiB. */
  readonly cacheSize?: number;
  /** Bytes of the largest file that is kept in memory. Default 1 MiB. */
  readonly cacheFileSize?: number;
  /**
   * How changed files are noticed. `auto`: by inotify(7) where it reports every change, else by statx(2) at each use;
   * `inotify`: by inotify on any file system; `stat`: always by statx; `off`: not at all, for files that never change
   * while they are served. Default `auto`.
   */
  readonly validate?: "auto" | Validation;
  /**
   * For how many milliseconds files stay served after they went, if their names have a hash of their content; 0 for no
   * time. Default 0.
   */
  readonly keepAssets?: number;
  /** Bytes of all files that are held for that, by descriptors or in memory. Default 64 MiB. */
  readonly keepAssetsSize?: number;
  /** The configuration file, which is not served even if it is in the site. */
  readonly config?: string | null;
  /** Receives a line about a problem that does not keep the site from being served. */
  readonly onWarning?: (message: string) => void;
  /**
   * Receives a line about each probable mistake in the site (a precompressed file that is older than its source), and about
   * each directory that the path of a root leads to later.
   */
  readonly onNotice?: (message: string) => void;
}

/** Receives each decision about a response: `trace("rule", "rewrites /a to /b")`. */
export type Trace = (what: string, detail: string) => void;

/** The warning where links cannot be followed safely. */
export const NO_OPENAT2_WARNING: string =
  `openat2(2) is missing (before Linux 5.6, or refused by a filter of system calls): ${NO_LINKS}`;

const MILLISECONDS: Kind = {
  expected: "a number of milliseconds",
  is: (value) => typeof value === "number" && value >= 0,
};
/** A name in upper case would never match a request, whose names are compared in lower case. */
const HOST: Kind = {
  expected: "the name of a host in lower case",
  is: (value) => typeof value === "string" && isHostName(value) && value === value.toLowerCase(),
};

const SITE: Kinds = {
  ...Object.fromEntries(Object.entries(SITE_FIELDS).map(([name, { kind }]) => [name, kind])),
  isRootConfined: BOOLEAN,
};

const OPTIONS: Kinds = {
  hosts: {
    expected: "a Map from names of hosts in lower case to objects",
    is: (value) =>
      value instanceof Map &&
      [...value].every(([name, own]) =>
        HOST.is(name) && typeof own === "object" && own !== null && !Array.isArray(own)
      ),
  },
  allowedHosts: orNull({
    expected: "a list of names of hosts in lower case, such as app.test or *.example.org, or * for all",
    is: (value) => Array.isArray(value) && value.every((name) => name === "*" || HOST.is(name)),
  }),
  loopbackPorts: FUNCTION,
  cacheSize: BYTES,
  cacheFileSize: BYTES,
  keepAssets: MILLISECONDS,
  keepAssetsSize: BYTES,
  validate: oneOf(["auto", "inotify", "stat", "off"]),
  config: orNull(PATH),
  onWarning: FUNCTION,
  onNotice: FUNCTION,
};

/** Checks the options of a static handler. @throws {TypeError} `index must be a list of strings, not a string`; of a host: `index of example.org …` */
export function checkSiteOptions(options: object & { readonly hosts?: ReadonlyMap<string, object> }): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("A static handler needs an object with a root");
  }
  if (Reflect.get(options, "root") === undefined) throw new TypeError("A static handler needs a root");
  checkKinds(options, { ...SITE, ...OPTIONS });
  for (const [host, own] of options.hosts ?? []) {
    const named = Object.entries(SITE).map(([name, kind]) => [`${name} of ${host}`, kind]);
    const values = Object.entries(own).map(([name, value]) => [`${name} of ${host}`, value]);
    checkKinds(Object.fromEntries(values), Object.fromEntries(named));
  }
}
