/**
 * The memory that bodies take while they wait to be sent or received, for the whole process.
 *
 * A buffer that several responses share counts once. A buffer that a cache keeps is counted by the cache, not here.
 * @module
 */
import { HELD_BODY_BYTES_MAX, HELD_BODY_SMALL_BYTES_MAX } from "../limits.ts";
import { HttpError } from "./http_error.ts";
import { Reclaimer } from "./reclaimer.ts";

/** A buffer whose bytes wait to be sent. */
interface Held {
  bytes: number;
  holders: number;
  /** The buffer has left the cache, so no other response will use it. */
  isDropped: boolean;
}

/** The error of a request that would need more memory than is available at present: 503 (Service Unavailable). */
export class NoRoom extends HttpError {
  constructor() {
    super(503, "Bodies hold too much memory");
  }
}

/** Counts the memory of waiting bodies, each buffer once. */
export class BodyMemory {
  /** The bytes that are counted. */
  bytes = 0;
  /** The bound of `bytes` up to which files are read into memory, or compressed. */
  filesBytesMax: number = HELD_BODY_BYTES_MAX;
  readonly #held = new Map<ArrayBufferLike, Held>();
  readonly #kept = new Set<ArrayBufferLike>();
  /** Frees buffers that the cache has dropped. */
  readonly reclaimer: Reclaimer = new Reclaimer((buffer) => this.#isThere({ buffer }));

  /** Counts the buffer of `bytes` until {@linkcode release}. */
  hold({ buffer, length }: Uint8Array): void {
    const held = this.#held.get(buffer);
    if (held !== undefined) {
      held.holders++;
      return;
    }
    this.#held.set(buffer, { bytes: length, holders: 1, isDropped: false });
    if (!this.#kept.has(buffer)) this.bytes += length;
  }

  /** Ends one {@linkcode hold} of the buffer of `bytes`, which may be a part of what was held. */
  release({ buffer }: Uint8Array): void {
    const held = this.#held.get(buffer);
    if (held === undefined || --held.holders > 0) return;
    this.#held.delete(buffer);
    if (this.#kept.has(buffer)) return;
    this.bytes -= held.bytes;
    if (held.isDropped) this.reclaimer.add(buffer);
  }

  /** Marks the buffer of `bytes` as kept by a cache, which counts it itself, until {@linkcode drop}. */
  keep({ buffer }: Uint8Array): void {
    if (this.#kept.has(buffer)) return;
    this.#kept.add(buffer);
    const held = this.#held.get(buffer);
    if (held === undefined) return;
    this.bytes -= held.bytes;
    held.isDropped = false;
  }

  /**
   * Ends {@linkcode keep}. If a response still holds a part of the buffer, the whole buffer counts here from now on.
   */
  drop({ buffer }: Uint8Array): void {
    if (!this.#kept.delete(buffer)) return;
    const held = this.#held.get(buffer);
    if (held === undefined) return this.reclaimer.add(buffer);
    this.bytes += held.bytes = buffer.byteLength;
    held.isDropped = true;
  }

  /** Moves the mark of {@linkcode keep} to a copy of the bytes. */
  move(from: Uint8Array, to: Uint8Array): void {
    if (!this.#kept.has(from.buffer) || from.buffer === to.buffer) return;
    this.drop(from);
    this.keep(to);
  }

  /** Counts `bytes` bytes that belong to no response; a negative number ends that. */
  add(bytes: number): void {
    this.bytes += bytes;
  }

  /** True if no large body may be started. */
  get isFull(): boolean {
    return this.bytes >= HELD_BODY_BYTES_MAX;
  }

  /**
   * True if no file may be read into memory or compressed; it is sent from the disk instead. This also counts buffers
   * that have left the cache and are not freed yet.
   */
  get isFullForFiles(): boolean {
    return this.bytes + this.reclaimer.bytes >= this.filesBytesMax;
  }

  /** Returns true if a body may be started. `body` is null if the body is produced while it is sent. */
  hasRoomFor(body: Uint8Array | null): boolean {
    if (!this.isFull) return true;
    if (body === null || body.length > HELD_BODY_SMALL_BYTES_MAX) return body !== null && this.#isThere(body);
    // Small bodies usually fit in the socket. They are rejected only when that was wrong too often.
    return this.bytes < HELD_BODY_BYTES_MAX + (HELD_BODY_BYTES_MAX >> 2) || this.#isThere(body);
  }

  #isThere({ buffer }: Pick<Uint8Array, "buffer">): boolean {
    return this.#kept.has(buffer) || this.#held.has(buffer);
  }
}

/** The body memory of this process. */
export const bodyMemory: BodyMemory = new BodyMemory();
