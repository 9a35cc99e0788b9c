/**
 * Schemas of settings whose values in `epollet.json` are objects (rules, error pages, hosts), and parts of schemas.
 * Messages complete "expected …".
 * @module
 */
import { z } from "zod";
import { HOST_NAME } from "../../../handlers/site/settings/host_name.ts";
import { MEDIA_RANGE } from "../../../handlers/site/settings/site_settings.ts";
import { Expected } from "../../../server/usage_error.ts";
import type { OwnSchema } from "../settings/kinds.ts";
import {
  checkCaptures,
  FIELD_NAME,
  PASSWORD_HASH,
  readFieldName,
  readFieldValue,
  readGlob,
  readHostName,
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
import { DEFAULT_REALM, EVERY_PATH, readSitePath } from "../settings/site_kinds.ts";

/** The schema of a text that `read` accepts. `pattern` is for editors, and may be less strict; `expected` completes messages about other types. */
export function text(read: (text: string) => unknown, expected: string, pattern?: RegExp): z.ZodString {
  const schema = z.string(expected).check((context) => judge(read, context));
  return pattern === undefined ? schema : schema.meta({ pattern: pattern.source });
}

/** Adds an issue if `read` refuses the text of a value. */
export function judge(read: (text: string) => unknown, context: z.core.ParsePayload<string | number>): void {
  try {
    read(String(context.value));
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    context.issues.push({ code: "custom", message: error.message, input: context.value });
  }
}

/** The schema of an object with these keys only; the message about another key is the names of all. */
export function object<T extends z.core.$ZodLooseShape>(
  shape: T,
  expected: string,
): z.ZodObject<T, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : expected,
  });
}

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
    description: "Only for responses with one of these in Content-Type; default: for all.",
    examples: ["text/html", ["image/*", "font/*"]],
  }),
  headers: fields.meta({ description: "Names and values; null removes a header." }),
}, "an object with headers, and source or type").meta({
  id: "HeaderRule",
  title: "Response headers for some paths or types",
});

const redirectRule = withCaptures(object({
  source: glob,
  destination: text(readRedirectDestination, "a path or a URL", REDIRECT_DESTINATION).meta({
    description: "A path or a URL; $1 to $9 are what the wildcards of the source matched.",
  }),
  status: z.literal([301, 302, 303, 307, 308], "one of 301, 302, 303, 307, 308").optional()
    .meta({ description: "The status of the response.", default: 301 }),
}, "an object with source and destination")).meta({ id: "RedirectRule", title: "A redirect" });

const rewriteRule = withCaptures(object({
  source: glob,
  destination: text(readRewriteDestination, "a path that begins with /", REWRITE_DESTINATION).meta({
    description: "A path; $1 to $9 are what the wildcards of the source matched.",
  }),
  ifMissing: z.boolean("true or false").optional().meta({
    title: "If missing",
    description: "Only where no file is at the path itself.",
    default: false,
  }),
}, "an object with source and destination")).meta({
  id: "RewriteRule",
  title: "A rewrite: another path, served under this one",
});

const authRule = object({
  source: glob.optional().meta({ default: EVERY_PATH }),
  realm: text(readRealm, "a few words").optional()
    .meta({ description: "The name that the browser shows.", default: DEFAULT_REALM }),
  users: z.record(
    text(readUserName, "the name of a user", USER_NAME),
    text(readPasswordHash, "the hash of a password, as --hash-password prints it", PASSWORD_HASH),
    "an object with names of users and hashes of their passwords",
  ).meta({ description: "The hash of each user's password, as epollet --hash-password prints it." }),
}, "an object with users").meta({ id: "AuthRule", title: "Passwords for some paths" });

/** Adds an issue if a `$1` to `$9` of the destination has no wildcard in the source. */
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

/** The sites of hosts, whose names are compared in lower case. */
function hosts(site: z.ZodType): z.ZodType {
  return z.record(text(readHostName, "the name of a host", HOST_NAME), site, {
    error: "an object with names of hosts and their settings",
  }).check((context) => {
    const names = new Set<string>();
    for (const name of Object.keys(context.value)) {
      if (names.has(name.toLowerCase())) {
        context.issues.push({ code: "custom", message: "each host once", input: name, path: [name] });
      }
      names.add(name.toLowerCase());
    }
  });
}

/** The schema of each setting that has one of its own; `site` is that of the settings of one host. */
export const OWN_SCHEMAS: { readonly [K in OwnSchema]: (site: () => z.ZodType) => z.ZodType } = {
  errorPages: () =>
    z.record(
      z.string().regex(/^[45]\d\d$/, "a status from 400 to 599"),
      text(readSitePath, "the path of a file in the site, such as /errors/404.html"),
      'an object such as { "404": "/errors/404.html" }',
    ),
  headers: () =>
    z.union([z.array(headerRule), fields], "a list of rules, or an object with names and values of fields"),
  redirects: () => z.array(redirectRule, "a list of rules"),
  rewrites: () => z.array(rewriteRule, "a list of rules"),
  auth: () => z.array(authRule, "a list of rules"),
  hosts: (site) => hosts(site()),
};
