/**
 * What bodies hold in memory while clients do not take or send them: of the whole process, since it has one memory.
 *
 * What many responses share counts once, and what a cache keeps counts there, and not here.
 * @module
 */
import { HELD_BODY_BYTES_MAX, HELD_BODY_SMALL_BYTES_MAX } from "../limits.ts";
import { HttpError } from "./http_error.ts";
import { Reclaimer } from "./reclaimer.ts";

/** Bytes that wait to be sent. */
interface Held {
  bytes: number;
  holders: number;
  /** It has left the cache, so no other response will use it. */
  isDropped: boolean;
}

/** Nothing that is asked for may take more memory at present. */
export class NoRoom extends HttpError {
  constructor() {
    super(503, "Bodies hold too much memory");
  }
}

/** Counts the memory of bodies that wait, each buffer once. */
export class BodyMemory {
  /** What is held. */
  bytes = 0;
  /** So much may be while a file is read into memory, or compressed. */
  filesBytesMax: number = HELD_BODY_BYTES_MAX;
  readonly #held = new Map<ArrayBufferLike, Held>();
  readonly #kept = new Set<ArrayBufferLike>();
  /** Frees what a cache has dropped. */
  readonly reclaimer: Reclaimer = new Reclaimer((buffer) => this.#isThere({ buffer }));

  /** `bytes` are held from now on, until {@linkcode release}. */
  hold({ buffer, length }: Uint8Array): void {
    const held = this.#held.get(buffer);
    if (held !== undefined) {
      held.holders++;
      return;
    }
    this.#held.set(buffer, { bytes: length, holders: 1, isDropped: false });
    if (!this.#kept.has(buffer)) this.bytes += length;
  }

  /** The end of that; `bytes` may be a part by then. */
  release({ buffer }: Uint8Array): void {
    const held = this.#held.get(buffer);
    if (held === undefined || --held.holders > 0) return;
    this.#held.delete(buffer);
    if (this.#kept.has(buffer)) return;
    this.bytes -= held.bytes;
    if (held.isDropped) this.reclaimer.add(buffer);
  }

  /** A cache keeps `bytes`, and counts them itself, until {@linkcode drop}. */
  keep({ buffer }: Uint8Array): void {
    if (this.#kept.has(buffer)) return;
    this.#kept.add(buffer);
    const held = this.#held.get(buffer);
    if (held === undefined) return;
    this.bytes -= held.bytes;
    held.isDropped = false;
  }

  /** It does not any longer: who holds a part of it holds all of it. */
  drop({ buffer }: Uint8Array): void {
    if (!this.#kept.delete(buffer)) return;
    const held = this.#held.get(buffer);
    if (held === undefined) return this.reclaimer.add(buffer);
    this.bytes += held.bytes = buffer.byteLength;
    held.isDropped = true;
  }

  /** What a cache keeps, or would, has moved. */
  move(from: Uint8Array, to: Uint8Array): void {
    if (!this.#kept.has(from.buffer) || from.buffer === to.buffer) return;
    this.drop(from);
    this.keep(to);
  }

  /** Bytes that are held by others than responses; a negative number ends that. */
  add(bytes: number): void {
    this.bytes += bytes;
  }

  /** True when nothing large may be begun. */
  get isFull(): boolean {
    return this.bytes >= HELD_BODY_BYTES_MAX;
  }

  /** True when no file may be read into memory, nor compressed: it goes out from where it is. What leaves a cache for it may be held by clients, or is not freed yet. */
  get isFullForFiles(): boolean {
    return this.bytes + this.reclaimer.bytes >= this.filesBytesMax;
  }

  /** Whether a body may be begun; of one that is made while it is sent, null. */
  hasRoomFor(body: Uint8Array | null): boolean {
    if (!this.isFull) return true;
    if (body === null || body.length > HELD_BODY_SMALL_BYTES_MAX) return body !== null && this.#isThere(body);
    // What is small most often fits the socket; it is refused only when that was wrong too often.
    return this.bytes < HELD_BODY_BYTES_MAX + (HELD_BODY_BYTES_MAX >> 2) || this.#isThere(body);
  }

  #isThere({ buffer }: Pick<Uint8Array, "buffer">): boolean {
    return this.#kept.has(buffer) || this.#held.has(buffer);
  }
}

/** That of this process. */
export const bodyMemory: BodyMemory = new BodyMemory();
