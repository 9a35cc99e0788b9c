/**
 * The keys about logs and about proxies, a part of the schema in `schema.ts`.
 * @module
 */
import { z } from "zod";
import { LOG_FORMAT_NAMES } from "../../../server/access_log/format.ts";
import { EXPECTED_PROXIES } from "../../../server/clients/trusted_proxies.ts";
import {
  EXPECTED_LOG_FILE,
  LOG_FILE,
  readLogFile,
  readProxies,
  readProxy,
} from "../settings/log_settings.ts";
import { flag, oneOf, text } from "./schema_kinds.ts";
import { DEFAULT_PROGRAM_SETTINGS } from "../settings/settings.ts";

/** Keys of the configuration file about logs and proxies. */
export const logKeys = {
  accessLog: oneOf(LOG_FORMAT_NAMES).optional().meta({
    title: "Access log",
    description: "What the line of each response looks like.",
    default: DEFAULT_PROGRAM_SETTINGS.accessLog,
  }),
  accessLogFile: text(readLogFile, EXPECTED_LOG_FILE, LOG_FILE).optional().meta({
    title: "File of the access log",
    description: "Relative to the directory of this file; without it the lines go to standard output.",
  }),
  errorLog: text(readLogFile, EXPECTED_LOG_FILE, LOG_FILE).optional().meta({
    title: "Error log",
    description: "A file for errors and warnings; without it they go to standard error.",
  }),
  trustProxy: z.union([
    text(readProxies, EXPECTED_PROXIES),
    z.array(text(readProxy, EXPECTED_PROXIES), EXPECTED_PROXIES),
  ], EXPECTED_PROXIES).optional().meta({
    title: "Trusted proxies",
    description:
      "Whose Forwarded or X-Forwarded-For is believed: addresses, networks, loopback, private, unix.",
    default: DEFAULT_PROGRAM_SETTINGS.trustProxy,
  }),
  proxyProtocol: flag(
    "PROXY protocol",
    "Each connection begins with a header of the PROXY protocol, v1 or v2.",
  ),
};
