/**
 * Frees the memory of buffers that have left a cache. Without this, the runtime collects no garbage before 64 MiB of
 * buffers have accumulated, or far more.
 *
 * A buffer is freed by transferring it. Code that still has it then sees no bytes, and never those of another file: an
 * error here can lose a response, but never mix two. A response that was made before the buffer left the cache may not
 * be sent yet. It is in use in this turn, or by promises that settle without waiting; then it is sent, or held. So a
 * buffer is freed when no promise is pending, or after three rounds of Deno's own loop. In the first round the last of
 * those promises may settle, in the second their posted tasks are done.
 * @module
 */

/** Rounds of Deno's own loop after which no response can use a buffer that has left a cache. */
const ROUNDS = 3;

/** Frees buffers that have left the cache, once nothing uses them. */
export class Reclaimer {
  /** Whether buffers are freed at all. False in a program that may keep responses for any time. */
  isOn = false;
  /** The bytes that are to be freed. */
  bytes = 0;
  readonly #isInUse: (buffer: ArrayBufferLike) => boolean;
  /** The buffers that are to be freed, the oldest first, each with the round in which it was added. */
  readonly #rounds = new Map<ArrayBuffer, number>();
  #round = 0;

  /** `isInUse` returns true for buffers that must not be freed. */
  constructor(isInUse: (buffer: ArrayBufferLike) => boolean) {
    this.#isInUse = isInUse;
  }

  /** Adds a buffer that no request finds any more. It is freed soon, unless it is in use then. */
  add(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer)) return;
    this.#remove(buffer); // it may have come back to the cache and left again
    this.#rounds.set(buffer, this.#round);
    this.bytes += buffer.byteLength;
  }

  #remove(buffer: ArrayBuffer): void {
    if (this.#rounds.delete(buffer)) this.bytes -= buffer.byteLength;
  }

  /** Frees `buffer` now, unless it is in use. */
  free(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer) || buffer.detached) return;
    this.#remove(buffer);
    if (!this.#isInUse(buffer)) buffer.transfer(0);
  }

  /**
   * Frees what can be freed. To be called in each turn before requests are handled. `round` counts the rounds of Deno's
   * own loop. `isQuiet` is true if no promise is pending.
   */
  run(round: number, isQuiet: boolean): void {
    this.#round = round;
    if (this.#rounds.size === 0) return;
    for (const [buffer, since] of this.#rounds) {
      if (!isQuiet && round - since < ROUNDS) return;
      this.free(buffer);
    }
  }
}
