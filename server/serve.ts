/**
 * A server in one call, for those who know `Deno.serve`.
 * @module
 */
import { formatAddress } from "../ffi/socket.ts";
import { Server } from "./server.ts";
import type { ServerOptions } from "./server_options.ts";
import type { Snapshot } from "./statistics.ts";

/** Where a server listens. */
export interface ServerAddress {
  /** Always TCP. */
  readonly transport: "tcp";
  /** An IPv4 or IPv6 address. */
  readonly hostname: string;
  /** The one that was chosen, where 0 was asked for. */
  readonly port: number;
}

/** What {@linkcode serve} may be told beside what a server needs to know. */
export interface ServeSettings {
  /** Aborting it ends the server at once. */
  readonly signal?: AbortSignal;
  /** Told where it listens. Default: prints a line. */
  readonly onListen?: (address: ServerAddress) => void;
}

/** What {@linkcode serve} needs to know. */
export type ServeOptions = ServerOptions & ServeSettings;

/** A server that runs. */
export interface ServerHandle extends AsyncDisposable {
  /** Where it listens. */
  readonly addr: ServerAddress;
  /** What it has done, and does now. */
  snapshot(): Snapshot;
  /** Fulfilled once it has ended. */
  readonly finished: Promise<void>;
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
 * @throws {SystemError} `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`
 * @throws {TypeError} unless there is exactly one of handler, protocol and coroutine
 * @throws {RangeError} for a port or a hostname that is none
 */
export function serve(options: ServeOptions): ServerHandle {
  const { signal, onListen = (address) => announce(address, "handler" in options) } = options;
  signal?.throwIfAborted();
  const server = new Server(
    options.hostname === "localhost" ? { ...options, hostname: "127.0.0.1" } : options,
  );
  const { address, port } = server.address;
  const addr: ServerAddress = { transport: "tcp", hostname: address, port };
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
    server.shutdown();
    return finished;
  };
  return { addr, snapshot: () => server.snapshot(), finished, shutdown, [Symbol.asyncDispose]: shutdown };
}

function announce({ hostname, port }: ServerAddress, isHttp: boolean): void {
  const reachable = hostname === "0.0.0.0" || hostname === "::" ? "127.0.0.1" : hostname;
  const where = formatAddress({ address: reachable, port });
  console.log(`Listening on ${isHttp ? `http://${where}/` : where}`);
}
