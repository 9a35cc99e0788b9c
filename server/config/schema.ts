/**
 * What `epollet.json` may hold: the one source of its validation, its type and its JSON schema.
 *
 * Messages complete "expected …"; `config_file.ts` adds the place and what was found there. This module is imported
 * only when there is a file to read, since its library takes its time to load.
 * @module
 */
import { z } from "zod";
import { DEFAULT_REALM, DEFAULT_SPA, EVERY_PATH } from "./command_line.ts";
import {
  checkCaptures,
  FIELD_NAME,
  HOST_NAME,
  PASSWORD_HASH,
  readFieldName,
  readFieldValue,
  readGlob,
  readHostName,
  readPasswordHash,
  readRealm,
  readRedirectDestination,
  readRewriteDestination,
  readUserName,
  REDIRECT_DESTINATION,
  REWRITE_DESTINATION,
  USER_NAME,
} from "./rule_values.ts";
import { ADMIN, EXPECTED_ADMIN, readAdminAddress } from "./admin_address.ts";
import { LIMIT_SETTINGS, type LimitKey, type LimitSetting } from "./limit_settings.ts";
import { logKeys } from "./log_schema.ts";
import { listening } from "./schema_listening.ts";
import { flag, number, object, oneOf, text } from "./schema_kinds.ts";
import { DEFAULT_PROGRAM_SETTINGS } from "./settings.ts";
import { DEFAULT_SITE_SETTINGS, ETAG_MODES } from "./site_settings.ts";
import { Expected } from "./usage_error.ts";
import {
  ACCOUNT,
  EXPECTED_ACCOUNT,
  EXPECTED_SIZE,
  EXPECTED_WORKERS,
  FILE_SIZE_MAX,
  HANDLER_NAMES,
  PORT_MAX,
  readAccount,
  readCacheControl,
  readFileName,
  readFileSize,
  readIndex,
  readOrigin,
  readRoot,
  readSitePath,
  readSize,
  SIZE,
  VALIDATIONS,
} from "./values.ts";
import { WORKERS_MAX } from "../limits.ts";
import { POLLER_NAMES } from "../pollers/mod.ts";

const glob = text(readGlob, "a glob that begins with /, such as /assets/**", /^\//).meta({
  description: "A glob over the path: * stands for a part of a name, ** for any part of the path.",
  examples: ["/assets/**", "/blog/*"],
});

const fields = z.record(
  text(readFieldName, "the name of a field", FIELD_NAME),
  z.union([text(readFieldValue, "a value"), z.null()], "a string, or null to take the field away"),
  "an object with names and values of fields",
);

const headerRule = object({
  source: glob,
  headers: fields.meta({ description: "Names and values; null takes a field away." }),
}, "an object with source and headers").meta({ id: "HeaderRule", title: "Fields for some paths" });

const redirectRule = withCaptures(object({
  source: glob,
  destination: text(readRedirectDestination, "a path or a URL", REDIRECT_DESTINATION).meta({
    description: "A path or a URL; $1 to $9 are what the wildcards of the source matched.",
  }),
  status: z.literal([301, 302, 303, 307, 308], "one of 301, 302, 303, 307, 308").optional()
    .meta({ description: "The status of the response.", default: 301 }),
}, "an object with source and destination")).meta({ id: "RedirectRule", title: "Sends clients elsewhere" });

const rewriteRule = withCaptures(object({
  source: glob,
  destination: text(readRewriteDestination, "a path that begins with /", REWRITE_DESTINATION).meta({
    description: "A path; $1 to $9 are what the wildcards of the source matched.",
  }),
  ifMissing: flag("If missing", "Only where nothing is at the path itself."),
}, "an object with source and destination")).meta({
  id: "RewriteRule",
  title: "Serves another path under this one",
});

const authRule = object({
  source: glob.optional().meta({ default: EVERY_PATH }),
  realm: text(readRealm, "a few words").optional()
    .meta({ description: "What the browser shows.", default: DEFAULT_REALM }),
  users: z.record(
    text(readUserName, "the name of a user", USER_NAME),
    text(readPasswordHash, "the hash of a password, as --hash-password prints it", PASSWORD_HASH),
    "an object with names of users and hashes of their passwords",
  ).meta({ description: "The hash of each user's password, as epollet --hash-password prints it." }),
}, "an object with users").meta({ id: "AuthRule", title: "Paths that need a name and a password" });

/** Numbers behind $ in the destination need a wildcard in the source. */
function withCaptures<T extends z.ZodType<{ source: string; destination: string }>>(rule: T): T {
  return rule.check((context) => {
    const { source, destination } = context.value;
    try {
      checkCaptures(source, destination);
    } catch (error) {
      if (!(error instanceof Expected)) throw error;
      const { message } = error;
      context.issues.push({ code: "custom", message, input: destination, path: ["destination"] });
    }
  });
}

/** What may be said about a site: at the top level, and for a host. */
const site = {
  root: text(readRoot, "a directory").optional().meta({
    title: "Root",
    description: "The directory to serve, relative to the one that this file is in.",
    default: DEFAULT_SITE_SETTINGS.root,
  }),
  index: z.union([
    text(readIndex, "file names"),
    z.array(text(readFileName, "a file name such as index.html"), "file names").min(
      1,
      "at least one file name",
    ),
  ], "a list of file names").optional().meta({
    title: "Index",
    description: "Files for a path that ends with a slash, in the order in which they are tried.",
    default: DEFAULT_SITE_SETTINGS.index,
  }),
  cleanUrls: flag("Clean URLs", "/about is about.html, and /about.html leads there."),
  spa: z.union([z.boolean(), text(readSitePath, "a path")], "true, false, or the path of a file in the site")
    .optional().meta({
      title: "Single-page application",
      description: `The file that answers navigations to where nothing is; true: ${DEFAULT_SPA}.`,
      default: false,
    }),
  errorPages: z.record(
    z.string().regex(/^[45]\d\d$/, "a status from 400 to 599"),
    text(readSitePath, "the path of a file in the site, such as /errors/404.html"),
    'an object such as { "404": "/errors/404.html" }',
  ).optional().meta({
    title: "Error pages",
    description: "The path of the page for a status. /404.html needs no mention.",
    default: {},
  }),
  browse: flag("Browse", "Directories without an index are listed."),
  compress: flag("Compress", "Text is compressed, once, when a client that understands it asks."),
  etag: oneOf(ETAG_MODES).optional().meta({
    title: "Entity tags",
    description: "What they are made of: the bytes, size and time, or none at all.",
    default: DEFAULT_SITE_SETTINGS.etag,
  }),
  cacheControl: text(readCacheControl, "auto, off, or a value of Cache-Control").optional().meta({
    title: "Cache-Control",
    description: "auto: revalidate, but a year for names with a content hash; off: no field; or a value.",
    default: DEFAULT_SITE_SETTINGS.cacheControl,
  }),
  cors: z.union([z.boolean(), z.array(text(readOrigin, "an origin")).min(1, "at least one origin")], {
    error: "true, false, or a list of origins such as https://a.example",
  }).optional().meta({
    title: "CORS",
    description: "Origins that may read across origins; true: all.",
    default: false,
  }),
  securityHeaders: flag("Security headers", "Fields that make browsers careful."),
  headers: z.union(
    [z.array(headerRule), fields],
    "a list of rules, or an object with names and values of fields",
  )
    .optional().meta({
      title: "Fields",
      description: "Fields of one's own, for all paths or by glob; null takes a field away. Later rules win.",
      default: [],
    }),
  redirects: z.array(redirectRule, "a list of rules").optional().meta({
    title: "Redirects",
    description: "The first that matches is followed.",
    default: [],
  }),
  rewrites: z.array(rewriteRule, "a list of rules").optional().meta({
    title: "Rewrites",
    description: "The first that matches is followed, once.",
    default: [],
  }),
  auth: z.array(authRule, "a list of rules").optional().meta({
    title: "Passwords",
    description: "The first rule that matches is asked for.",
    default: [],
  }),
};

function size(
  read: (text: string) => number,
  bytesMax: number,
  title: string,
  description: string,
  bytes: number,
) {
  return z.union([
    z.int(EXPECTED_SIZE).min(0, EXPECTED_SIZE).max(bytesMax, "at most 1G"),
    text(read, EXPECTED_SIZE, SIZE),
  ], EXPECTED_SIZE).optional().meta({ title, description, default: bytes });
}

/** A limit: a number, or how it is written on the command line. */
function limit({ kind, help, otherwise }: LimitSetting) {
  const written = [number(kind.read, kind.expected), text(kind.read, kind.expected, kind.pattern)];
  return z.union(written, kind.expected).optional().meta({
    description: `${help[0].toUpperCase()}${help.slice(1)}.`,
    ...kind.pattern.test(otherwise) ? { default: otherwise } : {},
  });
}

const limits = Object.fromEntries(LIMIT_SETTINGS.map((setting) => [setting.key, limit(setting)])) as Record<
  LimitKey,
  ReturnType<typeof limit>
>;

/** The site of one host. */
export const siteSchema = object(site, "an object with the settings of a site");

/** The whole file. */
export const configSchema = object({
  $schema: z.string("the place of the schema").optional()
    .meta({ description: "Where this schema is, for editors." }),
  ...listening,
  keepAlive: flag("Keep-alive", "Connections stay open after a response.", true),
  poller: oneOf(POLLER_NAMES).optional().meta({
    title: "Poller",
    description: "What waits for readiness.",
    default: DEFAULT_PROGRAM_SETTINGS.poller,
  }),
  handler: oneOf(HANDLER_NAMES).optional().meta({
    title: "Handler",
    description: "What is served.",
    default: DEFAULT_PROGRAM_SETTINGS.handler,
  }),
  coroutine: flag("Coroutine", "Each connection is served by a coroutine instead of callbacks."),
  cacheSize: size(
    readSize,
    Number.MAX_SAFE_INTEGER,
    "Cache",
    'Memory for files: bytes, or as in "64M" or "1G"; 0 keeps none.',
    DEFAULT_PROGRAM_SETTINGS.cacheSize,
  ),
  cacheFileSize: size(
    readFileSize,
    FILE_SIZE_MAX,
    "Largest file in the cache",
    'Larger files are not kept in memory: bytes, or as in "64M"; at most 1G.',
    DEFAULT_PROGRAM_SETTINGS.cacheFileSize,
  ),
  cacheValidate: oneOf(VALIDATIONS).optional().meta({
    title: "Validation",
    description: "How a file in memory is known to be fresh.",
    default: DEFAULT_PROGRAM_SETTINGS.validate,
  }),
  ...limits,
  workers: z.union([
    z.int(EXPECTED_WORKERS).min(0, EXPECTED_WORKERS).max(WORKERS_MAX, EXPECTED_WORKERS),
    z.literal("auto"),
  ], EXPECTED_WORKERS).optional().meta({
    title: "Workers",
    description: "Processes that serve under a supervisor; auto: one for each processor; 0: none.",
    default: DEFAULT_PROGRAM_SETTINGS.workers,
  }),
  admin: z.union([
    z.int(EXPECTED_ADMIN).min(0, EXPECTED_ADMIN).max(PORT_MAX, EXPECTED_ADMIN),
    text(readAdminAddress, EXPECTED_ADMIN, ADMIN),
  ], EXPECTED_ADMIN).optional().meta({
    title: "Admin",
    description: "Where health, metrics and a status page are served: a port of 127.0.0.1, or address:port.",
    examples: [9090, "127.0.0.1:9090"],
  }),
  user: text(readAccount, EXPECTED_ACCOUNT, ACCOUNT).optional().meta({
    title: "User",
    description: "The user, or USER:GROUP, to become once it listens; it has to be started as root.",
  }),
  ...logKeys,
  sandbox: flag("Sandbox", "Rights that serving does not need are given up at the start.", true),
  ...site,
  hosts: z.record(text(readHostName, "the name of a host", HOST_NAME), siteSchema, {
    error: "an object with names of hosts and their settings",
  }).check((context) => {
    const names = new Set<string>();
    for (const name of Object.keys(context.value)) {
      if (names.has(name.toLowerCase())) {
        context.issues.push({ code: "custom", message: "each host once", input: name, path: [name] });
      }
      names.add(name.toLowerCase());
    }
  }).optional().meta({
    title: "Hosts",
    description: "What is different for a host, such as example.org or *.example.org.",
    default: {},
  }),
}, "an object with settings");

/** What is written about one site. */
export type WrittenSite = z.output<typeof siteSchema>;
/** What a file says. */
export type WrittenConfig = z.output<typeof configSchema>;

/** The JSON schema of the file, as text. */
export function jsonSchemaText(): string {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: "input" });
  const title = "epollet.json";
  const description = "The configuration of the web server epollet.";
  return `${JSON.stringify({ $schema, title, description, ...schema }, null, 2)}\n`;
}
