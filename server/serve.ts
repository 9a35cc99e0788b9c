/**
 * A server in one call, for those who know `Deno.serve`.
 * @module
 */
import { formatAddress, type SocketAddress } from "../ffi/socket/socket.ts";
import { UNIX_PREFIX } from "../ffi/socket/socket_address.ts";
import { checkKinds, FUNCTION, type Kind } from "./embedder/option_kinds.ts";
import { type Reconfiguration, Server } from "./server.ts";
import { checkOptions, type ServerOptions } from "./server_options.ts";
import type { Snapshot } from "./metrics/statistics.ts";

const SIGNAL: Kind = { expected: "an AbortSignal", is: (value) => value instanceof AbortSignal };

/** Where a server listens, on TCP. */
export interface ServerAddress {
  /** Always TCP; see {@linkcode UnixServerAddress}. */
  readonly transport: "tcp";
  /** An IPv4 or IPv6 address. */
  readonly hostname: string;
  /** The one that was chosen, where 0 was asked for. */
  readonly port: number;
}

/** Where a server listens, on a UNIX socket. */
export interface UnixServerAddress {
  /** A UNIX socket. */
  readonly transport: "unix";
  /** Its path, or `@` and its name in the abstract namespace. */
  readonly path: string;
}

/** Where a server listens. */
export type AnyAddress = ServerAddress | UnixServerAddress;

/** What {@linkcode serve} may be told beside what a server needs to know. */
export interface ServeSettings<Address = ServerAddress> {
  /** Aborting it ends the server at once. */
  readonly signal?: AbortSignal;
  /** Told where it listens: the first address. Default: prints a line. */
  readonly onListen?: (address: Address) => void;
}

/** What {@linkcode serve} needs to know. */
export type ServeOptions = ServerOptions & ServeSettings;
/** The same for a UNIX socket. */
export type ServeUnixOptions = ServerOptions & ServeSettings<UnixServerAddress> & { readonly path: string };
/** The same for several addresses. */
export type ServeManyOptions = ServerOptions & ServeSettings<AnyAddress> & {
  readonly listen: readonly string[];
};

/** All of the settings. */
interface AnySettings {
  readonly signal?: AbortSignal;
  onListen?(address: AnyAddress): void;
}

/** A server that runs. */
export interface ServerHandle<Address = ServerAddress> extends AsyncDisposable {
  /** Where it listens: the first of `addrs`. */
  readonly addr: Address;
  /** Everywhere it listens. */
  readonly addrs: readonly Address[];
  /** What it has done, and does now. */
  snapshot(): Snapshot;
  /** Fulfilled once it has ended. */
  readonly finished: Promise<void>;
  /** Another handler, or other limits, from the next request on. @throws {TypeError | RangeError} for what cannot be */
  reconfigure(settings: Reconfiguration): void;
  /** The server keeps the process alive, as it does to begin with. */
  ref(): void;
  /** The server does not keep the process alive: it ends once nothing else does. Meanwhile clients are served. */
  unref(): void;
  /** Accepts no more clients, lets what has begun be finished (for 30 s at most), and ends. */
  shutdown(): Promise<void>;
}

/**
 * Serves, until `shutdown` is called or the signal aborted.
 *
 * ```ts
 * const server = serve({ port: 8000, handler: (request) => HttpResponse.text(`You asked for ${request.path}`) });
 * await server.finished;
 * ```
 * With `path` it listens on a UNIX socket, with `listen` on several addresses.
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 * @throws {TypeError} unless there is exactly one of handler, protocol and coroutine
 * @throws {RangeError} for a port or a hostname that is none
 */
export function serve(options: ServeUnixOptions): ServerHandle<UnixServerAddress>;
/** The same on several addresses: `serve({ listen: ["127.0.0.1:8080", "unix:/run/hello.sock"], handler })`. */
export function serve(options: ServeManyOptions): ServerHandle<AnyAddress>;
/** The same on one port. */
export function serve(options: ServeOptions): ServerHandle;
export function serve(options: ServerOptions & AnySettings): ServerHandle<AnyAddress> {
  checkOptions(options);
  checkKinds(options, { onListen: FUNCTION, signal: SIGNAL });
  const { signal, onListen = () => addrs.forEach((addr) => announce(addr, "handler" in options)) } = options;
  signal?.throwIfAborted();
  const server = new Server(
    options.hostname === "localhost" ? { ...options, hostname: "127.0.0.1" } : options,
  );
  const addrs = server.addresses.map(addressOf);
  const [addr] = addrs as [AnyAddress];
  const stop = () => server.stop();
  signal?.addEventListener("abort", stop, { once: true });
  const finished = server.run().finally(() => signal?.removeEventListener("abort", stop));
  try {
    onListen(addr);
  } catch (error) {
    server.stop(); // nobody has the handle
    throw error;
  }
  const shutdown = () => {
    server.reactor.keepAlive(true); // its end is waited for
    server.shutdown();
    return finished;
  };
  return {
    addr,
    addrs,
    snapshot: () => server.snapshot(),
    reconfigure: (settings) => server.reconfigure(settings),
    finished,
    ref: () => server.reactor.keepAlive(true),
    unref: () => server.reactor.keepAlive(false),
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

function addressOf({ address, port }: SocketAddress): AnyAddress {
  return address.startsWith(UNIX_PREFIX)
    ? { transport: "unix", path: address.slice(UNIX_PREFIX.length) }
    : { transport: "tcp", hostname: address, port };
}

function announce(listening: AnyAddress, isHttp: boolean): void {
  if (listening.transport === "unix") return console.log(`Listening on ${UNIX_PREFIX}${listening.path}`);
  const { hostname, port } = listening;
  const reachable = hostname === "0.0.0.0" || hostname === "::" ? "127.0.0.1" : hostname;
  const where = formatAddress({ address: reachable, port });
  console.log(`Listening on ${isHttp ? `http://${where}/` : where}`);
}
