/**
 * Bytes of a body with room for a response's head before them: head and body then stand in one buffer, without a second
 * buffer and without a copy of the body.
 * @module
 */

/** Bytes. Most heads are shorter; a longer one is copied together with its body. */
const ROOM_BYTES = 1024;
/** Copying fewer bytes than these costs no more than the page of memory that the room may take. */
const COPIED_BYTES_MAX = 16 * 1024;

/** Buffers whose room is not taken yet. */
const free = new WeakSet<ArrayBufferLike>();

/** Returns `size` bytes, all 0; large ones with room before them in their buffer. */
export function bytesWithHeadRoom(size: number): Uint8Array<ArrayBuffer> {
  if (size <= COPIED_BYTES_MAX) return new Uint8Array(size);
  const buffer = new ArrayBuffer(ROOM_BYTES + size);
  free.add(buffer);
  return new Uint8Array(buffer, ROOM_BYTES);
}

/**
 * Takes the room before `body`: returns a view of `headLength` bytes and the body behind them, in the body's buffer.
 * Null when `body` was not made by {@linkcode bytesWithHeadRoom}, when it is only a part, when the head is too long, or
 * when another head has taken the room.
 */
export function takeHeadRoom(headLength: number, body: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const { buffer, byteOffset, length } = body;
  const isWhole = byteOffset === ROOM_BYTES && byteOffset + length === buffer.byteLength;
  if (!isWhole || headLength > ROOM_BYTES || !free.delete(buffer)) return null;
  return new Uint8Array(buffer as ArrayBuffer, ROOM_BYTES - headLength, headLength + length);
}
