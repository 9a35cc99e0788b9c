/**
 * The bounds of the server, with units in their names. Everything is bounded: a client cannot make the server store, do
 * or wait for more than this.
 * @module
 */

export * from "./shared_limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

// The loop

/**
 * The greatest number of events in one turn, and of connections that receive in one turn. Between recv and send of a
 * connection come the recv calls of all others of the turn. With 256, its data had left the processor's caches by then,
 * which cost 5 % at 10,000 connections.
 */
export const EVENTS_PER_TURN_MAX = 64;
/** The longest synchronous wait, which blocks Deno's own event loop. */
export const SYNCHRONOUS_WAIT_MS = 4;
/** The interval at which Deno's timers and signals run under unbroken load. */
export const YIELD_INTERVAL_MS = 50;
/** The same interval while a handler's promise is pending, which may wait for them. */
export const SUSPENDED_YIELD_INTERVAL_MS = 1;
/** How long deadlines wait for a loop that is behind with ready sources. */
export const CATCH_UP_MS_MAX = 500;
/** The longest parked wait, so that a deadline that was moved is noticed. */
export const PARKED_WAIT_MS_MAX = 60_000;

/** The interval of polling in a loop that does not keep its process alive. */
export const UNREF_LOOK_MS = 5;
/** The same interval while a handler's promise is pending, so that its response is sent soon. */
export const UNREF_PENDING_LOOK_MS = 1;

/**
 * The duration from which on a turn is late. Each connection may then send only little, because many may be waiting.
 */
export const LATE_TURN_MS = 5;

// The listener

/** The greatest number of this machine's addresses in the start message. */
export const ANNOUNCED_ADDRESSES_MAX = 8;
/**
 * The length of the queue of clients to accept. The system may allow fewer (net.core.somaxconn). If the queue is full,
 * a client retries after a second.
 */
export const LISTEN_BACKLOG = 4096;
/** How long a server waits for the lock of its UNIX socket's directory. */
export const UNIX_LOCK_PATIENCE_MS = 1_000;
/** The greatest number of clients accepted in one turn, before the connected ones get their turn. */
export const ACCEPTS_PER_TURN_MAX = 64;
/** The same if other processes accept from the same queue, so that all of them get some clients. */
export const SHARED_ACCEPTS_PER_TURN_MAX = 4;
/** How long accepting pauses when no descriptor or memory is left. */
export const ACCEPT_PAUSE_MS = 100;
/** The share of descriptors that is kept for files: one in so many, but at least DESCRIPTORS_KEPT_MIN. */
export const DESCRIPTORS_PER_KEPT_ONE = 32;
/** The smallest number of descriptors that is kept for files. */
export const DESCRIPTORS_KEPT_MIN = 36;
/** The idle time after which a connection can be evicted for a new one. */
export const EVICT_AFTER_MS = 1_000;
/** The number of idle connections that are checked for one without a new request. */
export const EVICT_LOOKS_MAX = 8;
/** The value of Retry-After for rejected clients. */
export const REFUSED_RETRY_SECONDS = 1;
/**
 * The number of addresses whose request rate is kept in memory. Above it, addresses without a connection are removed.
 */
export const ADDRESSES_MAX: number = 64 * KIB;

// Connections

/** The number of connection objects that are kept for reuse. */
export const POOLED_CONNECTIONS_MAX = 1024;
/** The number of connections that are closed in one turn because their idle timeout has passed. */
export const EXPIRATIONS_PER_TURN_MAX = 256;

// A request

/** The size of one receive. */
export const RECEIVE_BYTES_MAX: number = 16 * KIB;
/** The default of the largest head (request line and fields). Over it: 431. */
export const HEAD_BYTES_MAX: number = 16 * KIB;
/** The smallest value that can be set. Every cached head fits. */
export const HEAD_BYTES_LEAST: number = KIB;
/** The greatest value that can be set. */
export const HEAD_BYTES_MOST: number = MIB;
/** The longest request target. RFC 9112 §3 recommends at least 8000 bytes for the request line. Over it: 414. */
export const TARGET_BYTES_MAX: number = 8 * KIB;
/** The longest method. Over it: 501 (RFC 9112 §3). */
export const METHOD_BYTES_MAX = 32;
/** The default of the greatest number of field lines in a head. Over it: 431. */
export const FIELDS_MAX = 100;
/** The greatest value that can be set. Each field takes 16 bytes of the object that the parser fills. */
export const FIELDS_MOST = 10_000;
/** The longest value of Authorization with Basic credentials. Longer ones are not valid. */
export const CREDENTIALS_BYTES_MAX: number = KIB;
/** The longest host and port. A name has at most 253 characters (RFC 1035 §2.3.4), so a longer one matches no site. */
export const AUTHORITY_BYTES_MAX = 260;
/** The default of the largest request body, also for handlers that ignore bodies. Over it: 413. */
export const BODY_BYTES_MAX: number = MIB;
/** The bytes of a body that may wait for the handler before the client is made to wait. */
export const REQUEST_BODY_QUEUE_BYTES_MAX: number = 64 * KIB;
/** The longest size line of a chunk, including extensions (RFC 9112 §7.1.1). Over it: 400. */
export const CHUNK_LINE_BYTES_MAX: number = 4 * KIB;
/** The greatest number of framing bytes (size lines, extensions) of a chunked body. Over it: 400. */
export const CHUNK_OVERHEAD_BYTES_MAX: number = 64 * KIB;
/** The longest trailer section of a chunked body (RFC 9112 §7.1.2). Over it: 431. */
export const TRAILER_BYTES_MAX: number = 8 * KIB;
/** The number of heads in the head cache, a power of two. */
export const CACHED_HEADS_MAX: number = 16 * KIB;
/** The longest head in the cache. Longer heads are parsed each time. */
export const CACHED_HEAD_BYTES_MAX: number = KIB;
/** The size of the head cache with its tables: 11,000 heads of 600 bytes, half as many with an access log. */
export const CACHED_HEADS_BYTES_MAX: number = 32 * MIB;
/** The measured cost of a cached head, beside its fields and twice its bytes (for comparing and for reading). */
export const CACHED_HEAD_OVERHEAD_BYTES = 1650;
/** The measured cost of an access log's data for a cached head, beside two forms of its line. */
export const CACHED_HEAD_LOG_OVERHEAD_BYTES: number = 2 * KIB;
/** The number of requests of one connection that are answered in one turn. */
export const PIPELINED_REQUESTS_PER_TURN_MAX = 64;

// A response

/** The largest body that is in one buffer with its head, and sent in the same call. */
export const INLINE_BODY_BYTES_MAX: number = MIB;
/** The same for a part of a file in memory. Larger parts are sent from the file's own buffer. */
export const RANGE_INLINE_BYTES_MAX: number = 4 * KIB;
/** The size of the buffer in which short pipelined responses are gathered for one send. */
export const GATHER_BYTES_MAX: number = 64 * KIB;
/**
 * The bytes that one connection may send in a turn. With 10 MB files on loopback, from 1 MiB on, the CPU time rises by
 * a third and the throughput falls by a third, because the bursts are faster than their reader.
 */
export const SEND_BYTES_PER_TURN_MAX: number = 512 * KIB;
/**
 * The bytes after which a client gets as much into its socket as the socket holds. Before that it is 128 KiB at a time:
 * for a client that reads nothing, or has a tiny window, a full socket costs milliseconds and megabytes. With 10 MB
 * files the smaller limit costs 15 %.
 */
export const FAST_AFTER_BYTES: number = MIB;
/** The bytes that one connection may send in a turn that is late. */
export const SEND_BYTES_PER_LATE_TURN_MAX: number = 32 * KIB;

/** The greatest number of ranges in a request. With more, everything is sent. Each costs about 200 bytes of framing. */
export const RANGES_MAX = 100;
/** The number of cached values of Accept-Encoding. When there are more, the cache is emptied. */
export const CACHED_ACCEPT_ENCODINGS_MAX = 256;
/** The longest cached value. Longer ones are parsed each time. */
export const CACHED_ACCEPT_ENCODING_BYTES_MAX = 256;

/** The bytes that may wait for a client of a byte protocol. A client that reads too slowly for that is closed. */
export const PEER_QUEUE_BYTES_MAX: number = 4 * MIB;

// Coroutines

/**
 * Rounds of microtasks after a turn that resumed coroutines: the number of `await`s that they may pass before the next.
 */
export const MICROTASK_ROUNDS_MAX = 16;

// Deadlines

/** The default of `headTimeoutMs`: from the first byte of a request to the end of its head. Over it: 408. */
export const HEAD_TIMEOUT_MS = 15_000;
/** The default of `bodyTimeoutMs`: without a byte of the request's body. Over it: 408. */
export const BODY_TIMEOUT_MS = 30_000;
/** The default of `receiveRateMin`, in bytes per second on the average of that time. Under it: 408. */
export const RECEIVE_RATE_BYTES_MIN = 500;
/** The default of `keepAliveTimeoutMs`: between two requests, and before the first. */
export const KEEP_ALIVE_TIMEOUT_MS = 60_000;
/** The default of `sendTimeoutMs`: in which the client takes no byte of its response. Over it, the client is closed. */
export const SEND_TIMEOUT_MS = 30_000;
/** The default of `sendRateMin`, in bytes per second on the average of that time. Under it, the client is closed. */
export const SEND_RATE_BYTES_MIN = 500;
/** The greatest interval between two checks of a client's rate. */
export const RATE_STEP_MS_MAX = 500;
/** The delay of such a check from which on the process itself is assumed to have been stopped, or the machine. */
export const SLEPT_MS_MIN = 2_000;
/** The default of `handlerTimeoutMs`. Over it: 503. */
export const HANDLER_TIMEOUT_MS = 30_000;
/**
 * The time without a byte for a client that has closed its writing half, after which it counts as gone. Such a client
 * may still read, or may have left: TCP does not tell.
 */
export const ABANDONED_TIMEOUT_MS = 1_000;
/** The default idle timeout of byte protocols, in both directions. */
export const SESSION_IDLE_TIMEOUT_MS = 600_000;
/** How long a closing connection still reads, so that the client can read its last response. */
export const LINGER_TIMEOUT_MS = 5_000;
/**
 * The default of `keepAliveMinTimeoutMs`: from a response to the end of its connection when the server is stopping. The
 * next request may already be on its way. The same as nginx's keepalive_min_timeout.
 */
export const KEEP_ALIVE_MIN_TIMEOUT_MS = 1_000;
/**
 * How long the head of a streamed response waits for the first piece. If the stream fails in that time, the response is
 * a 500.
 */
export const STREAM_HEAD_HELD_MS = 1_000;
/** The time in which an event stream can end by itself when the server is stopping. */
export const EVENT_STREAM_END_MS = 1_000;
/** The default of `gracePeriodMs`: the time for connected clients when the server is stopping. */
export const GRACE_PERIOD_MS = 30_000;

// Workers

/** The greatest number of workers of one supervisor. */
export const WORKERS_MAX = 512;
/** The longest message between processes. Anything longer is invalid. A configuration file fits. */
export const CHANNEL_MESSAGE_BYTES_MAX: number = 8 * MIB;
/** The longest line that a worker can report. */
export const WORKER_LINE_CHARACTERS_MAX = 4096;
/** The number of lines in memory, so that a line that several workers report is printed once. */
export const LINES_REMEMBERED_MAX = 256;
/** The size of one receive from a channel between processes. */
export const CHANNEL_RECEIVE_BYTES: number = 64 * KIB;
/** The bytes that are received from one channel in a turn, so that one process cannot block the others. */
export const CHANNEL_BYTES_PER_TURN_MAX: number = MIB;
/** How long a new worker waits for its configuration. */
export const CONFIGURATION_PATIENCE_MS = 10_000;
/**
 * A worker that ends by itself is replaced at once. If its replacement does, too, this is the delay, which then doubles
 * …
 */
export const RESTART_DELAY_MS = 100;
/** … up to this. */
export const RESTART_DELAY_MS_MAX = 5_000;
/** The longest delay before the process is started again that gets certificates. */
export const COMPANION_RESTART_MS_MAX = 60_000;
/**
 * The delay before a worker is replaced that a signal from elsewhere has ended. If all processes of a group get the
 * signal, the supervisor does, too, and ends.
 */
export const LEAVING_PATIENCE_MS = 50;
/** The lifetime after which a worker that ends is replaced at once again. */
export const RESTART_FORGIVEN_AFTER_MS = 10_000;
/**
 * The time without an answer from its loop after which a worker is killed and replaced. If systemd watches the
 * supervisor, its watchdog time is used instead.
 */
export const HANG_PATIENCE_MS = 10_000;
/** The smallest such time, because a busy machine may take as long. */
export const HANG_PATIENCE_MS_MIN = 1_000;
/** The number of checks of a worker within that time. */
export const HEARTBEATS_PER_PATIENCE = 4;
/** The delay before the watchdog of systemd is notified again if its socket was full. */
export const WATCHDOG_RETRY_MS = 100;
/** The interval at which a process that has closed its channel is checked for its end. */
export const REAP_INTERVAL_MS = 5;
/** The time after which such a process is killed. */
export const REAP_PATIENCE_MS = 2_000;
/** The time beyond the grace period after which a worker is killed. It ends by itself at the grace period. */
export const GRACE_MARGIN_MS = 2_000;
/** How long the supervisor waits for draining workers to stop accepting. */
export const STOP_ACCEPTING_PATIENCE_MS = 5_000;
/** How long the supervisor waits for snapshots of its workers. For a late worker the last one is shown. */
export const SNAPSHOT_PATIENCE_MS = 300;
/** The time in which a worker, or a program's successor, must be ready. */
export const START_PATIENCE_MS = 30_000;

// The status page

/** The interval of updates of the status page. */
export const STATUS_INTERVAL_MS = 200;
/** The greatest number of status pages that are open. Over it: 503. */
export const STATUS_WATCHERS_MAX = 16;
/** The greatest number of connections to the admin port. */
export const ADMIN_CONNECTIONS_MAX = 256;
/** How long `--healthcheck` waits for an answer. */
export const HEALTHCHECK_TIMEOUT_MS = 3_000;

// Output of the program

/**
 * How long the program waits, once, for a reader of standard output. While the reader does not read, output is lost.
 */
export const PRINT_PATIENCE_MS = 500;

// The access log

/** The bytes of lines that are buffered before they are written. */
export const LOG_BUFFER_BYTES_MAX: number = 64 * KIB;
/** How long a line stays in the buffer, and the interval of messages about lost lines. */
export const LOG_FLUSH_MS = 1_000;
/**
 * The bytes that a field of a line may take beyond those that it shows, because of escapes; in JSON an escape takes six
 * bytes. A longer field is cut, with a mark at its end. A field with each byte once is not cut.
 */
export const LOG_ESCAPES_BYTES_MAX: number = KIB;
/**
 * The longest line: the longest head that can be set, the user name (which Unicode normalization can make three times
 * as long), the escapes of five fields, and what the server adds. Memory for it is used only if there is such a line.
 */
export const LOG_LINE_BYTES_MAX: number = HEAD_BYTES_MOST + 3 * CREDENTIALS_BYTES_MAX +
  5 * LOG_ESCAPES_BYTES_MAX +
  4 * KIB;
/** The bytes that are shown of an invalid request line. */
export const LOG_UNKNOWN_LINE_BYTES_MAX: number = KIB;

// Dates

/**
 * The first second of 1990, before the Web. An older time of a file is a convention of the tool that wrote it, not the
 * time of a change.
 */
export const MODIFIED_SECONDS_MIN = 631_152_000;

// The configuration

/** The largest configuration file. */
export const CONFIG_FILE_BYTES_MAX: number = MIB;

/** The greatest number of repeated keys of the configuration file that are reported, each in a line. */
export const REPEATED_KEYS_MAX = 20;
