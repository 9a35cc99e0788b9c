/**
 * The settings of the program, one entry each with its default, in the order of `--help`. The type of the settings is
 * inferred from the entries.
 * @module
 */
import { CACHE_BYTES_MAX, CACHED_FILE_BYTES_MAX, KEPT_BYTES_MAX } from "../../../handlers/site/limits.ts";
import { HANDLER_NAMES } from "../../../handlers/names.ts";
import { LOG_FORMAT_NAMES } from "../../../server/access_log/format.ts";
import { LISTEN_BACKLOG } from "../../../server/limits.ts";
import { DEFAULT_POLLER, POLLER_NAMES } from "../../../server/loop/pollers/mod.ts";
import { oneOf, SWITCH } from "./kinds.ts";
import {
  ACCOUNT,
  ADMIN,
  ALLOWED_HOSTS,
  BACKLOG,
  CACHE_FILE_SIZE,
  CACHE_SIZE,
  HOST,
  KEPT_TIME,
  LISTEN,
  LOG_FILE,
  MODE,
  PORT,
  PROXIES,
  WORKERS,
} from "./program_kinds.ts";
import { TLS_PROFILES } from "../../../ffi/openssl/server_context.ts";
import { ACME_ENTRIES } from "./acme_table.ts";
import { DEVELOPMENT_ENTRIES } from "./development_table.ts";
import { CERTIFICATES, FILES, HSTS, HTTPS_PORT, REDIRECT } from "./tls_kinds.ts";
import { type Entry, entry, type Heading, type Merged } from "./setting.ts";

/** Every setting of the program, under its heading. */
export const PROGRAM_GROUPS = {
  Listening: {
    port: entry({
      kind: PORT,
      default: 7890,
      letter: "p",
      label: "port",
      fixed: "alone",
      help: "port to listen on; 0 picks a free one",
    }),
    host: entry({
      kind: HOST,
      default: "0.0.0.0",
      letter: "a",
      label: "host",
      fixed: "alone",
      help: "IPv4 or IPv6 address; :: takes both",
    }),
    listen: entry({
      kind: LISTEN,
      default: [],
      fixed: "alone",
      help: "ADDRESS:PORT or unix:PATH; replaces the default port; a given PORT is added",
      description:
        "Addresses to listen on: a port, 127.0.0.1:8080, [::1]:8080, *:8080, unix:/run/epollet.sock. They replace the default port; a port that is set is added.",
    }),
    backlog: entry({
      kind: BACKLOG,
      default: LISTEN_BACKLOG,
      fixed: "always",
      help: "connections that may wait to be accepted",
    }),
    socketMode: entry({ kind: MODE, default: 0o660, fixed: "always", help: "permissions of UNIX sockets" }),
    keepAlive: entry({
      kind: SWITCH,
      default: true,
      isForStatic: true,
      help: "close the connection after each response",
      description: "Connections stay open after a response.",
    }),
    http2: entry({
      kind: SWITCH,
      default: true,
      isForStatic: true,
      fixed: "alone",
      help: "speak HTTP/1 only",
      description: "Clients may speak HTTP/2, too: over TLS by ALPN, otherwise with prior knowledge.",
    }),
  },

  Development: DEVELOPMENT_ENTRIES,

  TLS: {
    https: entry({
      kind: SWITCH,
      default: false,
      fixed: "always",
      help: "HTTPS for development, by a certificate of a local authority (epollet trust)",
      description:
        "HTTPS for development: the certificate is made at the start and signed by a local authority, which epollet trust makes browsers trust. Not beside tls.cert.",
    }),
    tlsCert: entry({
      key: "tls.cert",
      kind: CERTIFICATES,
      default: [],
      fixed: "always",
      help:
        "certificate and chain (PEM) for HTTPS, or DIR/ with tls.crt and tls.key; repeat it for more names",
      description:
        "Files with certificates in PEM, each followed by its chain, relative to the directory of this file. Several are chosen by name and by type of key. A name with a slash at its end is a directory that has tls.crt and tls.key, or is empty: then there is no certificate.",
    }),
    tlsKey: entry({
      key: "tls.key",
      kind: FILES,
      default: [],
      fixed: "always",
      help: "key of each --tls-cert, in the same order; not needed if that file contains it",
      description: "Files with the keys of cert, in the same order, unless they are in those files.",
    }),
    tlsProfile: entry({
      key: "tls.profile",
      kind: oneOf("NAME", TLS_PROFILES),
      default: "intermediate",
      fixed: "always",
      help: "intermediate: TLS 1.2 and 1.3; modern: 1.3 only",
    }),
    httpsPort: entry({
      key: "tls.port",
      flag: "https-port",
      kind: HTTPS_PORT,
      default: null,
      fixed: "always",
      help: "HTTPS on this port, and HTTP on the others",
      description:
        "A port for HTTPS beside the others, which are for HTTP unless they say https://. It is not opened if the directory of cert is empty.",
      examples: [8443],
    }),
    redirectHttp: entry({
      key: "tls.redirectHttp",
      flag: "redirect-http",
      kind: REDIRECT,
      default: null,
      fixed: "always",
      help: "redirect HTTP on this port to HTTPS",
      description: "A port, or an address and a port, on which HTTP is redirected to HTTPS.",
      examples: [80, "[::]:80"],
    }),
    hsts: entry({
      key: "tls.hsts",
      flag: "hsts",
      kind: HSTS,
      default: null,
      isForStatic: true,
      otherwise: "off",
      help: "tell browsers to use only HTTPS for TIME; without TIME, 2 years",
      description:
        "For how long browsers use nothing but HTTPS (Strict-Transport-Security): true for 2 years, or a time such as 30d.",
    }),
  },

  ACME: ACME_ENTRIES,

  "Encoding and caching": {
    cacheSize: entry({
      kind: CACHE_SIZE,
      default: CACHE_BYTES_MAX,
      isForStatic: true,
      help: "memory for files, such as 64M; 0: none",
    }),
    cacheFileSize: entry({
      kind: CACHE_FILE_SIZE,
      default: CACHED_FILE_BYTES_MAX,
      isForStatic: true,
      help: "largest file that is kept in memory",
    }),
    validate: entry({
      kind: oneOf("HOW", ["auto", "inotify", "stat", "off"]),
      default: "auto",
      key: "cacheValidate",
      isForStatic: true,
      help: "how changed files are noticed: auto, inotify, stat, off",
    }),
    keepAssets: entry({
      kind: KEPT_TIME,
      default: null,
      isForStatic: true,
      otherwise: "off",
      help: "serve deleted files with hashed names",
      description:
        "For how long files with a content hash in their names stay served after they were deleted or replaced by a deploy, such as 24h.",
      examples: ["24h"],
    }),
    keepAssetsSize: entry({
      kind: CACHE_SIZE,
      default: KEPT_BYTES_MAX,
      isForStatic: true,
      help: "bytes of files that are held for that",
    }),
  },

  Rules: {
    allowedHosts: entry({
      kind: ALLOWED_HOSTS,
      default: null,
      isForStatic: true,
      help: "host names to answer to, or * for all",
      description:
        "Host names to answer to beside those of hosts, IP addresses and localhost, such as app.test or *.example.org; * for all.",
    }),
  },

  Logs: {
    accessLog: entry({
      kind: oneOf("FORMAT", LOG_FORMAT_NAMES),
      default: "none",
      fixed: "alone",
      isForStatic: true,
      example: "dev",
      help: `format: ${LOG_FORMAT_NAMES.join(", ")}`,
    }),
    accessLogFile: entry({
      kind: LOG_FILE,
      default: null,
      otherwise: "stdout",
      fixed: "alone",
      isForStatic: true,
      help: "write it to FILE; SIGUSR1 reopens",
      description:
        "The file of the access log, relative to the directory of this file; without it, standard output.",
    }),
    errorLog: entry({
      kind: LOG_FILE,
      default: null,
      otherwise: "stderr",
      fixed: "always",
      help: "write errors and warnings to FILE",
      description:
        "The file for errors and warnings, relative to the directory of this file; without it, standard error.",
    }),
  },

  Proxies: {
    trustProxy: entry({
      kind: PROXIES,
      default: [],
      fixed: "alone",
      help: "proxies whose Forwarded or X-Forwarded-For counts, such as 10.0.0.0/8, loopback",
    }),
    proxyProtocol: entry({
      kind: SWITCH,
      default: false,
      fixed: "alone",
      help: "expect a PROXY protocol header, v1 or v2",
    }),
  },

  Processes: {
    workers: entry({
      kind: WORKERS,
      default: 0,
      letter: "w",
      fixed: "alone",
      help: "worker processes plus a supervisor; auto = one per CPU",
    }),
  },

  Operations: {
    admin: entry({
      kind: ADMIN,
      default: null,
      fixed: "always",
      help: "serve health, metrics and a status page on PORT or ADDRESS:PORT",
      examples: [9090, "127.0.0.1:9090"],
    }),
  },

  Privileges: {
    user: entry({
      kind: ACCOUNT,
      default: null,
      fixed: "always",
      help: "switch to this user after listening; needs root",
    }),
    sandbox: entry({
      kind: SWITCH,
      default: true,
      fixed: "alone",
      help: "keep rights that serving does not need",
      description: "Rights that serving does not need are given up at the start.",
    }),
  },

  Internals: {
    poller: entry({
      kind: oneOf("NAME", POLLER_NAMES),
      default: DEFAULT_POLLER,
      label: "poller",
      fixed: "alone",
      help: `system call that waits for I/O: ${POLLER_NAMES.join(", ")}`,
    }),
    handler: entry({
      kind: oneOf("NAME", HANDLER_NAMES),
      default: "static",
      label: "handler",
      fixed: "alone",
      help: `what to serve: ${HANDLER_NAMES.join(", ")}`,
    }),
    coroutine: entry({
      kind: SWITCH,
      default: false,
      fixed: "alone",
      help: "serve connections by coroutines, not callbacks",
    }),
  },
} satisfies { readonly [K in Heading]?: Readonly<Record<string, Entry<unknown>>> };

/** An entry for each setting of the program. */
export type ProgramTable = Merged<typeof PROGRAM_GROUPS>;
