/**
 * What a server may be told.
 * @module
 */
import type { Coroutine } from "./coroutine.ts";
import type { Handler } from "./handler.ts";
import type { PollerName } from "./poller.ts";
import type { Protocol } from "./protocol.ts";
import type { ServerLimits } from "./server_limits.ts";
import type { CacheSnapshot } from "./statistics.ts";

/** That of `Deno.serve`. */
export const DEFAULT_PORT = 8000;
const KINDS = ["handler", "protocol", "coroutine"] as const;
const PORT_MAX = 65535;

/** What is served: one of the three. */
export type Served =
  | { /** Answers HTTP requests. */ readonly handler: Handler }
  | { /** Speaks bytes with each client. */ readonly protocol: Protocol }
  | { /** Serves each client from its first to its last byte. */ readonly coroutine: Coroutine };

/** What a server may be told beside what it serves. */
export interface ServerSettings extends Partial<ServerLimits> {
  /** An IPv4 or IPv6 address; `::` takes both kinds of clients. Default `0.0.0.0`. */
  readonly hostname?: string;
  /** 0: the kernel chooses. Default 8000. */
  readonly port?: number;
  /** Default `epoll-edge`. */
  readonly poller?: PollerName;
  /** False: close after each response. Default true. */
  readonly keepAlive?: boolean;
  /** Measure how long responses take, for {@linkcode Snapshot.latencyCounts}; some 50 ns each. Default false. */
  readonly measureLatency?: boolean;
  /** What tells, for snapshots, of the files in memory, such as a static handler. */
  readonly cache?: { snapshot(): CacheSnapshot } | null;
  /** Hears, in one line, of what went wrong on the server's side. Default: standard error. */
  readonly onError?: (message: string) => void;
}

/** What a server needs to know. */
export type ServerOptions = Served & ServerSettings;

/**
 * Those who write JavaScript get told, too.
 * @throws {TypeError} unless there is exactly one of handler, protocol and coroutine
 * @throws {RangeError} for a port that is none
 */
export function checkOptions(options: ServerOptions): void {
  const kinds = KINDS.filter((kind) => kind in options);
  if (kinds.length !== 1) {
    throw new TypeError(
      `A server needs one of ${KINDS.join(", ")}, not ${kinds.join(" and ") || "none of them"}`,
    );
  }
  const served: unknown = Reflect.get(options, kinds[0]);
  if (typeof served !== "function") {
    throw new TypeError(`The ${kinds[0]} must be a function, not ${typeof served}`);
  }
  const port: unknown = options.port ?? 0;
  if (typeof port !== "number") throw new TypeError(`The port must be a number, not ${typeof port}`);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new RangeError(`${port} is no port: 0 to ${PORT_MAX}`);
  }
}
