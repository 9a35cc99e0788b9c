/**
 * The bounds of HTTP/2, with units in their names. Those of heads, fields, bodies and times are the same as for HTTP/1
 * (`limits.ts`).
 * @module
 */

const KIB = 1024;

/** The default of `streamsMax`: requests of one connection at the same time. More are refused (REFUSED_STREAM). */
export const STREAMS_MAX = 100;
/** The greatest value that can be set. */
export const STREAMS_MOST = 10_000;
/** What a client may send on one stream before the server has taken it. The protocol begins with this window (RFC 9113 §6.9.2). */
export const STREAM_WINDOW_BYTES = 65_535;
/** What a client may send on all streams of a connection before the server has taken it. */
export const CONNECTION_WINDOW_BYTES: number = 1024 * KIB;
/** The largest payload of a frame; the protocol has no smaller limit (RFC 9113 §4.2). A larger one ends the connection. */
export const FRAME_BYTES_MAX: number = 16 * KIB;
/** CONTINUATION frames of one head, unless `headBytesMax` needs more. With more, the connection ends. */
export const CONTINUATIONS_MAX = 8;
/** Frames of one connection that are handled in a turn, before other connections get theirs … */
export const FRAMES_PER_TURN_MAX = 32;
/** … and fewer in a turn that is late, which is looked at after so many … */
export const FRAMES_PER_LOOK = 8;
/** … or after a frame that is longer than this: a head of a few kilobytes may cost as much as a hundred short frames. */
export const FRAME_SHORT_BYTES_MAX = 1024;
/** What one connection sends of its streams in a turn. */
export const PULLED_BYTES_PER_TURN_MAX: number = 256 * KIB;
/**
 * How much is put together before it is sent, if the socket takes all of it: what is put together cannot be overtaken. With one more
 * frame it is no more than TLS takes at a time. It is half of what the client has taken without a pause, less …
 */
export const FRAME_WRITE_BYTES_MAX: number = 108 * KIB;
/** … this for each millisecond that has passed: a slower client, or one that was idle, gets little at a time. */
export const TAKEN_BYTES_PER_MS: number = 2 * KIB;
/**
 * What a client takes in a millisecond from a socket that is full again and again, if it is fast: then it hardly waits longer for what
 * is more urgent if more is written at a time.
 */
export const FAST_BYTES_PER_MS: number = 8 * KIB;
/** How much of short answers is put together before it is sent, while no stream waits: those to a turn's requests, usually. */
export const ANSWERS_BYTES_MIN: number = 32 * KIB;
/** How much of short answers is put together before streams that wait have their turn. */
export const ANSWERS_BYTES_MAX: number = 64 * KIB;
/** Bodies that were sent before are kept with the heads of their frames, from this size … */
export const FRAMED_BODY_BYTES_MIN: number = 48 * KIB;
/** … to this. They are sent from there … */
export const FRAMED_BODY_BYTES_MAX: number = 1024 * KIB;
/** … if this much may be sent at once; less is put together with others, which costs less than another call. */
export const FRAMED_WRITE_BYTES_MIN: number = 32 * KIB;
/** The memory of all these bodies. */
export const FRAMED_BODIES_BYTES_MAX: number = 8 * 1024 * KIB;
/** The time after which one that is not used makes room for others. */
export const FRAMED_BODY_IDLE_MS = 1_000;
/** What may wait in the socket of a connection with several streams, or with one that the socket does not take at once. */
export const UNSENT_BYTES_MAX: number = 16 * KIB;
/** What is sent of a response that is not incremental before incremental ones of the same urgency get every other frame. */
export const WHOLE_FIRST_BYTES: number = 256 * KIB;
/** The rest of an older incremental response that gets every other frame even then. */
export const FINISHED_BYTES: number = 64 * KIB;
/** The buffer in which all connections put together the frames of a turn. */
export const FRAME_GATHER_BYTES_MAX: number = 256 * KIB;
/**
 * How often a client may cause at once what costs the server more than the client: resets, PING, SETTINGS, PRIORITY, empty
 * and unknown frames; besides once for each stream that it may have. Beyond it, the connection ends (ENHANCE_YOUR_CALM).
 */
export const TROUBLE_AT_ONCE_MAX = 100;
/** How often more in each second. */
export const TROUBLE_PER_SECOND = 33;
/**
 * How often a client may change the priority of what it has asked for, for each stream, before that is trouble. Browsers
 * send three frames for each image that becomes visible or invisible, for a hundred images at once.
 */
export const PRIORITIES_PER_STREAM = 8;
/**
 * The longest time from the announcement that the server stops until no new stream is served. `keepAliveMinTimeoutMs` may
 * be shorter.
 */
export const LAST_STREAM_WAIT_MS = 1_000;
/**
 * The bytes of frames that wait behind a socket that takes nothing, besides what one turn has written. With more, no
 * further frame of the client is handled.
 */
export const UNTAKEN_BYTES_MAX: number = 64 * KIB;
/**
 * The bytes that the heads of a connection's waiting requests may take on average, if there are as many as it may have. With
 * more, further requests are refused.
 */
export const KEPT_HEAD_BYTES_MEAN = 2560;
/**
 * How many times as long as the decoded head its block may be, as sent. Huffman's code has at most 30 bits for a byte
 * (RFC 7541, appendix B), so every head that is not too large fits. With more, the connection ends.
 */
export const HEAD_BLOCK_RATIO_MAX = 4;
/**
 * The bytes that names from the dynamic table may take in fields that are dropped because their head is too large. A
 * name costs the client one byte, however long it is.
 */
export const DROPPED_NAMES_BYTES_MAX: number = 256 * KIB;
/** The longest value of Priority or PRIORITY_UPDATE that is read. Those of clients have some 10 bytes. */
export const PRIORITY_BYTES_MAX = 256;
/** What a WINDOW_UPDATE costs, in bytes of data that the client is sent for it … */
export const WINDOW_UPDATE_COST_BYTES = 512;
/** … what DATA counts as beyond its bytes, unless the client's window has cut it short … */
export const DATA_CREDIT_BYTES = 1024;
/**
 * … and what a client may have saved. A client answers late what waits in sockets and, not read by the program, in the client itself: those in Go
 * hold 4 MiB of each stream, and widen its window for every 4 KiB. Updates beyond that are charged as trouble.
 */
export const WINDOW_CREDIT_BYTES_MAX: number = 64 * 1024 * KIB;
