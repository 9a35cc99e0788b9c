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

/** See the module's comment. */
export class Reclaimer {
  /** Whether anything is: not where a program may keep responses for as long as it likes. */
  isOn = false;
  /** What is to be freed. */
  bytes = 0;
  readonly #isInUse: (buffer: ArrayBufferLike) => boolean;
  /** What came in the last rounds, the youngest first. */
  #lists: ArrayBuffer[][] = Array.from({ length: ROUNDS }, () => []);
  #isEmpty = true;
  #round = 0;

  /** `isInUse` tells of buffers that must stay as they are. */
  constructor(isInUse: (buffer: ArrayBufferLike) => boolean) {
    this.#isInUse = isInUse;
  }

  /** No request finds `buffer` any more: it is freed soon, unless it is in use then. */
  add(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer)) return;
    this.#lists[0]!.push(buffer);
    this.#isEmpty = false;
    this.bytes += buffer.byteLength;
  }

  /** Frees `buffer` now, of which nothing else knows. */
  free(buffer: ArrayBufferLike): void {
    if (!this.isOn || !(buffer instanceof ArrayBuffer) || buffer.detached || this.#isInUse(buffer)) return;
    buffer.transfer(0);
  }

  /**
   * To be called in each turn, before anything is answered. `round` counts those of Deno's own loop; `isQuiet`: no promise
   * of an answer is waited for.
   */
  run(round: number, isQuiet: boolean): void {
    const isNext = round !== this.#round;
    this.#round = round;
    if (this.#isEmpty || !(isQuiet || isNext)) return;
    const due = isQuiet ? this.#lists : this.#lists.splice(ROUNDS - 1);
    for (const buffer of due.flat()) this.free(buffer);
    this.#lists = isQuiet ? Array.from({ length: ROUNDS }, () => []) : [[], ...this.#lists];
    this.bytes = this.#lists.flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#isEmpty = this.#lists.every(({ length }) => length === 0);
  }
}
