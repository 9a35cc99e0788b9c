/**
 * The settings of the program, one entry each with its default, in the order of `--help`. The type of the settings is
 * inferred from the entries.
 * @module
 */
import { CACHE_BYTES_MAX, CACHED_FILE_BYTES_MAX } from "../../../handlers/site/limits.ts";
import { HANDLER_NAMES } from "../../../handlers/names.ts";
import { LOG_FORMAT_NAMES } from "../../../server/access_log/format.ts";
import { LISTEN_BACKLOG } from "../../../server/limits.ts";
import { POLLER_NAMES } from "../../../server/loop/pollers/mod.ts";
import { oneOf, SWITCH } from "./kinds.ts";
import {
  ACCOUNT,
  ADMIN,
  ALLOWED_HOSTS,
  BACKLOG,
  CACHE_FILE_SIZE,
  CACHE_SIZE,
  HOST,
  LISTEN,
  LOG_FILE,
  MODE,
  PORT,
  PROXIES,
  WORKERS,
} from "./program_kinds.ts";
import type { Entry, Heading, Merged } from "./setting.ts";

/** An entry with its default, which has the type of its kind. */
type ProgramEntry<T> = Entry<T> & { readonly default: T };

function entry<T>(parts: Entry<T> & { readonly default: NoInfer<T> }): ProgramEntry<T> {
  return parts;
}

/** Every setting of the program, under its heading. */
export const PROGRAM_GROUPS = {
  Listening: {
    port: entry({
      kind: PORT,
      default: 7890,
      letter: "p",
      label: "port",
      fixed: "alone",
      help: "port to listen on; 0 lets the kernel choose",
      description: "Port to listen on; 0 lets the kernel choose.",
    }),
    host: entry({
      kind: HOST,
      default: "0.0.0.0",
      letter: "a",
      label: "host",
      fixed: "alone",
      help: "IPv4 or IPv6 address; :: takes clients of both",
      description: "IPv4 or IPv6 address to listen on; :: takes clients of both.",
    }),
    listen: entry({
      kind: LISTEN,
      default: [],
      fixed: "alone",
      help: "ADDRESS:PORT or unix:PATH to listen on; PORT only if given, too",
      description:
        "Addresses to listen on: a port, 127.0.0.1:8080, [::1]:8080, *:8080, unix:/run/epollet.sock. The port counts beside them only where it is said, too.",
    }),
    backlog: entry({
      kind: BACKLOG,
      default: LISTEN_BACKLOG,
      fixed: "always",
      help: "clients that may wait to be accepted",
      description: "Clients that may wait to be accepted; the system may allow fewer.",
    }),
    socketMode: entry({
      kind: MODE,
      default: 0o660,
      fixed: "always",
      help: "permissions of UNIX sockets; who may write may connect",
      description: "As chmod takes them, in octal digits; who may write may connect.",
    }),
    keepAlive: entry({
      kind: SWITCH,
      default: true,
      isForStatic: true,
      help: "close the connection after each response",
      description: "Connections stay open after a response.",
    }),
  },

  "Encoding and caching": {
    cacheSize: entry({
      kind: CACHE_SIZE,
      default: CACHE_BYTES_MAX,
      isForStatic: true,
      help: "memory for files, as in 64M or 1G; 0 keeps none",
      description: 'Memory for files: bytes, or as in "64M" or "1G"; 0 keeps none.',
    }),
    cacheFileSize: entry({
      kind: CACHE_FILE_SIZE,
      default: CACHED_FILE_BYTES_MAX,
      isForStatic: true,
      help: "the largest file that is kept in memory",
      description: 'Larger files are not kept in memory: bytes, or as in "64M"; at most 1G.',
    }),
    validate: entry({
      kind: oneOf("HOW", ["auto", "inotify", "stat", "off"]),
      default: "auto",
      key: "cacheValidate",
      isForStatic: true,
      help: "how it is known to be fresh: auto, inotify, stat, off",
      description: "How a file in memory is known to be fresh.",
    }),
  },

  Rules: {
    allowedHosts: entry({
      kind: ALLOWED_HOSTS,
      default: null,
      isForStatic: true,
      help: "names it is asked by, separated by commas; * for all",
      description:
        "Names by which it is asked, as app.test or *.example.org, beside its hosts, IP addresses and localhost; * for all.",
    }),
  },

  Logs: {
    accessLog: entry({
      kind: oneOf("FORMAT", LOG_FORMAT_NAMES),
      default: "none",
      fixed: "alone",
      isForStatic: true,
      help: `a line for each response: ${LOG_FORMAT_NAMES.join(", ")}`,
      description: "What the line of each response looks like.",
    }),
    accessLogFile: entry({
      kind: LOG_FILE,
      default: null,
      otherwise: "standard output",
      fixed: "alone",
      isForStatic: true,
      help: "where these lines go; SIGUSR1 opens the file anew",
      description: "Relative to the directory of this file; without it the lines go to standard output.",
    }),
    errorLog: entry({
      kind: LOG_FILE,
      default: null,
      otherwise: "standard error",
      fixed: "always",
      help: "where errors and warnings go, likewise",
      description: "A file for errors and warnings; without it they go to standard error.",
    }),
  },

  Proxies: {
    trustProxy: entry({
      kind: PROXIES,
      default: [],
      fixed: "alone",
      help: "whose Forwarded or X-Forwarded-For counts: 10.0.0.0/8, loopback",
      description:
        "Whose Forwarded or X-Forwarded-For is believed: addresses, networks, loopback, private, unix.",
    }),
    proxyProtocol: entry({
      kind: SWITCH,
      default: false,
      fixed: "alone",
      help: "connections begin with a header of the PROXY protocol, v1 or v2",
      description: "Each connection begins with a header of the PROXY protocol, v1 or v2.",
    }),
  },

  Processes: {
    workers: entry({
      kind: WORKERS,
      default: 0,
      letter: "w",
      fixed: "alone",
      help: "processes that serve under one more; auto: one a processor",
      description: "Processes that serve under a supervisor; auto: one for each processor; 0: none.",
    }),
  },

  Operations: {
    admin: entry({
      kind: ADMIN,
      default: null,
      fixed: "always",
      help: "health, metrics and a live status page, on PORT or ADDRESS:PORT",
      description:
        "Where health, metrics and a status page are served: a port of 127.0.0.1, or address:port.",
      examples: [9090, "127.0.0.1:9090"],
    }),
  },

  Privileges: {
    user: entry({
      kind: ACCOUNT,
      default: null,
      fixed: "always",
      help: "become this user when it listens; needs root, which it gives up",
      description: "The user, or USER:GROUP, to become once it listens; it has to be started as root.",
    }),
    sandbox: entry({
      kind: SWITCH,
      default: true,
      fixed: "alone",
      help: "keep rights that serving does not need (see SECURITY.md)",
      description: "Rights that serving does not need are given up at the start.",
    }),
  },

  Machinery: {
    poller: entry({
      kind: oneOf("NAME", POLLER_NAMES),
      default: "epoll-edge",
      label: "poller",
      fixed: "alone",
      help: POLLER_NAMES.join(", "),
      description: "What waits for readiness.",
    }),
    handler: entry({
      kind: oneOf("NAME", HANDLER_NAMES),
      default: "static",
      label: "handler",
      fixed: "alone",
      help: HANDLER_NAMES.join(", "),
      description: "What is served.",
    }),
    coroutine: entry({
      kind: SWITCH,
      default: false,
      fixed: "alone",
      help: "serve each connection by a coroutine instead of callbacks",
      description: "Each connection is served by a coroutine instead of callbacks.",
    }),
  },
} satisfies { readonly [K in Heading]?: Readonly<Record<string, Entry<unknown>>> };

/** An entry for each setting of the program. */
export type ProgramTable = Merged<typeof PROGRAM_GROUPS>;
