/**
 * What the settings of a site must be, for programs in JavaScript.
 * @module
 */
import { ETAG_MODES, PRECOMPRESSED_MODES } from "../../server/config/site_settings.ts";
import {
  BOOLEAN,
  checkKinds,
  FUNCTION,
  type Kind,
  type Kinds,
  listOf,
  objectOf,
  oneOf,
  orNull,
  PATH,
  STRING,
  STRINGS,
} from "../../server/option_kinds.ts";
import { SiteArchive } from "../../server/site_archive.ts";

const BYTES: Kind = {
  expected: "a number of bytes",
  is: (value) => typeof value === "number" && value >= 0,
};
const TABLE: Kind = {
  expected: "an object of strings",
  is: (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every(STRING.is),
};
const FIELD: Kind = {
  expected: "a pair of a name and a value",
  is: (pair) => Array.isArray(pair) && pair.length === 2 && STRING.is(pair[0]) && orNull(STRING).is(pair[1]),
};
const TYPE: Kind = {
  expected: "a media type, or a list of them",
  is: (value) => value === undefined || STRING.is(value) || STRINGS.is(value),
};
const NUMBER: Kind = { expected: "a number", is: (value) => typeof value === "number" };

const SITE: Kinds = {
  root: {
    expected: `${PATH.expected}, or an archive`,
    is: (value) => PATH.is(value) || value instanceof SiteArchive,
  },
  index: STRINGS,
  cleanUrls: BOOLEAN,
  spa: orNull(STRING),
  errorPages: TABLE,
  browse: BOOLEAN,
  compress: BOOLEAN,
  precompressed: oneOf(PRECOMPRESSED_MODES),
  etag: oneOf(ETAG_MODES),
  cacheControl: STRING,
  cors: orNull(STRINGS),
  securityHeaders: BOOLEAN,
  headers: listOf(
    "rules { source, fields, type? }",
    objectOf("a rule", { source: STRING, type: TYPE, fields: listOf("pairs", FIELD) }),
  ),
  redirects: listOf(
    "rules { source, destination, status }",
    objectOf("a rule", { source: STRING, destination: STRING, status: NUMBER }),
  ),
  rewrites: listOf(
    "rules { source, destination, ifMissing }",
    objectOf("a rule", { source: STRING, destination: STRING, ifMissing: BOOLEAN }),
  ),
  auth: listOf(
    "rules { source, realm, users }",
    objectOf("a rule", { source: STRING, realm: STRING, users: TABLE }),
  ),
};

const OPTIONS: Kinds = {
  hosts: { expected: "a Map", is: (value) => value instanceof Map },
  cacheSize: BYTES,
  cacheFileSize: BYTES,
  validate: oneOf(["auto", "inotify", "stat", "off"]),
  config: orNull(PATH),
  onWarning: FUNCTION,
  onNotice: FUNCTION,
};

/** @throws {TypeError} `index must be a list of strings, not a string`; of a host: `index of example.org …` */
export function checkSiteOptions(options: object & { readonly hosts?: ReadonlyMap<string, object> }): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("A static handler needs an object with a root");
  }
  if (Reflect.get(options, "root") === undefined) throw new TypeError("A static handler needs a root");
  checkKinds(options, { ...SITE, ...OPTIONS });
  for (const [host, own] of options.hosts ?? []) {
    const named = Object.entries(SITE).map(([name, kind]) => [`${name} of ${host}`, kind]);
    const values = Object.entries(own ?? {}).map(([name, value]) => [`${name} of ${host}`, value]);
    checkKinds(Object.fromEntries(values), Object.fromEntries(named));
  }
}
