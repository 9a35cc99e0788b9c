/**
 * The options of a server, and their checks.
 * @module
 */
import type { AccessLogOptions } from "./access_log/access_log.ts";
import { LOG_FORMAT_NAMES } from "./access_log/format.ts";
import { LogFile } from "./access_log/log_file.ts";
import { describeKind } from "../ffi/libc/bytes.ts";
import type { Coroutine } from "./coroutine/coroutine.ts";
import { Expected } from "./usage_error.ts";
import type { Handler } from "./connection/handler.ts";
import {
  EVERY_IPV4,
  type ListenAddress,
  readListenAddress,
  readUnixPath,
  schemeOf,
} from "./listen/address.ts";
import { SOCKET_MODE } from "../ffi/socket/unix_socket.ts";
import { LISTEN_BACKLOG } from "./limits.ts";
import { type ListeningSocket, openListeners } from "./listen/open.ts";
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
  wholeNumber,
} from "./embedder/option_kinds.ts";
import type { PollerName } from "./loop/poller.ts";
import { POLLER_NAMES } from "./loop/pollers/mod.ts";
import type { Protocol } from "./protocols/bytes/session.ts";
import type { ServerLimits } from "./server_limits.ts";
import { TLS_KINDS, type TlsCertificate, type TlsSettings } from "./tls_options.ts";
import type { CacheSnapshot } from "./metrics/statistics.ts";

/** The same as in `Deno.serve`. */
export const DEFAULT_PORT = 8000;
const KINDS = ["handler", "protocol", "coroutine"] as const;
/** The options that replace `port` and `hostname`. */
const PLACES = ["path", "listen", "sockets"] as const;
const PORT_MAX = 65535;

/** What a server serves: exactly one of the three. */
export type Served =
  | { /** Answers HTTP requests. */ readonly handler: Handler }
  | { /** Speaks bytes with each client. */ readonly protocol: Protocol }
  | { /** Serves each client from its first to its last byte. */ readonly coroutine: Coroutine };

/** The settings of a server. */
export interface ServerSettings extends Partial<ServerLimits>, TlsSettings {
  /** An IPv4 or IPv6 address; `::` accepts clients of both. Default `0.0.0.0`. */
  readonly hostname?: string;
  /** The port; 0 lets the kernel choose one. Default 8000. */
  readonly port?: number;
  /** Listens on a UNIX socket instead: its path, or `@` and a name in the abstract namespace. */
  readonly path?: string;
  /** Listens on several addresses instead, such as `127.0.0.1:8080`, `[::1]:8080` and `unix:/run/epollet.sock`. */
  readonly listen?: readonly string[];
  /** Serves on listening sockets instead, which the server then owns. */
  readonly sockets?: readonly ListeningSocket[];
  /**
   * Serves HTTPS with this certificate, or with that of the name that the client asks for. Then TCP addresses without
   * `http://` are for HTTPS. Default: no TLS.
   */
  readonly tls?: TlsCertificate | readonly TlsCertificate[];
  /** The number of clients that may wait to be accepted. The system may allow fewer. Default 4096. */
  readonly backlog?: number;
  /** The permissions of UNIX sockets. Connecting requires write permission. Default `0o660`. */
  readonly socketMode?: number;
  /** The poller. Default `epoll-edge`. */
  readonly poller?: PollerName;
  /** False closes each connection after its response. Default true. */
  readonly keepAlive?: boolean;
  /**
   * Whether clients may speak HTTP/2 to a handler, or to a coroutine that speaks HTTP: over TLS by ALPN, otherwise with prior
   * knowledge. False leaves them HTTP/1. Default true.
   */
  readonly http2?: boolean;
  /** The access log, with a line for each response. Null, the default, writes none. */
  readonly accessLog?: AccessLogOptions | null;
  /**
   * Trusted proxies, whose `Forwarded` or `X-Forwarded-For` names the client: addresses, networks such as `10.0.0.0/8`,
   * `loopback`, `private`, `unix`. The access log shows that client, and its requests are counted. Default: none.
   */
  readonly trustProxy?: readonly string[];
  /**
   * Whether each connection begins with a header of the PROXY protocol, version 1 or 2, which names its client. With
   * {@linkcode ServerSettings.trustProxy} the header is accepted only from these proxies, and other connections are
   * closed. Default false.
   */
  readonly proxyProtocol?: boolean;
  /**
   * Whether latency is measured for {@linkcode Snapshot.latencyCounts}, which costs about 50 ns per response. Default
   * false.
   */
  readonly measureLatency?: boolean;
  /** The source of a snapshot's `cache`, such as a static handler. Default null. */
  readonly cache?: { snapshot(): CacheSnapshot } | null;
  /**
   * Called for errors of the server's side with a message of one line, and with what was thrown, if anything. Default:
   * writes to standard error.
   */
  readonly onError?: (message: string, error?: unknown) => void;
}

/** The options of a server. */
export type ServerOptions = Served & ServerSettings;

const DESCRIPTOR = wholeNumber(0, 0x7fff_ffff);
const SOCKET_ADDRESS = objectOf("an address", { address: STRING, port: wholeNumber(0, PORT_MAX) });
/** Listening sockets, as `openListeners` returns them. */
export const LISTENING_SOCKETS: Kind = listOf(
  "listening sockets (fd, name, address, isShared)",
  objectOf("a listening socket", {
    fd: DESCRIPTOR,
    name: STRING,
    address: SOCKET_ADDRESS,
    isShared: BOOLEAN,
    file: { expected: "a string", is: (value) => value === undefined || STRING.is(value) },
  }),
);
const KINDS_OF_SETTINGS: Kinds = {
  hostname: STRING,
  path: PATH,
  listen: STRINGS,
  sockets: LISTENING_SOCKETS,
  backlog: wholeNumber(0, 0x7fff_ffff),
  socketMode: wholeNumber(0, 0o777, (mode) => mode === 0 ? "0" : `0o${mode.toString(8)}`),
  poller: oneOf(POLLER_NAMES),
  keepAlive: BOOLEAN,
  http2: BOOLEAN,
  accessLog: orNull(
    objectOf(
      "an object with format (combined, common or json) and file (a path, a descriptor or a LogFile)",
      {
        format: oneOf(LOG_FORMAT_NAMES.filter((name) => name !== "none")),
        file: {
          expected: "a path, a descriptor or a LogFile",
          is: (file) => PATH.is(file) || DESCRIPTOR.is(file) || file instanceof LogFile,
        },
      },
    ),
  ),
  trustProxy: STRINGS,
  proxyProtocol: BOOLEAN,
  measureLatency: BOOLEAN,
  cache: orNull(objectOf("something with a function snapshot", { snapshot: FUNCTION })),
  onError: FUNCTION,
  ...TLS_KINDS,
};

/**
 * Checks at run time what TypeScript checks, for programs in JavaScript.
 * @throws {TypeError} for a setting of a wrong type, and unless there is exactly one of handler, protocol and coroutine
 * @throws {RangeError} for an invalid port
 */
export function checkOptions(options: ServerOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`A server's options must be an object, not ${describeKind(options)}`);
  }
  checkKinds(options, KINDS_OF_SETTINGS);
  const kinds = KINDS.filter((kind) => kind in options);
  if (kinds.length !== 1) {
    throw new TypeError(
      `A server needs one of ${KINDS.join(", ")}, not ${kinds.join(" and ") || "none of them"}`,
    );
  }
  const served: unknown = Reflect.get(options, kinds[0]!);
  if (typeof served !== "function") {
    throw new TypeError(`The ${kinds[0]} must be a function, not ${typeof served}`);
  }
  const places = PLACES.filter((place) => options[place] !== undefined);
  if (places.length > 1 || (places.length === 1 && (options.port ?? options.hostname) !== undefined)) {
    const given = [
      ...places,
      ...["port", "hostname"].filter((key) => Reflect.get(options, key) !== undefined),
    ];
    throw new TypeError(`A server listens where one of these says: ${given.join(", ")}`);
  }
  if (options.listen?.length === 0 || options.sockets?.length === 0) {
    throw new TypeError(`${places[0]} is empty: a server listens somewhere`);
  }
  const port: unknown = options.port ?? 0;
  if (typeof port !== "number") throw new TypeError(`The port must be a number, not ${typeof port}`);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new RangeError(`${port} is no port: 0 to ${PORT_MAX}`);
  }
}

/**
 * Returns the addresses to listen on, if there are no `sockets`.
 * @throws {RangeError} for an invalid address
 */
export function listenAddressesOf(
  { hostname = EVERY_IPV4, port = DEFAULT_PORT, path, listen, tls }: ServerSettings,
): ListenAddress[] {
  if (path !== undefined) return [{ kind: "unix", path: readAs(path, readUnixPath) }];
  if (listen === undefined) return [{ kind: "tcp", host: hostname, port }];
  return listen.map((text) => {
    const address = readAs(text, readListenAddress);
    if (address.kind === "unix" || address.scheme !== "https" || tls !== undefined) return address;
    throw new RangeError(`Cannot listen on "${text}": expected a certificate (tls) for https`);
  });
}

function readAs<T>(text: string, reader: (text: string) => T): T {
  try {
    return reader(text);
  } catch (error) {
    if (error instanceof Expected) {
      throw new RangeError(`Cannot listen on "${text}": expected ${error.message}`);
    }
    throw error;
  }
}

/** Returns true for a server that speaks HTTP. */
export function speaksHttp(options: Served): boolean {
  return "handler" in options || ("coroutine" in options && options.coroutine.speaksHttp === true);
}

/** Returns the protocols for ALPN, the preferred one first; none for a server that does not speak HTTP. */
export function alpnProtocols(options: ServerOptions): readonly string[] {
  if (!speaksHttp(options)) return [];
  return options.http2 !== false ? ["h2", "http/1.1"] : ["http/1.1"];
}

/**
 * Opens the sockets that the options ask for.
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 */
export function openSockets(options: ServerOptions): ListeningSocket[] {
  const { backlog = LISTEN_BACKLOG, socketMode: mode = SOCKET_MODE } = options;
  const addresses = listenAddressesOf(options);
  const [sockets] = openListeners(addresses, { backlog, mode, deferAccept: speaksSecond(options) });
  const hasTls = options.tls !== undefined;
  return sockets!.map((socket, i) => ({ ...socket, scheme: schemeOf(addresses[i]!, hasTls) }));
}

/** Returns true if the client speaks first, as in HTTP. Then it need not be accepted before it has sent something. */
export function speaksSecond(options: Served): boolean {
  return "handler" in options;
}

/** The settings of `Server.reconfigure`. Settings that are left out get their defaults. */
export interface Reconfiguration extends Partial<ServerLimits> {
  /** The handler for requests from now on. Ignored if the server has a protocol or coroutine. */
  readonly handler?: Handler;
  /** False closes each connection after its response. Default true. */
  readonly keepAlive?: boolean;
}

/** A second group of listeners and its handler, for `Server.listenAlso`. */
export interface SecondService extends Partial<ServerLimits> {
  /** The handler for the requests of the group. */
  readonly handler: Handler;
  /** Listening sockets, which the server then owns. */
  readonly sockets: readonly ListeningSocket[];
}
