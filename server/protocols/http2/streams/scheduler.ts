/**
 * The order in which the streams of a connection send.
 *
 * Source: RFC 9218 §10.
 * @module
 */
import { FINISHED_BYTES, WHOLE_FIRST_BYTES } from "../../../http2_limits.ts";

/** What the scheduler has to know of a stream. */
export interface Scheduled {
  readonly id: number;
  /** True if there is data, or an end, that its own window allows to send. */
  readonly isReady: boolean;
  /** True if there is data, for which the window of the connection is needed as well. */
  readonly isBlocked: boolean;
  /** The bytes of its body that were sent. */
  readonly sentBytes: number;
  readonly priority: {
    readonly urgency: number;
    readonly isIncremental: boolean;
    chosenIn: number;
  };
  /** Returns true if more than `bytes` wait to be sent. */
  hasMoreThan(bytes: number): boolean;
}

/**
 * Chooses streams: the most urgent first. Of the same urgency one goes after the other, in the order of the requests,
 * unless they are incremental; those take turns, a frame each.
 *
 * Where there are both, a stream that is not incremental goes first, because the client can use nothing of it before its end.
 * Every other frame is for the incremental streams once it has sent {@linkcode WHOLE_FIRST_BYTES}, so that neither kind keeps the
 * other from the client. Before that, every other frame is for an incremental stream that is older and almost at its end: it
 * gets {@linkcode FINISHED_BYTES} at most.
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
    let ending: S | null = null; // the first incremental one that is almost at its end
    let urgency = Infinity;
    let incremental = 0;
    let last = 0;
    let isSorted = true;
    for (const stream of streams) {
      const { priority } = stream;
      if (priority.urgency > urgency || !stream.isReady || (!hasWindow && stream.isBlocked)) continue;
      if (priority.urgency < urgency) {
        urgency = priority.urgency;
        whole = part = ending = null;
        incremental = last = this.#line.length = 0;
        isSorted = true;
      }
      if (!priority.isIncremental) {
        if (whole === null || stream.id < whole.id) whole = stream;
        isSorted &&= stream.id > last;
        last = stream.id;
        this.#line.push(stream);
        continue;
      }
      incremental++;
      if (part === null || isBefore(stream, part)) part = stream;
      if ((ending === null || stream.id < ending.id) && !stream.hasMoreThan(FINISHED_BYTES)) ending = stream;
    }
    if (incremental > 0 || !isSorted) this.#line.length = 0;
    this.#line.reverse();
    this.takesTurns = incremental > 1 || (incremental === 1 && whole !== null);
    if (whole !== null && whole.sentBytes < WHOLE_FIRST_BYTES) {
      part = ending !== null && ending.id < whole.id ? ending : null;
    }
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
