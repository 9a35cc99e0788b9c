/**
 * Takes memory back from what a cache has let go of, where the runtime would wait for garbage: it does not look for any
 * before 64 MiB of buffers have come, or far more.
 *
 * A buffer's memory is freed by transferring it to nowhere. Who still had it would see no bytes, never those of another:
 * so that an error here can cost an answer, but never mix two. A response that was made before its cache let go of it may
 * be on its way still: in the hands of this turn, or of promises that settle without waiting for anything, after which it
 * is sent, or held. So a buffer is freed when no promise is waited for, or when Deno's own loop has had two rounds since.
 * @module
 */

/** See the module's comment. */
export class Reclaimer {
  /** Whether anything is: not where a program may keep responses for as long as it likes. */
  isOn = false;
  /** What is to be freed. */
  bytes = 0;
  readonly #isInUse: (buffer: ArrayBufferLike) => boolean;
  /** What came since the last round. */
  #fresh: ArrayBuffer[] = [];
  /** What came between the last two. */
  #aged: ArrayBuffer[] = [];
  #round = 0;

  /** `isInUse` tells of buffers that must stay as they are. */
  constructor(isInUse: (buffer: ArrayBufferLike) => boolean) {
    this.#isInUse = isInUse;
  }

  /** Nobody finds `buffer` any more; it is freed soon, unless it is in use then. */
  add(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer)) return;
    this.#fresh.push(buffer);
    this.bytes += buffer.byteLength;
  }

  /** Frees `buffer` now, of which nobody else knows. */
  free(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer) || buffer.detached || this.#isInUse(buffer)) return;
    buffer.transfer(0);
  }

  /**
   * To be called in each turn, before anything is answered. `round` counts those of Deno's own loop; `isQuiet`: no promise
   * of an answer is waited for.
   */
  run(round: number, isQuiet: boolean): void {
    if (this.#fresh.length === 0 && this.#aged.length === 0) return;
    if (!isQuiet && round === this.#round) return;
    this.#round = round;
    const due = this.#aged;
    this.#aged = this.#fresh;
    this.#fresh = [];
    this.#freeAll(due);
    if (isQuiet) {
      this.#freeAll(this.#aged);
      this.#aged = [];
    }
    this.bytes = this.#aged.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  #freeAll(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) this.free(buffer);
  }
}
