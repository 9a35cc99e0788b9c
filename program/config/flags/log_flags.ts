/**
 * The flags about logs and about proxies, a part of the table in `flags.ts`.
 * @module
 */
import { LOG_FORMAT_NAMES } from "../../../server/access_log/format.ts";

/** Flags about logs and proxies, by heading. */
export const LOG_FLAG_GROUPS = [
  {
    heading: "Logs",
    flags: [
      {
        name: "access-log",
        value: "FORMAT",
        values: LOG_FORMAT_NAMES,
        help: `a line for each response: ${LOG_FORMAT_NAMES.join(", ")} (none)`,
        isForStatic: true,
      },
      {
        name: "access-log-file",
        value: "FILE",
        isNegatable: true,
        help: "where these lines go; SIGUSR1 opens the file anew (standard output)",
        isForStatic: true,
      },
      {
        name: "error-log",
        value: "FILE",
        isNegatable: true,
        help: "where errors and warnings go, likewise (standard error)",
      },
    ],
  },
  {
    heading: "Proxies",
    flags: [
      {
        name: "trust-proxy",
        value: "LIST",
        isRepeatable: true,
        isNegatable: true,
        help: "whose Forwarded or X-Forwarded-For counts: 10.0.0.0/8, loopback",
      },
      {
        name: "proxy-protocol",
        help: "connections begin with a header of the PROXY protocol, v1 or v2",
      },
    ],
  },
] as const;
