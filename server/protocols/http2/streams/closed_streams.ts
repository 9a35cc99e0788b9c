/**
 * What is remembered of streams that are closed, or were never opened. It decides what a frame on one of them means.
 *
 * Source: RFC 9113 §5.1 ("closed"), §5.1.1 and §5.4.2.
 * @module
 */

/** Streams that were reset, and gaps between the numbers of streams. Older ones are forgotten. */
const RESET_MAX = 256;
const GAPS_MAX = 16;

/**
 * How a stream was closed. After "reset-here" the client may not know yet, or was told already: what it sends is dropped.
 * "ended" is also said of those that are forgotten.
 */
export type Closing = "ended" | "reset-here" | "reset-by-client" | "never-opened";

/** The closed streams of one connection. Its memory is made with the first of them. */
export class ClosedStreams {
  /** The numbers of streams that were reset; of those that the client has reset, negated. */
  #reset: Int32Array | null = null;
  #resets = 0;
  /** First and last number of each gap. */
  #gaps: Int32Array | null = null;
  #gapCount = 0;

  /** Notes that this side, or the client, has reset a stream. */
  noteReset(id: number, isByClient: boolean): void {
    this.#reset ??= new Int32Array(RESET_MAX);
    this.#reset[this.#resets++ % RESET_MAX] = isByClient ? -id : id;
  }

  /** Notes that the client has skipped the streams from `first` to `last`, which closes them (§5.1.1). */
  noteGap(first: number, last: number): void {
    this.#gaps ??= new Int32Array(GAPS_MAX * 2);
    this.#gaps.set([first, last], (this.#gapCount++ % GAPS_MAX) * 2);
  }

  /** Returns how a stream was closed that is neither idle nor open. */
  closingOf(id: number): Closing {
    if (this.#reset?.includes(id)) return "reset-here";
    if (this.#reset?.includes(-id)) return "reset-by-client";
    const gaps = this.#gaps;
    for (let i = 0; gaps !== null && i < gaps.length; i += 2) {
      if (id >= gaps[i]! && id <= gaps[i + 1]!) return "never-opened";
    }
    return "ended";
  }
}
