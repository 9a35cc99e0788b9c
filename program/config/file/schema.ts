/**
 * What `epollet.json` may hold: the one source of its validation, its type and its JSON schema.
 *
 * Messages complete "expected …"; `config_file.ts` adds the place and what was found there. This module is imported
 * only when there is a file to read, since its library takes its time to load.
 * @module
 */
import { z } from "zod";
import { EXPECTED_HOSTS, readAllowedHosts, readHostName, USUAL_HOSTS } from "../settings/rule_values.ts";
import { HOST_NAME } from "../../../handlers/site/settings/host_name.ts";
import { ADMIN, EXPECTED_ADMIN, readAdminAddress } from "../settings/admin_address.ts";
import { LIMIT_SETTINGS, type LimitKey, type LimitSetting } from "../settings/limit_settings.ts";
import { logKeys } from "./log_schema.ts";
import { listening } from "./schema_listening.ts";
import { flag, number, object, ofSite, oneOf, text } from "./schema_kinds.ts";
import { siteKeys, siteSchema } from "./schema_site.ts";
import { DEFAULT_PROGRAM_SETTINGS } from "../settings/settings.ts";
import {
  ACCOUNT,
  EXPECTED_ACCOUNT,
  EXPECTED_SIZE,
  EXPECTED_WORKERS,
  FILE_SIZE_MAX,
  readAccount,
  readFileSize,
  readSize,
  SIZE,
  VALIDATIONS,
} from "../settings/values.ts";
import { HANDLER_NAMES } from "../../../handlers/names.ts";
import { PORT_MAX } from "../../../server/listen/address.ts";
import { WORKERS_MAX } from "../../../server/limits.ts";
import { POLLER_NAMES } from "../../../server/loop/pollers/mod.ts";

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
    description: `${help[0]!.toUpperCase()}${help.slice(1)}.`,
    ...kind.pattern.test(otherwise) ? { default: otherwise } : {},
  });
}

const limits = Object.fromEntries(LIMIT_SETTINGS.map((setting) => [setting.key, limit(setting)])) as Record<
  LimitKey,
  ReturnType<typeof limit>
>;

/** The whole file. */
export const configSchema = object({
  $schema: ofSite(
    z.string("the place of the schema").optional()
      .meta({ description: "Where this schema is, for editors." }),
  ),
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
  allowedHosts: z.union([
    text(readAllowedHosts, EXPECTED_HOSTS),
    z.array(text(readAllowedHosts, EXPECTED_HOSTS), EXPECTED_HOSTS),
  ], EXPECTED_HOSTS).optional().meta({
    title: "Allowed hosts",
    description:
      "Names by which it is asked, as app.test or *.example.org, beside its hosts, IP addresses and localhost; * for all.",
    default: USUAL_HOSTS,
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
  ...siteKeys,
  hosts: ofSite(
    z.record(text(readHostName, "the name of a host", HOST_NAME), siteSchema, {
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
  ),
}, "an object with settings");

/** What a file says. */
export type WrittenConfig = z.output<typeof configSchema>;

/** The JSON schema of the file, as text. */
export function jsonSchemaText(): string {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: "input" });
  const title = "epollet.json";
  const description = "The configuration of the web server epollet.";
  return `${JSON.stringify({ $schema, title, description, ...schema }, null, 2)}\n`;
}
