/**
 * Every bound of the server, with its unit in its name. A limit on everything: nothing a client sends can make the
 * server hold, do or wait for more than what stands here.
 * @module
 */

export * from "./shared_limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

// The loop

/**
 * Events that one turn takes from the poller; also how many connections may receive in one turn. Between a
 * connection's recv and its send come those of all others of the turn: with 256 the processor's caches have
 * forgotten it by then, which cost 5 % at 10,000 connections.
 */
export const EVENTS_PER_TURN_MAX = 64;
/** How long a wait may block Deno's own event loop while there is traffic. */
export const SYNCHRONOUS_WAIT_MS = 4;
/** Under unbroken load Deno's timers and signals get a turn this often. */
export const YIELD_INTERVAL_MS = 50;
/** The same while a handler's promise is pending, which may wait for exactly that. */
export const SUSPENDED_YIELD_INTERVAL_MS = 1;
/** How long deadlines wait for a loop that has fallen behind with what is ready. */
export const CATCH_UP_MS_MAX = 500;
/** The longest sleep, so that a deadline that was moved is noticed. */
export const PARKED_WAIT_MS_MAX = 60_000;

/** How often a loop looks for events that does not keep its process alive. */
export const UNREF_LOOK_MS = 5;
/** The same while a handler's promise is pending: what it has settled is sent then. */
export const UNREF_PENDING_LOOK_MS = 1;

/** A turn that has taken so long is late: each connection gets but a little of it, since many may want much. */
export const LATE_TURN_MS = 5;

// The listener

/** Addresses of this machine that the greeting names for a socket on every address. */
export const ANNOUNCED_ADDRESSES_MAX = 8;
/** The system may allow fewer (net.core.somaxconn). Where it is full, a client asks again after a second. */
export const LISTEN_BACKLOG = 4096;
/** How long a server that is about to listen on a UNIX socket waits for others that do so in the same directory. */
export const UNIX_LOCK_PATIENCE_MS = 1_000;
/** Clients accepted in one turn before the connected ones get theirs. */
export const ACCEPTS_PER_TURN_MAX = 64;
/** The same where other processes accept from the same queue: each takes a few, so that all get some. */
export const SHARED_ACCEPTS_PER_TURN_MAX = 4;
/** How long accepting pauses when the system has no descriptor or memory left. */
export const ACCEPT_PAUSE_MS = 100;
/** Of all descriptors that a process may have, one in so many, and at least so many, are for files and not for clients. */
export const DESCRIPTORS_PER_KEPT_ONE = 32;
/** See {@linkcode DESCRIPTORS_PER_KEPT_ONE}. */
export const DESCRIPTORS_KEPT_MIN = 36;
/** Clients that have been idle for so long are evicted for new ones when there is no room. */
export const GIVES_WAY_AFTER_MS = 1_000;
/** How many of them are looked at for one that has said nothing meanwhile. */
export const GIVES_WAY_LOOKS_MAX = 8;
/** What those are told who find no room. */
export const REFUSED_RETRY_SECONDS = 1;
/** Addresses that are remembered for how often they ask. Past it, those that are not connected are forgotten. */
export const ADDRESSES_MAX: number = 64 * KIB;

// Connections

/** Objects that are kept for the next ones, when connections become idle or end. */
export const POOLED_CONNECTIONS_MAX = 1024;
/** Connections that are ended in one turn because they have been idle too long. */
export const EXPIRATIONS_PER_TURN_MAX = 256;

// A request

/** What one receive takes. */
export const RECEIVE_BYTES_MAX: number = 16 * KIB;
/** Request line and fields together, unless told otherwise. Past it: 431. */
export const HEAD_BYTES_MAX: number = 16 * KIB;
/** The smallest that can be set: every head that is known by its bytes fits. */
export const HEAD_BYTES_LEAST: number = KIB;
/** The largest that can be set. */
export const HEAD_BYTES_MOST: number = MIB;
/** RFC 9112 §3 recommends at least 8000 for the request line. Past it: 414. */
export const TARGET_BYTES_MAX: number = 8 * KIB;
/** The longest method. Past it: 501 (RFC 9112 §3). */
export const METHOD_BYTES_MAX = 32;
/** Lines of fields in a head, unless told otherwise. Past it: 431. */
export const FIELDS_MAX = 100;
/** As many as can be set. Each takes 16 bytes of the memory in which a request is parsed. */
export const FIELDS_MOST = 10_000;
/** The value of Authorization, where it has a name and a password. Longer ones open nothing. */
export const CREDENTIALS_BYTES_MAX: number = KIB;
/** Host and port: a name has at most 253 characters (RFC 1035 §2.3.4). A longer one is that of no site. */
export const AUTHORITY_BYTES_MAX = 260;
/** The largest request body that is read (and, by handlers without use for one, dropped), unless told otherwise. Past it: 413. */
export const BODY_BYTES_MAX: number = MIB;
/** Bytes of a body that wait for the handler to take them, before the client is made to wait. */
export const REQUEST_BODY_QUEUE_BYTES_MAX: number = 64 * KIB;
/** Size line and extensions of one chunk, RFC 9112 §7.1.1. Past it: 400. */
export const CHUNK_LINE_BYTES_MAX: number = 4 * KIB;
/** Bytes of framing (size lines, extensions) beyond the data of a chunked body. Past it: 400. */
export const CHUNK_OVERHEAD_BYTES_MAX: number = 64 * KIB;
/** Trailer section of a chunked body, RFC 9112 §7.1.2. Past it: 431. */
export const TRAILER_BYTES_MAX: number = 8 * KIB;
/** Heads that are known by their bytes; a power of two. */
export const CACHED_HEADS_MAX: number = 16 * KIB;
/** Longer heads are parsed each time. */
export const CACHED_HEAD_BYTES_MAX: number = KIB;
/** All of them together, with the tables that they are found by: 11,000 of 600 bytes, half as many with an access log. */
export const CACHED_HEADS_BYTES_MAX: number = 32 * MIB;
/** What a known head takes beside its bytes (twice: to be compared, and to be read) and fields: measured. */
export const CACHED_HEAD_OVERHEAD_BYTES = 1650;
/** What the access log keeps of one, beside two forms of its line: measured. */
export const CACHED_HEAD_LOG_OVERHEAD_BYTES: number = 2 * KIB;
/** Requests of one connection that are answered in one turn. */
export const PIPELINED_REQUESTS_PER_TURN_MAX = 64;

// A response

/** A body in memory up to this size stands in one buffer with its head, and goes out by one call. */
export const INLINE_BODY_BYTES_MAX: number = MIB;
/** The same for a part of a file that is in memory already: larger ones are sent from there. */
export const RANGE_INLINE_BYTES_MAX: number = 4 * KIB;
/** Short pipelined responses are gathered into one send of at most this size. */
export const GATHER_BYTES_MAX: number = 64 * KIB;
/**
 * What one connection may send in one turn before others get theirs. Measured with 10 MB files on loopback: from 1 MiB
 * on, a third more CPU and a third less throughput, since the bursts outrun their reader.
 */
export const SEND_BYTES_PER_TURN_MAX: number = 512 * KIB;
/**
 * A client that has taken so much gets as much into its socket as that holds; before, 128 KiB at a time: to one that
 * reads nothing, or through a tiny window, a full socket costs milliseconds and megabytes. With 10 MB files the small
 * limit costs 15 %.
 */
export const FAST_AFTER_BYTES: number = MIB;
/** What one connection may send in a turn that is late. */
export const SEND_BYTES_PER_LATE_TURN_MAX: number = 32 * KIB;

/** Ranges that one request may ask for; with more it gets everything. Each costs some 200 bytes around its own. */
export const RANGES_MAX = 100;
/** Texts of Accept-Encoding that are known. When there are more they are forgotten all at once. */
export const CACHED_ACCEPT_ENCODINGS_MAX = 256;
/** Longer ones are read each time. */
export const CACHED_ACCEPT_ENCODING_BYTES_MAX = 256;

/** Bytes that wait for one peer of a byte protocol; one that reads more slowly than it is written to is cut off. */
export const PEER_QUEUE_BYTES_MAX: number = 4 * MIB;

// Coroutines

/** Rounds of microtasks after a turn that resumed coroutines: so many `await`s they may pass before the next turn. */
export const MICROTASK_ROUNDS_MAX = 16;

// Deadlines

/** From the first byte of a request to the end of its head. Past it: 408. */
export const HEAD_TIMEOUT_MS = 15_000;
/** A client from which no byte of its request's body comes for so long. Past it: 408. */
export const BODY_TIMEOUT_MS = 30_000;
/** The same, on the average of that time, in bytes a second. Below it: 408. */
export const RECEIVE_RATE_BYTES_MIN = 500;
/** Between two requests, and before the first. */
export const KEEP_ALIVE_TIMEOUT_MS = 60_000;
/** A client that takes no byte of its response for so long is cut off. */
export const SEND_TIMEOUT_MS = 30_000;
/** One that takes fewer bytes a second on the average of that time, too. */
export const SEND_RATE_BYTES_MIN = 500;
/** How often it is looked at whether a client keeps pace. */
export const RATE_STEP_MS_MAX = 500;
/** Who looks so much too late has slept itself: the process was stopped, or the machine. */
export const SLEPT_MS_MIN = 2_000;
/** What a handler may take for its answer, unless told otherwise. Past it: 503. */
export const HANDLER_TIMEOUT_MS = 30_000;
/**
 * A client that ended its half may still read, or may have left: TCP does not tell. While an answer is being made for
 * it, one that got no byte for so long counts as gone.
 */
export const ABANDONED_TIMEOUT_MS = 1_000;
/** What is spoken in bytes ends when neither side said anything for so long. */
export const SESSION_IDLE_TIMEOUT_MS = 600_000;
/** How long a connection that is being closed goes on reading, so that the client can read its last response. */
export const LINGER_TIMEOUT_MS = 5_000;
/**
 * From an answer to the end of its connection when the server is to stop: the next request may be on its way already (the
 * same as nginx' keepalive_min_timeout).
 */
export const KEEP_ALIVE_MIN_TIMEOUT_MS = 1_000;
/**
 * How long the head of a response whose body is made while it is sent waits for the first piece of that: a stream that
 * fails meanwhile is a 500.
 */
export const STREAM_HEAD_HELD_MS = 1_000;
/** What an event stream has to end by itself, once it is told that the server is to stop. */
export const EVENT_STREAM_END_MS = 1_000;
/** What a signal to stop leaves to those that are being served. */
export const GRACE_PERIOD_MS = 30_000;

// Workers

/** Processes that serve under one supervisor. */
export const WORKERS_MAX = 512;
/** Past it, what comes through a channel between processes is nonsense. A configuration file fits. */
export const CHANNEL_MESSAGE_BYTES_MAX: number = 8 * MIB;
/** What a worker has to say in one line. */
export const WORKER_LINE_CHARACTERS_MAX = 4096;
/** Lines that are remembered, so that others who have the same to say need not. */
export const LINES_REMEMBERED_MAX = 256;
/** One receive from such a channel. */
export const CHANNEL_RECEIVE_BYTES: number = 64 * KIB;
/** What is received from one in a turn: who says more and more keeps nobody else from being heard. */
export const CHANNEL_BYTES_PER_TURN_MAX: number = MIB;
/** How long a new worker waits to be told what it is. */
export const CONFIGURATION_PATIENCE_MS = 10_000;
/** A worker that ends by itself is replaced at once; when its successor does so, too, after so long, then twice that… */
export const RESTART_DELAY_MS = 100;
/** … and at last this. */
export const RESTART_DELAY_MS_MAX = 5_000;
/**
 * How long it is waited before one is replaced that somebody else has told to end: who tells all processes of a group to
 * end tells their supervisor, too.
 */
export const LEAVING_PATIENCE_MS = 50;
/** One that lived for so long is replaced at once again. */
export const RESTART_FORGIVEN_AFTER_MS = 10_000;
/**
 * A worker whose loop gives no answer for so long hangs, and is killed and replaced; where systemd watches the supervisor,
 * the time of its watchdog counts instead.
 */
export const HANG_PATIENCE_MS = 10_000;
/** The least of such a time: a busy machine takes as long. */
export const HANG_PATIENCE_MS_MIN = 1_000;
/** How many times within it a worker's answer is looked for. */
export const HEARTBEATS_PER_PATIENCE = 4;
/** How soon the watchdog of systemd is answered again where its socket had no room. */
export const WATCHDOG_RETRY_MS = 100;
/** How often it is looked for a process that has closed its channel. */
export const REAP_INTERVAL_MS = 5;
/** One that has not ended then is killed. */
export const REAP_PATIENCE_MS = 2_000;
/** What a worker gets beyond the grace period before it is killed: it ends by itself at that time. */
export const GRACE_MARGIN_MS = 2_000;
/** How long it is waited for workers that were told to end to accept nobody any more. */
export const DEAF_PATIENCE_MS = 5_000;
/** How long a supervisor waits for what its workers tell of themselves; who is late is shown as it was. */
export const SNAPSHOT_PATIENCE_MS = 300;
/** What a worker, or a program's successor, may take to be ready. */
export const START_PATIENCE_MS = 30_000;

// The status page

/** How often it is told what has changed, while somebody looks. */
export const STATUS_INTERVAL_MS = 200;
/** Who may look at the same time. Past it: 503. */
export const STATUS_WATCHERS_MAX = 16;
/** Connections of those who look, ask for metrics, or probe. */
export const ADMIN_CONNECTIONS_MAX = 256;
/** How long `--healthcheck` waits for an answer. */
export const HEALTHCHECK_TIMEOUT_MS = 3_000;

// What handlers print

/** How long everybody waits for a reader of standard output, once; while it takes nothing, what is printed is lost. */
export const PRINT_PATIENCE_MS = 500;

// The access log

/** Lines that are put together before they are written. */
export const LOG_BUFFER_BYTES_MAX: number = 64 * KIB;
/** How long a line waits for others, and how often it is said that lines are lost. */
export const LOG_FLUSH_MS = 1_000;
/**
 * What a field of a line may take beyond the bytes that it shows, since some of them cannot stand as they are: in JSON one
 * takes six. Past it the field is cut, with a mark at its end. A field with each byte once is whole.
 */
export const LOG_ESCAPES_BYTES_MAX: number = KIB;
/**
 * The longest line: all of the longest head that can be set; the name in its credentials, which Unicode's normal form may make three times as long;
 * what five fields take beyond their bytes; and what the server adds. Room for it costs nothing before there is such a line.
 */
export const LOG_LINE_BYTES_MAX: number = HEAD_BYTES_MOST + 3 * CREDENTIALS_BYTES_MAX +
  5 * LOG_ESCAPES_BYTES_MAX +
  4 * KIB;
/** What is shown of a request line that was not understood. */
export const LOG_UNKNOWN_LINE_BYTES_MAX: number = KIB;

// Dates

/**
 * The first second of 1990, when there was no Web: what a file says of itself that is older is a convention of the tool
 * that wrote it, and no time at which it changed.
 */
export const MODIFIED_SECONDS_MIN = 631_152_000;

// The configuration

/** The largest configuration file that is read. */
export const CONFIG_FILE_BYTES_MAX: number = MIB;

/** Of keys that stand twice in their object of the configuration file, so many are named, each in a line. */
export const REPEATED_KEYS_MAX = 20;
