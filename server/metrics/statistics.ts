/**
 * Snapshots of a server's counters and state.
 *
 * A snapshot is plain data. Workers send theirs to the supervisor as JSON, and several can be combined.
 * @module
 */
import type { PollerName } from "../loop/poller.ts";

/** The upper bounds of the latency buckets in seconds. One more bucket counts slower responses. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.00005,
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** The state of one connection. */
export interface ConnectionSnapshot {
  /** The descriptor. */
  readonly fd: number;
  /**
   * `handshaking` (TLS begins), `reading`, `reading-body`, `handling` (the response is being produced), `writing`, `lingering` (waiting for the
   * client's end), or `idle` (waiting for a request).
   */
  readonly state: string;
  /** The time since the client was accepted, in milliseconds. */
  readonly ageMs: number;
  /** The bytes in memory that wait to be sent. */
  readonly queuedBytes: number;
  /** The number of its HTTP/2 streams in each state; missing if it does not speak HTTP/2. */
  readonly streams?: Readonly<Record<string, number>>;
}

/** What is served at the path of a root. */
export interface RootSnapshot {
  /** The path from the settings. */
  readonly root: string;
  /** The path without links of the directory that is served. */
  readonly path: string;
  /** True when a link leads there. */
  readonly isLinked: boolean;
  /** 1 at the start of the process, and one more each time that the root's path led to another directory. */
  readonly generation: number;
  /** Since when it is served, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** The most roots of a snapshot. */
export const SHOWN_ROOTS_MAX = 100;

/** A file that has gone and is still served, or a directory with such files. */
export interface KeptFileSnapshot {
  /** The path below the root; of a directory, the whole path with a slash at its end. */
  readonly path: string;
  /** The end of the time for which it is kept, in milliseconds since 1970. */
  readonly untilMs: number;
  /** The number of requests that were answered with it since it went. */
  readonly asked: number;
}

/** Files with hashed names that are served for a time after they went (`--keep-assets`). */
export interface KeptSnapshot {
  /** The number of files that have gone and are held. */
  readonly files: number;
  /** The size of these files in bytes. */
  readonly bytes: number;
  /** The number of files that are held, with those that have not gone. */
  readonly heldFiles: number;
  /** The size of these files in bytes. */
  readonly heldBytes: number;
  /** The number of earlier directories that are still open. */
  readonly directories: number;
  /** The number of requests that were answered with a file that had gone. */
  readonly asked: number;
  /** For how long files are kept, in milliseconds. */
  readonly keptMs: number;
  /** The directories and the files that were asked for most; {@linkcode SHOWN_KEPT_MAX} at most. */
  readonly shown: readonly KeptFileSnapshot[];
}

/** The greatest number of files in one {@linkcode KeptSnapshot}. */
export const SHOWN_KEPT_MAX = 20;

/** The counters and contents of a cache of files. */
export interface CacheSnapshot {
  /** The size of the contents in bytes. */
  readonly bytes: number;
  /** The largest permitted size in bytes. */
  readonly bytesMax: number;
  /** The number of resources in the cache. */
  readonly resources: number;
  /** The number of requests that were answered from the cache. */
  readonly hits: number;
  /** The number of requests for which a file had to be looked up. */
  readonly misses: number;
  /** The number of resources that were removed to make room. */
  readonly evictions: number;
  /** The number of inotify watches; 0 if inotify is not used. */
  readonly watches: number;
  /** The number of inotify events. */
  readonly events: number;
  /** The number of times that the cache was emptied because events were lost. */
  readonly overflows: number;
  /** The roots that are directories, as far as they were asked for; {@linkcode SHOWN_ROOTS_MAX} at most. */
  readonly roots: readonly RootSnapshot[];
  /** What is kept of files that have gone; null without `--keep-assets`. */
  readonly kept: KeptSnapshot | null;
}

/** The contents of the cache of request heads. */
export interface HeadsSnapshot {
  /** The number of heads. */
  readonly count: number;
  /** The size in bytes of the heads, the data stored with them, and the tables. */
  readonly bytes: number;
  /** The largest permitted size in bytes. */
  readonly bytesMax: number;
}

/** A certificate that is served. */
export interface CertificateSnapshot {
  /** The first of its names; empty if it has none. */
  readonly name: string;
  /** Its end, in milliseconds since 1970. */
  readonly notAfterMs: number;
}

/** The handshakes of TLS since the start, and the certificates. */
export interface TlsSnapshot {
  /** The number of complete handshakes with TLS 1.2. */
  readonly tls12: number;
  /** The number of complete handshakes with TLS 1.3. */
  readonly tls13: number;
  /** The number of these that have resumed an earlier session. */
  readonly resumed: number;
  /** The number of handshakes that failed, or that the client has not completed. */
  readonly failed: number;
  /** The certificates that new clients get. */
  readonly certificates: readonly CertificateSnapshot[];
}

/** The error codes of HTTP/2 (RFC 9113 §7), each at the index of its number. */
export const HTTP2_ERRORS: readonly string[] = [
  "no-error",
  "protocol-error",
  "internal-error",
  "flow-control-error",
  "settings-timeout",
  "stream-closed",
  "frame-size-error",
  "refused-stream",
  "cancel",
  "compression-error",
  "connect-error",
  "enhance-your-calm",
  "inadequate-security",
  "http-1-1-required",
];

/** The connections that speak HTTP/2, and their streams. */
export interface Http2Snapshot {
  /** The number of connections that speak HTTP/2 now. */
  readonly connections: number;
  /**
   * The number of open streams in each state: `reading-body`, `handling` (the response is being produced), `writing`. A
   * request that is answered at once is not among them.
   */
  readonly streams: Readonly<Record<string, number>>;
  /** The number of connections that have spoken HTTP/2. */
  readonly accepted: number;
  /** The number of responses of each status over HTTP/2, which are among all responses. */
  readonly responses: Readonly<Record<string, number>>;
  /** The number of streams that were refused, because their connections had enough. */
  readonly refused: number;
  /** The number of streams that the server has reset. */
  readonly resetByServer: number;
  /** The number of streams that their clients have reset. */
  readonly resetByClient: number;
  /** The number of connections that the server has ended, by error code such as `enhance-your-calm`; `no-error` for one that was idle or when the server stopped. */
  readonly goAways: Readonly<Record<string, number>>;
}

/** A name for which certificates are got by ACME. Instants are milliseconds since 1970. */
export interface CertificateStatus {
  readonly name: string;
  /** The host of the authority. */
  readonly authority: string;
  /** The end of the certificate; null if there is none yet. */
  readonly notAfterMs: number | null;
  /** When the authority is asked next; null for never. */
  readonly nextTryMs: number | null;
  /** What went wrong last; null after a success. */
  readonly lastError: string | null;
}

/** The counters of a server since its start, and its present state. */
export interface Snapshot {
  /** The process id. */
  readonly pid: number;
  /** The start of the server, in milliseconds since 1970. */
  readonly startedMs: number;
  /** The poller that waits for readiness. */
  readonly poller: PollerName;
  /** Whether the poller is level- or edge-triggered. */
  readonly trigger: "level" | "edge";
  /** Whether the server is stopping. */
  readonly isDraining: boolean;
  /** The number of turns of the loop. */
  readonly turns: number;
  /** The number of system calls that the program itself has made. Those of the runtime are not counted. */
  readonly systemCalls: number;
  /** The number of accepted clients. */
  readonly accepted: number;
  /** The number of clients that were rejected for lack of room, or that the poller failed to watch. */
  readonly refused: number;
  /** The number of connections in each state. */
  readonly states: Readonly<Record<string, number>>;
  /** Some of the connections, at most {@linkcode SHOWN_CONNECTIONS_MAX}. */
  readonly connections: readonly ConnectionSnapshot[];
  /** The number of requests, including those whose clients left before they were answered. */
  readonly requests: number;
  /** The number of responses of each status. */
  readonly responses: Readonly<Record<string, number>>;
  /** The bytes received from clients. */
  readonly receivedBytes: number;
  /** The bytes sent to clients, as given to the kernel. */
  readonly sentBytes: number;
  /**
   * The number of responses in each bucket of {@linkcode LATENCY_BOUNDS}. The latency is the time from the turn in
   * which a request was complete (or its handler was called, if the handler reads the body) until the last byte is
   * given to the kernel. All are 0 if it is not measured.
   */
  readonly latencyCounts: readonly number[];
  /** The sum of all latencies in seconds. */
  readonly latencySumSeconds: number;
  /** The resident memory of the process in bytes; 0 if it cannot be read. */
  readonly residentBytes: number;
  /** The processor time of the process in seconds; 0 if it cannot be read. */
  readonly cpuSeconds: number;
  /** The number of open descriptors of the process; 0 if it cannot be read. */
  readonly openDescriptors: number;
  /** The cache of files; null if there is none. */
  readonly cache: CacheSnapshot | null;
  /** The cache of request heads. */
  readonly heads: HeadsSnapshot;
  /** TLS; null without certificates. */
  readonly tls: TlsSnapshot | null;
  /** HTTP/2; null if clients may not speak it. */
  readonly http2: Http2Snapshot | null;
}

/** The greatest number of connections in one snapshot. */
export const SHOWN_CONNECTIONS_MAX = 512;
