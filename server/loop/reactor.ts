/**
 * The event loop: waits for readiness, wakes ready sources, and lets Deno's own event loop run.
 *
 * A turn has two phases. In phase one every ready source receives. In phase two deferred sources do their work. Posted
 * tasks, expired deadlines and the closing of retired descriptors follow. Work after all receiving is newer than every
 * request of the turn, so one check between the phases holds for all of them (see `handlers/site/cache/file_cache.ts`).
 *
 * While there is traffic the wait is synchronous, because a call on another thread costs 37 µs more. Without an event
 * for some milliseconds, and at intervals under load, the loop parks on another thread, so that Deno's signals, timers
 * and promises run (docs/architecture.md: "The wait").
 * @module
 */
import { close } from "../../ffi/socket/socket.ts";
import { Deadlines } from "./deadlines.ts";
import { Deferred } from "./deferred.ts";
import {
  LATE_TURN_MS,
  MICROTASK_ROUNDS_MAX,
  PARKED_WAIT_MS_MAX,
  SUSPENDED_YIELD_INTERVAL_MS,
  SYNCHRONOUS_WAIT_MS,
  YIELD_INTERVAL_MS,
} from "../limits.ts";
import { Interrupted } from "./interrupted.ts";
import { Parking } from "./parking.ts";
import { CATCH_UP_WAIT_MS, Pause } from "./pause.ts";
import { Interest, type Poller, Readiness, ReadyList } from "./poller.ts";
import { type ErrorListener, Source } from "./source.ts";
import { TaskQueue } from "./task_queue.ts";
import type { Timer } from "./timer.ts";
import { nextTurn } from "./turns.ts";

/** The event loop of a server. */
export class Reactor {
  /** The time in whole milliseconds of a monotonic clock, read once a turn. */
  now: number = Math.trunc(performance.now());
  /** The same time with its fraction. */
  turnMs: number = this.now;
  /** The number of the current turn, unique among all reactors of the isolate. Changes before phase one. */
  turnNumber: number = nextTurn();
  /** The number of turns of this reactor. */
  turns = 0;
  /** Called between the phases. What it finds out is newer than every byte received in this turn. */
  betweenPhases: (tasks: { readonly rounds: number; readonly isQuiet: boolean }) => void = () => {};
  readonly #parking: Parking;
  readonly #poller: Poller;
  readonly #onError: ErrorListener;
  readonly #ready = new ReadyList();
  readonly #sources: (Source | null)[] = [];
  readonly #deadlines = new Deadlines<Source | Timer>();
  readonly #tasks: TaskQueue;
  readonly #deferred = new Deferred();
  readonly #interrupted = new Interrupted();
  #isBehind = false; // more sources may be ready than the poller has reported
  #pause: Pause | null = null; // null outside of `run`, which lets Deno's loop have its rounds
  #retired: Source[] = [];
  #stopped = false;

  /**
   * Creates a reactor that owns `poller`, and closes it at its end. `onError` is called for a callback that throws.
   * @throws {SystemError} when the eventfd cannot be created or watched; `poller` is closed then
   */
  constructor(poller: Poller, onError: ErrorListener = (error) => console.error(error)) {
    this.#poller = poller;
    this.#onError = onError;
    this.#tasks = TaskQueue.watchedBy((waker) => this.register(waker, Interest.READABLE), poller);
    this.#parking = new Parking(poller, this.#tasks);
  }

  /** True if this turn has taken so long that other sources should get their turn. Reads the clock. */
  get isLate(): boolean {
    return performance.now() - this.now > LATE_TURN_MS;
  }

  /** The trigger of the poller. With `"edge"`, {@linkcode rearm} rarely calls the kernel. */
  get trigger(): "level" | "edge" {
    return this.#poller.trigger;
  }

  /** Starts watching `fd` for `source`: 0, or −errno, which changes nothing. */
  register(source: Source, interest: Interest, fd: number = source.fd): number {
    const status = this.#poller.add(fd, interest);
    if (status < 0) return status;
    if (fd === source.fd) source.interest = interest;
    while (this.#sources.length <= fd) this.#sources.push(null);
    this.#sources[fd] = source;
    return 0;
  }

  /**
   * Changes the requested readiness of `source`, or registers it: 0 or −errno. Costs nothing if that is requested
   * already. With `"edge"` nothing is ever removed from the request, because each change is reported only once.
   */
  rearm(source: Source, interest: Interest): number {
    if (source.interest === interest || source.retired) return 0;
    if (source.interest === Interest.NONE && this.#sources[source.fd] !== source) {
      return this.register(source, interest);
    }
    const wanted = this.trigger === "edge" ? source.interest | interest : interest;
    if (wanted === source.interest) return 0;
    source.interest = wanted;
    return this.#poller.modify(source.fd, wanted);
  }

  /** Makes `source` receive the events of `fd`, which is already registered. The poller is not called. */
  handOver(fd: number, source: Source): void {
    this.#sources[fd] = source;
  }

  /** Calls `source.onTurn` in phase two of this turn, once, however often it is requested. For phase one only. */
  defer(source: Source): void {
    this.#deferred.add(source, this.turnNumber);
  }

  /** Calls `source.onReady(NONE)` in the next turn, which will not wait. For work that a budget has interrupted. */
  again(source: Source): void {
    if (!source.isQueued && !source.retired) this.#interrupted.add(source);
  }

  /** Calls `member.onDeadline` once `now` ≥ `deadlineMs`. Replaces the previous deadline; Infinity removes it. */
  expireAt(member: Source | Timer, deadlineMs: number): void {
    if (!member.retired) this.#deadlines.set(member, Math.ceil(deadlineMs)); // `now` is whole: else the loop would spin
  }

  /** Removes a deadline and its place, which `expireAt` would keep for the next one. */
  cancel(timer: Timer): void {
    this.#deadlines.remove(timer);
  }

  /**
   * Stops waking the source at once, and closes its descriptor at the end of the turn. Until then the kernel cannot
   * reuse the number, so no event of this turn reaches another source. With `closes` false it stays open for others.
   */
  retire(source: Source, closes = true): void {
    if (source.retired) return;
    source.retired = true;
    if (this.#sources[source.fd] === source) {
      this.#sources[source.fd] = null;
      this.#poller.remove(source.fd, closes && !source.isHeldElsewhere);
    }
    this.#deadlines.remove(source);
    if (closes) this.#retired.push(source);
  }

  /** Iterates over all registered sources that have a descriptor, except for the reactor's own. */
  *sources(): Generator<Source> {
    for (const source of this.#sources) {
      if (source !== null && source.fd >= 0 && source !== this.#tasks.waker) yield source;
    }
  }

  /** Returns the source that the events of `fd` reach; null for a descriptor that is not registered. */
  sourceAt(fd: number): Source | null {
    return this.#sources[fd] ?? null;
  }

  /** Calls `task` in the loop soon. May be called from any promise or timer. */
  post(task: () => void): void {
    this.#tasks.post(task);
  }

  /** True while the wait runs on another thread. Only {@linkcode post} may be called then. */
  get isParked(): boolean {
    return this.#tasks.isParked;
  }

  /** Counts a promise or coroutine that works outside of the loop (+1, −1). The loop does not block while there is any. */
  countPending(change: 1 | -1): void {
    this.#tasks.pending += change;
  }

  /**
   * Calls `settled` or `failed` in the loop after `promise` has settled, or `dropped` with its value if `source` is
   * retired by then. Until then the loop does not block, unless the returned function is called before.
   */
  suspend<T>(
    source: Source,
    promise: Promise<T>,
    settled: (value: T) => void,
    failed: (error: unknown) => void,
    dropped: (value: T) => void = () => {},
  ): () => void {
    return this.#tasks.suspend(source, promise, settled, failed, dropped, this.#fail);
  }

  /** Runs one turn that blocks for at most `timeoutMs` milliseconds. Returns the number of sources that were woken. */
  turn(timeoutMs: number): number {
    if (!this.#interrupted.leavesRoom()) return this.#dispatch(0, this.#isBehind); // the poller was not asked again
    // `now` is late by the length of the last turn. That is exact enough for a wait of a few milliseconds, and free.
    return this.#dispatch(this.#poller.wait(this.#ready, Math.min(timeoutMs, this.#patienceMs(this.now))));
  }

  /** Runs turns until {@linkcode stop}, then closes the reactor. */
  async run(): Promise<void> {
    const pause = this.#pause = new Pause();
    try {
      let yieldedMs = this.now;
      while (!this.#stopped) {
        const woken = this.turn(this.#tasks.pending > 0 ? 0 : SYNCHRONOUS_WAIT_MS); // a promise may wait for timers
        // Work that waited only for this turn continues now: a few rounds of microtasks are cheaper than parking.
        for (let round = 0; this.#tasks.pending > 0 && round < MICROTASK_ROUNDS_MAX; round++) await null;
        if (this.#stopped) break;
        const intervalMs = this.#tasks.pending > 0 ? SUSPENDED_YIELD_INTERVAL_MS : YIELD_INTERVAL_MS;
        if (this.#deadlines.nextMs() > this.now) pause.isCaughtUp = true; // what was late has come, or has more time
        const isOverdue = !pause.isCaughtUp || this.now - yieldedMs >= intervalMs;
        if (woken > 0 && !isOverdue) continue;
        let patienceMs = woken > 0 ? 0 : this.#patienceMs(performance.now());
        if (woken === 0 && !pause.isCaughtUp) patienceMs = CATCH_UP_WAIT_MS;
        if (patienceMs === 0 && !isOverdue) continue;
        this.#dispatch(await this.#parking.wait(this.#ready, patienceMs));
        yieldedMs = this.now;
      }
    } finally {
      this.close();
    }
  }

  /** Retires all sources and closes the poller. {@linkcode run} calls this at its end. */
  close(): void {
    for (const source of this.sources()) this.retire(source);
    this.#closeRetired();
    this.#poller.remove(this.#tasks.waker.fd, true);
    close(this.#tasks.waker.fd);
    this.#poller.close();
  }

  /** Sets whether a waiting loop keeps the process alive. Initially it does. */
  keepAlive(isRef: boolean): void {
    this.#parking.keepAlive(isRef);
  }

  /** Ends {@linkcode run} after the current turn. */
  stop(): void {
    this.#stopped = true;
    this.post(() => {});
  }

  /** Returns the longest wait in whole milliseconds: until the next deadline, and 0 if there is work to do. */
  #patienceMs(nowMs: number): number {
    if (this.#interrupted.length > 0 || !this.#tasks.isEmpty || this.#retired.length > 0) return 0;
    const untilMs = this.#deadlines.nextMs() - nowMs; // Infinity without a deadline
    return Math.min(Math.max(Math.ceil(untilMs), 0), PARKED_WAIT_MS_MAX);
  }

  #dispatch(count: number, isBehind: boolean = count === this.#ready.capacity): number {
    this.#isBehind = isBehind;
    this.now = Math.trunc(this.turnMs = performance.now());
    this.turnNumber = nextTurn();
    this.turns++;
    // Sources that a budget has interrupted come first: new clients must not take all receive slots.
    const interrupted = this.#interrupted.take();
    for (let i = 0; i < interrupted.length; i++) {
      const source = interrupted[i]!;
      source.isQueued = false;
      if (!source.retired) this.#wake(source, Readiness.NONE, source.fd);
    }
    const { fds, bits } = this.#ready;
    for (let i = 0; i < count; i++) {
      const source = this.#sources[fds[i]!];
      if (source === null || source === undefined) continue; // retired earlier in this turn
      this.#wake(source, bits[i]!, fds[i]!);
    }
    const woken = count + interrupted.length;
    try {
      this.betweenPhases(this.#tasks);
    } catch (error) {
      this.#fail(error, null);
    }
    this.#deferred.run(this.#fail);
    if (!this.#tasks.isEmpty) this.#tasks.run((error) => this.#fail(error, null));
    if (this.#deadlines.nextMs() <= this.now) this.#expireUnlessBehind(isBehind);
    if (this.#retired.length > 0) this.#closeRetired();
    return woken;
  }

  #wake(source: Source, readiness: Readiness, fd: number): void {
    try {
      source.onReady(readiness, fd);
    } catch (error) {
      this.#fail(error, source);
    }
  }

  /** Lets what has become ready come before what is late: in a turn that has not seen all of it, and after a pause. */
  #expireUnlessBehind(isBehind: boolean): void {
    const dueMs = this.#deadlines.nextMs();
    if (this.#pause?.holds(dueMs, this.now, this.#tasks.rounds)) return;
    if (this.#deadlines.isDue(this.now, isBehind)) this.#expire();
  }

  /** Calls `onDeadline` of expired members. Bounded, because a callback may set a deadline that has already passed. */
  #expire(): void {
    for (let left = this.#deadlines.size; left > 0; left--) {
      const member = this.#deadlines.expired(this.now);
      if (member === null) return;
      try {
        member.onDeadline();
      } catch (error) {
        this.#fail(error, member);
      }
    }
  }

  /** Handles a callback that threw: retires its source, unless that has no descriptor of its own. */
  readonly #fail = (error: unknown, failed: Source | Timer | null): void => {
    if (failed instanceof Source && failed.fd >= 0) this.retire(failed);
    this.#onError(error, failed instanceof Source ? failed : null);
  };

  #closeRetired(): void {
    for (const source of this.#retired.splice(0)) {
      close(source.fd);
      try {
        source.onClosed();
      } catch (error) {
        this.#onError(error, source);
      }
    }
  }
}
