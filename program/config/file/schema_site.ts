/**
 * What `epollet.json` may say of a site: at the top level, and for a host.
 * @module
 */
import { z } from "zod";
import { DEFAULT_REALM, DEFAULT_SPA, EVERY_PATH } from "../flags/command_line.ts";
import {
  checkCaptures,
  FIELD_NAME,
  PASSWORD_HASH,
  readFieldName,
  readFieldValue,
  readGlob,
  readMediaRange,
  readPasswordHash,
  readRealm,
  readRedirectDestination,
  readRewriteDestination,
  readUserName,
  REDIRECT_DESTINATION,
  REWRITE_DESTINATION,
  USER_NAME,
} from "../settings/rule_values.ts";
import { flag, object, ofSite, oneOf, text } from "./schema_kinds.ts";
import {
  DEFAULT_SITE_SETTINGS,
  ETAG_MODES,
  MEDIA_RANGE,
  PRECOMPRESSED_MODES,
} from "../../../handlers/site/settings/site_settings.ts";
import { Expected } from "../../../server/usage_error.ts";
import {
  readCacheControl,
  readFileName,
  readIndex,
  readOrigin,
  readRoot,
  readSitePath,
} from "../settings/values.ts";

const glob = text(readGlob, "a glob that begins with /, such as /assets/**", /^\//).meta({
  description: "A glob over the path: * stands for a part of a name, ** for any part of the path.",
  examples: ["/assets/**", "/blog/*"],
});

const fields = z.record(
  text(readFieldName, "the name of a field", FIELD_NAME),
  z.union([text(readFieldValue, "a value"), z.null()], "a string, or null to take the field away"),
  "an object with names and values of fields",
);

const mediaRange = text(readMediaRange, "a media type such as text/html or image/*", MEDIA_RANGE);

const headerRule = object({
  source: glob.optional().meta({ default: EVERY_PATH }),
  type: z.union([
    mediaRange,
    z.array(mediaRange, "a list of media types").min(1, "at least one media type"),
  ], "a media type such as text/html or image/*, or a list of them").optional().meta({
    description: "Only for responses whose Content-Type, as it is sent, is one of these; default: for all.",
    examples: ["text/html", ["image/*", "font/*"]],
  }),
  headers: fields.meta({ description: "Names and values; null takes a field away." }),
}, "an object with headers, and source or type").meta({
  id: "HeaderRule",
  title: "Fields for some paths or types",
});

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
export const siteKeys = {
  root: ofSite(
    text(readRoot, "a directory").optional().meta({
      title: "Root",
      description: "The directory to serve, relative to the one that this file is in.",
      default: DEFAULT_SITE_SETTINGS.root,
    }),
  ),
  index: ofSite(
    z.union([
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
  ),
  cleanUrls: ofSite(flag("Clean URLs", "/about is about.html, and /about.html leads there.")),
  spa: ofSite(
    z.union([z.boolean(), text(readSitePath, "a path")], "true, false, or the path of a file in the site")
      .optional().meta({
        title: "Single-page application",
        description: `The file that answers navigations to where nothing is; true: ${DEFAULT_SPA}.`,
        default: false,
      }),
  ),
  errorPages: ofSite(
    z.record(
      z.string().regex(/^[45]\d\d$/, "a status from 400 to 599"),
      text(readSitePath, "the path of a file in the site, such as /errors/404.html"),
      'an object such as { "404": "/errors/404.html" }',
    ).optional().meta({
      title: "Error pages",
      description: "The path of the page for a status. /404.html needs no mention.",
      default: {},
    }),
  ),
  browse: ofSite(flag("Browse", "Directories without an index are listed.")),
  compress: ofSite(flag("Compress", "Text is compressed, once, when a client that understands it asks.")),
  precompressed: ofSite(
    oneOf(PRECOMPRESSED_MODES).optional().meta({
      title: "Precompressed files",
      description:
        "Which of .br, .zst and .gz beside a file are served: those that are not older than the file, all, or none.",
      default: DEFAULT_SITE_SETTINGS.precompressed,
    }),
  ),
  etag: ofSite(
    oneOf(ETAG_MODES).optional().meta({
      title: "Entity tags",
      description: "What they are made of: the bytes, size and time, or none at all.",
      default: DEFAULT_SITE_SETTINGS.etag,
    }),
  ),
  cacheControl: ofSite(
    text(readCacheControl, "auto, off, or a value of Cache-Control").optional().meta({
      title: "Cache-Control",
      description: "auto: revalidate, but a year for names with a content hash; off: no field; or a value.",
      default: DEFAULT_SITE_SETTINGS.cacheControl,
    }),
  ),
  cors: ofSite(
    z.union([z.boolean(), z.array(text(readOrigin, "an origin")).min(1, "at least one origin")], {
      error: "true, false, or a list of origins such as https://a.example",
    }).optional().meta({
      title: "CORS",
      description: "Origins that may read across origins; true: all.",
      default: false,
    }),
  ),
  securityHeaders: ofSite(flag("Security headers", "Fields that make browsers careful.")),
  headers: ofSite(
    z.union(
      [z.array(headerRule), fields],
      "a list of rules, or an object with names and values of fields",
    )
      .optional().meta({
        title: "Fields",
        description:
          "Fields of one's own, for all paths, by glob or by type; null takes a field away. Later rules win.",
        default: [],
      }),
  ),
  redirects: ofSite(
    z.array(redirectRule, "a list of rules").optional().meta({
      title: "Redirects",
      description: "The first that matches is followed.",
      default: [],
    }),
  ),
  rewrites: ofSite(
    z.array(rewriteRule, "a list of rules").optional().meta({
      title: "Rewrites",
      description: "The first that matches is followed, once.",
      default: [],
    }),
  ),
  auth: ofSite(
    z.array(authRule, "a list of rules").optional().meta({
      title: "Passwords",
      description: "The first rule that matches is asked for.",
      default: [],
    }),
  ),
};

/** The site of one host. */
export const siteSchema = object(siteKeys, "an object with the settings of a site");

/** What is written about one site. */
export type WrittenSite = z.output<typeof siteSchema>;
