/**
 * Takes memory back from what a cache has let go of, where the runtime would wait for garbage: it does not look for any
 * before 64 MiB of buffers have come, or far more.
 *
 * A buffer's memory is freed by transferring it to nowhere. What still had it would see no bytes, never those of another:
 * an error here can cost an answer, but never mix two. A response that was made before its cache let go of it may
 * be on its way still: in the hands of this turn, or of promises that settle without waiting for anything, after which it
 * is sent, or held. So a buffer is freed when no promise is waited for, or when Deno's own loop has had three rounds since: in
 * the first the last of those promises may settle, in the second what they have posted is done.
 * @module
 */

/** Of Deno's own loop, until what has left a cache is in no answer's hands any more. */
const ROUNDS = 3;

/** Frees buffers that have left the cache. */
export class Reclaimer {
  /** Whether anything is: not where a program may keep responses for as long as it likes. */
  isOn = false;
  /** What is to be freed. */
  bytes = 0;
  readonly #isInUse: (buffer: ArrayBufferLike) => boolean;
  /** What is to be freed, the oldest first: since which round. */
  readonly #rounds = new Map<ArrayBuffer, number>();
  #round = 0;

  /** `isInUse` tells of buffers that must stay as they are. */
  constructor(isInUse: (buffer: ArrayBufferLike) => boolean) {
    this.#isInUse = isInUse;
  }

  /** No request finds `buffer` any more: it is freed soon, unless it is in use then. */
  add(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer)) return;
    this.#remove(buffer); // it has come back meanwhile
    this.#rounds.set(buffer, this.#round);
    this.bytes += buffer.byteLength;
  }

  #remove(buffer: ArrayBuffer): void {
    if (this.#rounds.delete(buffer)) this.bytes -= buffer.byteLength;
  }

  /** Frees `buffer` now, of which nothing else knows. */
  free(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer) || buffer.detached) return;
    this.#remove(buffer);
    if (!this.#isInUse(buffer)) buffer.transfer(0);
  }

  /**
   * To be called in each turn, before anything is answered. `round` counts those of Deno's own loop; `isQuiet`: no promise
   * of an answer is waited for.
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
