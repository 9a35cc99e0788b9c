/**
 * The order in which the streams of a connection send.
 *
 * Source: RFC 9218 §10.
 * @module
 */

/** What the scheduler has to know of a stream. */
export interface Scheduled {
  readonly id: number;
  /** True if there is data, or an end, that its own window allows to send. */
  readonly isReady: boolean;
  /** True if there is data, for which the window of the connection is needed as well. */
  readonly isBlocked: boolean;
  readonly priority: {
    readonly urgency: number;
    readonly isIncremental: boolean;
    chosenIn: number;
  };
}

/**
 * Chooses streams: the most urgent first. Of the same urgency one goes after the other, in the order of the requests,
 * unless they are incremental; those take turns, a frame each. Where there are both, every other frame is for either kind, so
 * that neither keeps the other from the client.
 */
export class Scheduler<S extends Scheduled = Scheduled> {
  /** True if another stream may be next although the last one has more to send. */
  takesTurns = false;
  #turn = 0;
  #wasIncremental = true;
  /** The last choice and those behind it, while they go one after the other: the first is at the end. */
  readonly #line: S[] = [];

  /** Returns the stream that sends the next frame; null if none can. `hasWindow` tells whether the connection may send data. */
  next(streams: Iterable<S>, hasWindow: boolean): S | null {
    this.#line.length = 0;
    let whole: S | null = null; // the first of those that go one after the other
    let part: S | null = null; // the incremental one that has waited longest
    let urgency = Infinity;
    let incremental = 0;
    let last = 0;
    let isSorted = true;
    for (const stream of streams) {
      const { priority } = stream;
      if (priority.urgency > urgency || !stream.isReady || (!hasWindow && stream.isBlocked)) continue;
      if (priority.urgency < urgency) {
        urgency = priority.urgency;
        whole = part = null;
        incremental = last = this.#line.length = 0;
        isSorted = true;
      }
      if (!priority.isIncremental) {
        if (whole === null || stream.id < whole.id) whole = stream;
        isSorted &&= stream.id > last;
        last = stream.id;
        this.#line.push(stream);
      } else {
        incremental++;
        if (part === null || isBefore(stream, part)) part = stream;
      }
    }
    if (incremental > 0 || !isSorted) this.#line.length = 0;
    this.#line.reverse();
    this.takesTurns = incremental > 1 || (incremental === 1 && whole !== null);
    const isPart = part !== null && (whole === null || !this.#wasIncremental);
    const chosen = isPart ? part : whole;
    if (chosen === null) return null;
    this.#wasIncremental = isPart;
    chosen.priority.chosenIn = ++this.#turn;
    return chosen;
  }

  /**
   * Returns the stream that is next if nothing has arrived since the last choice, without a look at those that are less urgent or
   * later. Null if all have to be looked at.
   */
  following(hasWindow: boolean): S | null {
    const line = this.#line;
    for (; line.length > 0; line.pop()) {
      const stream = line[line.length - 1]!;
      if (stream.isReady && (hasWindow || !stream.isBlocked)) return stream;
    }
    return null;
  }

  /** Forgets the last choice. */
  forget(): void {
    this.#line.length = 0;
  }
}

/** True if the turn of `a`, which is incremental, is before that of `b`. */
function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.priority.chosenIn === b.priority.chosenIn
    ? a.id < b.id
    : a.priority.chosenIn < b.priority.chosenIn;
}
