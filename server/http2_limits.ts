/**
 * The bounds of HTTP/2, with units in their names. Those of heads, fields, bodies and times are the same as for HTTP/1
 * (`limits.ts`).
 * @module
 */
import { HEAD_BYTES_MAX } from "./limits.ts";

const KIB = 1024;

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
 * The longest block of a head, as sent. Huffman's code has at most 30 bits for a byte (RFC 7541, appendix B), so every
 * head that is not too large fits. With more, the connection ends.
 */
export const HEAD_BLOCK_BYTES_MAX: number = 4 * HEAD_BYTES_MAX;
/**
 * The bytes that names from the dynamic table may take in fields that are dropped because their head is too large. A
 * name costs the client one byte, however long it is.
 */
export const DROPPED_NAMES_BYTES_MAX: number = 256 * KIB;
/** What a WINDOW_UPDATE costs, in bytes of data that the client is sent for it … */
export const WINDOW_UPDATE_COST_BYTES = 512;
/** … what DATA counts as beyond its bytes, unless the client's window has cut it short … */
export const DATA_CREDIT_BYTES = 1024;
/** … and what a client may have saved. Updates beyond that are charged as trouble. */
export const WINDOW_CREDIT_BYTES_MAX: number = 64 * KIB;
