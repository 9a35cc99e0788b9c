/**
 * What `epollet.json` may say of where it is listened.
 * @module
 */
import { z } from "zod";
import {
  EXPECTED_LISTEN_ADDRESS,
  PORT_MAX,
  readHost,
  readListenAddress,
} from "../../../server/listen/address.ts";
import { text } from "./schema_kinds.ts";
import { DEFAULT_PROGRAM_SETTINGS } from "../settings/settings.ts";
import {
  BACKLOG_MAX,
  EXPECTED_BACKLOG,
  EXPECTED_MODE,
  formatMode,
  MODE,
  readMode,
} from "../settings/values.ts";

const port = `a whole number from 0 to ${PORT_MAX}`;
const listenAddress = text(readListenAddress, EXPECTED_LISTEN_ADDRESS, /^(unix:.+|(.*:)?\d{1,5})$/);

/** The keys. */
export const listening = {
  port: z.int(port).min(0, port).max(PORT_MAX, port).optional().meta({
    title: "Port",
    description: "Port to listen on; 0 lets the kernel choose.",
    default: DEFAULT_PROGRAM_SETTINGS.port,
  }),
  host: text(readHost, "an address").optional().meta({
    title: "Address",
    description: "IPv4 or IPv6 address to listen on; :: takes clients of both.",
    default: DEFAULT_PROGRAM_SETTINGS.host,
  }),
  listen: z.union([
    listenAddress,
    z.array(listenAddress, "a list of addresses").min(1, "at least one address"),
  ], {
    error: "an address, or a list of addresses",
  }).optional().meta({
    title: "Addresses",
    description:
      "Addresses to listen on: a port, 127.0.0.1:8080, [::1]:8080, *:8080, unix:/run/epollet.sock. The port counts beside them only where it is said, too.",
    default: [],
  }),
  backlog: z.int(EXPECTED_BACKLOG).min(1, EXPECTED_BACKLOG).max(BACKLOG_MAX, EXPECTED_BACKLOG).optional()
    .meta({
      title: "Backlog",
      description: "Clients that may wait to be accepted; the system may allow fewer.",
      default: DEFAULT_PROGRAM_SETTINGS.backlog,
    }),
  socketMode: text(readMode, EXPECTED_MODE, MODE).optional().meta({
    title: "Permissions of UNIX sockets",
    description: "As chmod takes them, in octal digits; who may write may connect.",
    default: formatMode(DEFAULT_PROGRAM_SETTINGS.socketMode),
  }),
} as const;
