/**
 * What the settings of a site must be, for programs in JavaScript.
 * @module
 */
import { ETAG_MODES, PRECOMPRESSED_MODES } from "./site_settings.ts";
import { isHostName } from "./host_name.ts";
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
} from "../../../server/embedder/option_kinds.ts";
import { SiteArchive } from "../files/archive.ts";

const BYTES: Kind = {
  expected: "a number of bytes",
  is: (value) => typeof value === "number" && value >= 0,
};
const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const TABLE: Kind = {
  expected: "an object of strings",
  is: (value) => isObject(value) && Object.values(value).every(STRING.is),
};
const FIELD: Kind = {
  expected: "a pair of a name and a value",
  is: (pair) => Array.isArray(pair) && pair.length === 2 && STRING.is(pair[0]) && orNull(STRING).is(pair[1]),
};
const TYPE: Kind = {
  expected: "a media type, or a list of them",
  is: (value) => value === undefined || STRING.is(value) || STRINGS.is(value),
};
/** As it is compared with what requests say: in upper case it would never be found. */
const HOST: Kind = {
  expected: "the name of a host in lower case",
  is: (value) => typeof value === "string" && isHostName(value) && value === value.toLowerCase(),
};
const NUMBER: Kind = { expected: "a number", is: (value) => typeof value === "number" };

const SITE: Kinds = {
  root: {
    expected: `${PATH.expected}, or an archive`,
    is: (value) => PATH.is(value) || value instanceof SiteArchive,
  },
  isRootConfined: BOOLEAN,
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
  hosts: {
    expected: "a Map from names of hosts in lower case to objects",
    is: (value) => value instanceof Map && [...value].every(([name, own]) => HOST.is(name) && isObject(own)),
  },
  allowedHosts: orNull({
    expected: "a list of names of hosts in lower case, such as app.test or *.example.org, or * for all",
    is: (value) => Array.isArray(value) && value.every((name) => name === "*" || HOST.is(name)),
  }),
  loopbackPorts: FUNCTION,
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
    const values = Object.entries(own).map(([name, value]) => [`${name} of ${host}`, value]);
    checkKinds(Object.fromEntries(values), Object.fromEntries(named));
  }
}
