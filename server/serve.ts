/**
 * A server in one call, similar to `Deno.serve`.
 * @module
 */
import { formatAddress, type SocketAddress } from "../ffi/socket/socket.ts";
import { UNIX_PREFIX } from "../ffi/socket/socket_address.ts";
import { checkKinds, FUNCTION, type Kind } from "./embedder/option_kinds.ts";
import { Server } from "./server.ts";
import { schemeOf } from "./listen/address.ts";
import type { TlsCertificate } from "./tls_options.ts";
import {
  checkOptions,
  listenAddressesOf,
  type Reconfiguration,
  type ServerOptions,
} from "./server_options.ts";
import type { Snapshot } from "./metrics/statistics.ts";

const SIGNAL: Kind = { expected: "an AbortSignal", is: (value) => value instanceof AbortSignal };

/** The TCP address on which a server listens. */
export interface ServerAddress {
  /** Always "tcp"; see {@linkcode UnixServerAddress}. */
  readonly transport: "tcp";
  /** An IPv4 or IPv6 address. */
  readonly hostname: string;
  /** The port; the actual one if the kernel has chosen it. */
  readonly port: number;
}

/** The UNIX socket on which a server listens. */
export interface UnixServerAddress {
  /** Always "unix"; see {@linkcode ServerAddress}. */
  readonly transport: "unix";
  /** The path, or `@` and a name in the abstract namespace. */
  readonly path: string;
}

/** An address on which a server listens. */
export type AnyAddress = ServerAddress | UnixServerAddress;

/** The settings of {@linkcode serve} beside those of a server. */
export interface ServeSettings<Address = ServerAddress> {
  /** Ends the server at once when it is aborted. */
  readonly signal?: AbortSignal;
  /** Called with the first address once the server listens. By default a line is printed for each address. */
  readonly onListen?: (address: Address) => void;
}

/** The options of {@linkcode serve} for a TCP address. */
export type ServeOptions = ServerOptions & ServeSettings;
/** The options of {@linkcode serve} for a UNIX socket. */
export type ServeUnixOptions = ServerOptions & ServeSettings<UnixServerAddress> & { readonly path: string };
/** The options of {@linkcode serve} for several addresses. */
export type ServeManyOptions = ServerOptions & ServeSettings<AnyAddress> & {
  readonly listen: readonly string[];
};

/** The settings of all variants. */
interface AnySettings {
  readonly signal?: AbortSignal;
  onListen?(address: AnyAddress): void;
}

/** A running server. */
export interface ServerHandle<Address = ServerAddress> extends AsyncDisposable {
  /** The address on which it listens; the first of `addrs`. */
  readonly addr: Address;
  /** All addresses on which it listens. */
  readonly addrs: readonly Address[];
  /** Returns the counters and the present state. */
  snapshot(): Snapshot;
  /** Resolves once the server has ended. */
  readonly finished: Promise<void>;
  /**
   * Changes the handler or limits from the next request on. Settings that are left out get their defaults.
   * @throws {TypeError | RangeError} for invalid settings; nothing is changed then
   */
  reconfigure(settings: Reconfiguration): void;
  /**
   * Reads the certificates again, or those that are given instead. New connections get them, and all others continue.
   * Does nothing without TLS.
   * @throws {CertificateError} when one of them cannot be used; then all stay
   */
  updateCertificates(tls?: TlsCertificate | readonly TlsCertificate[]): void;
  /** Makes the server keep the process alive, as it does initially. */
  ref(): void;
  /** Lets the process end while the server runs, once nothing else keeps the process alive. */
  unref(): void;
  /**
   * Stops accepting, finishes what has started (for at most `gracePeriodMs`, 30 s by default), and ends. Resolves as
   * `finished` does.
   */
  shutdown(): Promise<void>;
}

/**
 * Starts a server, which runs until `shutdown` is called or `signal` is aborted.
 *
 * ```ts
 * const server = serve({ port: 8000, handler: (request) => HttpResponse.text(`You asked for ${request.path}`) });
 * await server.finished;
 * ```
 * With `path` it listens on a UNIX socket, with `listen` on several addresses.
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 * @throws {TypeError} unless there is exactly one of handler, protocol and coroutine, and for a setting of a wrong type
 * @throws {RangeError} for an invalid port, address or limit
 * @throws the reason of `signal` if it is already aborted
 */
export function serve(options: ServeUnixOptions): ServerHandle<UnixServerAddress>;
/** Starts a server on several addresses: `serve({ listen: ["127.0.0.1:8080", "unix:/run/hello.sock"], handler })`. */
export function serve(options: ServeManyOptions): ServerHandle<AnyAddress>;
/** Starts a server on one port. */
export function serve(options: ServeOptions): ServerHandle;
export function serve(options: ServerOptions & AnySettings): ServerHandle<AnyAddress> {
  checkOptions(options);
  checkKinds(options, { onListen: FUNCTION, signal: SIGNAL });
  const { signal, onListen = () => addrs.forEach((addr, i) => announce(addr, schemeAt(options, i))) } =
    options;
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
    server.stop(); // the caller does not get the handle
    throw error;
  }
  const shutdown = () => {
    server.reactor.keepAlive(true); // keeps the process alive until the end
    server.shutdown();
    return finished;
  };
  return {
    addr,
    addrs,
    snapshot: () => server.snapshot(),
    reconfigure: (settings) => server.reconfigure(settings),
    updateCertificates: (tls) => server.updateCertificates(tls),
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

/** Returns the scheme of the address with the number `index`; null for a server that does not speak HTTP. */
function schemeAt(options: ServerOptions, index: number): string | null {
  if (!("handler" in options)) return null;
  const { sockets } = options;
  if (sockets !== undefined) return sockets[index]!.scheme ?? "http";
  return schemeOf(listenAddressesOf(options)[index]!, options.tls !== undefined);
}

function announce(listening: AnyAddress, scheme: string | null): void {
  if (listening.transport === "unix") return console.log(`Listening on ${UNIX_PREFIX}${listening.path}`);
  const { hostname, port } = listening;
  const reachable = hostname === "0.0.0.0" || hostname === "::" ? "127.0.0.1" : hostname;
  const where = formatAddress({ address: reachable, port });
  console.log(`Listening on ${scheme === null ? where : `${scheme}://${where}/`}`);
}
