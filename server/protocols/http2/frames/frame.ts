/**
 * Frames of HTTP/2: their types, flags and heads. Source: RFC 9113 §4 and §6.
 * @module
 */

/** What a client sends first (§3.4). */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** The length of a frame's head. */
export const FRAME_HEAD_BYTES = 9;
export { FRAME_BYTES_MAX } from "../../../http2_limits.ts";
/** The largest window, and the largest number of a stream (§5.1.1, §6.9.1). */
export const INT31_MAX = 0x7fff_ffff;
/** The window that both sides begin with (§6.9.2). */
export const DEFAULT_WINDOW_BYTES = 65_535;

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
  /** RFC 9218 §7.1 */
  PRIORITY_UPDATE: 16,
} as const;

export const Flag = {
  END_STREAM: 0x1,
  ACK: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** Identifiers of settings (§6.5.2; RFC 9218 §2.1). */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  NO_RFC7540_PRIORITIES: 9,
} as const;

/** Writes the head of a frame at `bytes[at]`. */
export function writeFrameHead(
  bytes: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, stream);
}

/** Writes a number of 32 bits, the most significant byte first. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Reads a number of 32 bits, the most significant byte first. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Reads a number of 31 bits, whose highest bit is reserved and ignored. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & INT31_MAX;
}

/** Returns the length of the payload of the frame at `bytes[at]`. */
export function payloadLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** Returns how much of {@linkcode PREFACE} `bytes[start, end)` begins with, all of it at most; −1 for something else. */
export function prefaceLength(bytes: Uint8Array, start: number, end: number): number {
  const length = Math.min(end - start, PREFACE.length);
  for (let i = 0; i < length; i++) if (bytes[start + i] !== PREFACE.charCodeAt(i)) return -1;
  return length;
}
