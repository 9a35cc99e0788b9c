/**
 * What one connection of the lesson goes through: its turns, the calls in each, and the state in which each ends.
 * @module
 */

/** The turns that are kept until they are shown, at the beginning and at the end. */
const TURNS_KEPT_MAX = 12;
/** Where turns are left out: before the turn with this index. */
export const LEFT_OUT_AT: number = TURNS_KEPT_MAX / 2;
/** The calls of a turn that are kept. */
const CALLS_KEPT_MAX = 10;

/** What happens to a connection in one turn of the loop. */
export interface Turn {
  /** When it begins, in milliseconds after the connection was accepted. */
  readonly atMs: number;
  /** The wait that it follows, such as `epoll_wait = 1`; null if the client was accepted in it, or the poller never waits. */
  readonly wait: string | null;
  /** The calls, such as `recv = 79`. */
  readonly calls: string[];
  /** The state in which it ends; null while that is not known. */
  state: string | null;
  /** The number of turns in a row that are alike. */
  times: number;
}

/** The story of one connection. Instants are those of `performance.now()`. */
export class Story {
  /** The number of the connection in this step, from 1 on. */
  readonly number: number;
  readonly fd: number;
  /** The turns that were not shown yet. */
  turns: Turn[] = [];
  /** True once a part of it was shown. */
  isContinued = false;
  /** How many turns are left out before the one at {@linkcode LEFT_OUT_AT}. */
  leftOut = 0;
  /** Milliseconds for which the connection waited in each state. */
  readonly waitedMs: Map<string, number> = new Map();
  /** The states that it was in, also without waiting. */
  readonly passed: Set<string> = new Set(["accepted"]);
  /** When something last happened: bytes came or went, or the state changed. */
  eventMs: number;
  /** When the first of what is not shown happened; Infinity without anything. */
  unshownMs = Infinity;
  readonly #startMs: number;
  #last: Turn | null = null;
  #lastMs: number;
  #turnNumber = -1;
  /** The state before the latest turn. */
  #stateBefore = "accepted";

  constructor(number: number, fd: number, nowMs: number) {
    this.number = number;
    this.fd = fd;
    this.#startMs = this.#lastMs = this.eventMs = nowMs;
  }

  /** True once its descriptor is closed. */
  get isClosed(): boolean {
    return this.passed.has("closed");
  }

  /** True if the response of a request was sent, or a part of it. */
  get wasAnswered(): boolean {
    return this.passed.has("writing");
  }

  /** The state in which it is. Null while that is not known. */
  get state(): string | null {
    return this.#last?.state ?? null;
  }

  /** Adds a call to the turn `turnNumber`, which begins with it if it is the first one. */
  add(call: string, isEvent: boolean, wait: string | null, turnNumber: number, nowMs: number): void {
    if (turnNumber !== this.#turnNumber || this.turns.length === 0) this.#begin(wait, turnNumber, nowMs);
    const { calls } = this.#last!;
    if (calls.length < CALLS_KEPT_MAX) calls.push(call);
    else calls[CALLS_KEPT_MAX - 1] = "…";
    this.#lastMs = nowMs;
    if (isEvent) this.#happened(nowMs);
  }

  /** True if the latest turn is `turnNumber`. */
  isIn(turnNumber: number): boolean {
    return turnNumber === this.#turnNumber;
  }

  /** Sets the state in which the latest turn ends. */
  end(state: string, nowMs: number): void {
    if (this.#last === null) return;
    this.#last.state = state;
    this.passed.add(state);
    if (state !== this.#stateBefore) this.#happened(nowMs);
  }

  #happened(nowMs: number): void {
    this.eventMs = nowMs;
    this.unshownMs = Math.min(this.unshownMs, nowMs);
  }

  #begin(wait: string | null, turnNumber: number, nowMs: number): void {
    const last = this.#last;
    if (last !== null && last.state !== null) {
      this.#stateBefore = last.state;
      this.waitedMs.set(last.state, (this.waitedMs.get(last.state) ?? 0) + nowMs - this.#lastMs);
    }
    this.#turnNumber = turnNumber;
    this.#last = { atMs: nowMs - this.#startMs, wait, calls: [], state: null, times: 1 };
    this.#fold();
    this.turns.push(this.#last);
  }

  /** Makes one of the last two turns if they are alike, and leaves out one in the middle if there are too many. */
  #fold(): void {
    const [before, last] = this.turns.slice(-2);
    if (before !== undefined && last !== undefined && areAlike(before, last)) {
      before.times += last.times;
      this.turns.pop();
    }
    if (this.turns.length < TURNS_KEPT_MAX) return;
    const [left] = this.turns.splice(LEFT_OUT_AT, 1);
    this.leftOut += left!.times;
  }

  /** Forgets the turns, which were shown. */
  clear(): void {
    this.turns = [];
    this.leftOut = 0;
    this.isContinued = true;
    this.unshownMs = Infinity;
  }
}

function areAlike(one: Turn, other: Turn): boolean {
  return one.state === other.state && one.wait === other.wait && one.calls.join() === other.calls.join();
}
