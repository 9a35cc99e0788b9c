/**
 * The loop: waits for readiness, wakes the sources that have some, and gives Deno's own event loop its share.
 *
 * One turn: phase one, every ready source receives; phase two, those that deferred do their work; then posted
 * tasks, expired deadlines, and the closing of what was retired. Two phases because work done after all receiving
 * can vouch for every request of the batch at once (see `handlers/site/cache/file_cache.ts`).
 *
 * The wait: synchronous while there is traffic, since a call on another thread costs 37 µs more; parked on another
 * thread when a few milliseconds brought nothing, so that Deno's signals, timers and promises run. Under unbroken
 * load the loop parks for no time at all now and then, to the same end (docs/architecture.md: "The wait").
 * @module
 */
import { close } from "../../ffi/socket/socket.ts";
import { Deadlines } from "./deadlines.ts";
import {
  LATE_TURN_MS,
  MICROTASK_ROUNDS_MAX,
  PARKED_WAIT_MS_MAX,
  SUSPENDED_YIELD_INTERVAL_MS,
  SYNCHRONOUS_WAIT_MS,
  YIELD_INTERVAL_MS,
} from "../limits.ts";
import { Parking } from "./parking.ts";
import { Interest, type Poller, Readiness, ReadyList } from "./poller.ts";
import type { ErrorListener, Source } from "./source.ts";
import { TaskQueue } from "./task_queue.ts";
import { nextTurn } from "./turns.ts";

/** The event loop. */
export class Reactor {
  /** Milliseconds of a clock that never jumps, read once a turn. */
  now: number = Math.trunc(performance.now());
  /** The same, with its fraction. */
  turnMs: number = this.now;
  /** The number of the current turn, which no other turn of any reactor has; it changes before phase one. */
  turnNumber: number = nextTurn();
  /** Turns that this reactor has had. */
  turns = 0;
  /** Called between the phases: whatever it finds out is newer than every byte received in this batch. */
  betweenPhases: (tasks: { readonly rounds: number; readonly isQuiet: boolean }) => void = () => {};
  readonly #parking: Parking;
  readonly #poller: Poller;
  readonly #onError: ErrorListener;
  readonly #ready = new ReadyList();
  readonly #sources: (Source | null)[] = [];
  readonly #deadlines = new Deadlines<Source>();
  readonly #tasks: TaskQueue;
  // A list that is emptied by its length would be allocated anew each turn: this one only counts.
  readonly #deferred: (Source | null)[] = [];
  #deferredCount = 0;
  #again: Source[] = [];
  #againNext: Source[] = [];
  #retired: Source[] = [];
  #stopped = false;

  /** The reactor owns `poller`, and closes it with itself. @throws {SystemError} when it cannot be woken; it is closed. */
  constructor(poller: Poller, onError: ErrorListener = (error) => console.error(error)) {
    this.#poller = poller;
    this.#onError = onError;
    this.#tasks = TaskQueue.watchedBy((waker) => this.register(waker, Interest.READABLE), poller);
    this.#parking = new Parking(poller, this.#tasks);
  }

  /** This turn has taken long: others wait. A look at the clock. */
  get isLate(): boolean {
    return performance.now() - this.now > LATE_TURN_MS;
  }

  /** `"edge"`: every change is told once, so that {@linkcode rearm} has little to do. */
  get trigger(): "level" | "edge" {
    return this.#poller.trigger;
  }

  /** Watches `fd` for a source: 0, or −errno, and then nothing has changed. */
  register(source: Source, interest: Interest, fd: number = source.fd): number {
    const status = this.#poller.add(fd, interest);
    if (status < 0) return status;
    if (fd === source.fd) source.interest = interest;
    while (this.#sources.length <= fd) this.#sources.push(null);
    this.#sources[fd] = source;
    return 0;
  }

  /**
   * Changes what the poller is asked, and tells it of a source that it does not know yet; costs nothing when that is
   * asked already. An edge is told once, whatever was asked: there nothing is ever taken back. 0 or −errno.
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

  /** From now on `source` is woken for `fd`, which is registered; the poller is not asked. */
  handOver(fd: number, source: Source): void {
    this.#sources[fd] = source;
  }

  /** Runs `source.onTurn` in phase two of this turn; once, however often it is asked. For phase one only. */
  defer(source: Source): void {
    if (source.deferredInTurn === this.turnNumber) return;
    source.deferredInTurn = this.turnNumber;
    this.#deferred[this.#deferredCount++] = source;
  }

  /** Calls `source.onReady(NONE)` in the next turn, which will not wait: for work that a budget cut short. */
  again(source: Source): void {
    if (source.isQueued || source.retired) return;
    source.isQueued = true;
    this.#again.push(source);
  }

  /** Calls `source.onDeadline` once `now` ≥ `deadlineMs`; replaces the source's last deadline. Infinity: none. */
  expireAt(source: Source, deadlineMs: number): void {
    // In whole milliseconds, as `now`: between a fraction and the next whole one the loop would spin.
    if (!source.retired) this.#deadlines.set(source, Math.ceil(deadlineMs));
  }

  /**
   * Stops waking the source at once, and closes its descriptor at the end of the turn: until then the kernel cannot
   * give the number to another, which an event of this turn would reach. Unless it `closes`, that stays open for others.
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

  /** Every source with a descriptor of its own that is registered, but for the reactor's. */
  *sources(): Generator<Source> {
    for (const source of this.#sources) {
      if (source !== null && source.fd >= 0 && source !== this.#tasks.waker) yield source;
    }
  }

  /** Runs `task` in the loop, soon; callable from any promise or timer. */
  post(task: () => void): void {
    this.#tasks.post(task);
  }

  /** True while the wait runs on another thread: then nothing but {@linkcode post} may be called. */
  get isParked(): boolean {
    return this.#tasks.isParked;
  }

  /** One more (+1) or one less (−1) promise or coroutine is at work outside of the loop, which must not block it. */
  countPending(change: 1 | -1): void {
    this.#tasks.pending += change;
  }

  /**
   * Runs `settled` or `failed` in the loop when `promise` is settled; `dropped` instead of `settled` once `source` is
   * retired. Until then the loop does not block, or until the function that is returned says that nobody waits for it.
   */
  suspend<T>(
    source: Source,
    promise: Promise<T>,
    settled: (value: T) => void,
    failed: (error: unknown) => void,
    dropped: (value: T) => void = () => {},
  ): () => void {
    const release = this.#tasks.hold();
    const resume = (task: () => void, otherwise: () => void) => {
      release();
      this.post(() => {
        try {
          if (source.retired) otherwise();
          else task();
        } catch (error) {
          this.#fail(error, source);
        }
      });
    };
    promise.then(
      (value) => resume(() => settled(value), () => dropped(value)),
      (error: unknown) => resume(() => failed(error), () => {}),
    );
    return release;
  }

  /** One turn that blocks for at most `timeoutMs`; returns how many sources were woken. */
  turn(timeoutMs: number): number {
    // `now` is as old as the last turn was long: good enough for a wait of a few milliseconds, and free.
    return this.#dispatch(this.#poller.wait(this.#ready, Math.min(timeoutMs, this.#patienceMs(this.now))));
  }

  /** Turns until {@linkcode stop}, then closes everything. */
  async run(): Promise<void> {
    try {
      let yieldedMs = this.now;
      while (!this.#stopped) {
        // With a promise pending, blocking here would block what it waits for.
        const woken = this.turn(this.#tasks.pending > 0 ? 0 : SYNCHRONOUS_WAIT_MS);
        // What waited for nothing but this turn goes on now: a few rounds are cheaper than parking.
        for (let round = 0; this.#tasks.pending > 0 && round < MICROTASK_ROUNDS_MAX; round++) await null;
        if (this.#stopped) break;
        const intervalMs = this.#tasks.pending > 0 ? SUSPENDED_YIELD_INTERVAL_MS : YIELD_INTERVAL_MS;
        const isOverdue = this.now - yieldedMs >= intervalMs;
        if (woken > 0 && !isOverdue) continue;
        const patienceMs = woken > 0 ? 0 : this.#patienceMs(performance.now());
        if (patienceMs === 0 && !isOverdue) continue;
        this.#dispatch(await this.#parking.wait(this.#ready, patienceMs));
        yieldedMs = this.now;
      }
    } finally {
      this.close();
    }
  }

  /** Retires all sources and closes the poller; {@linkcode run} ends with it. */
  close(): void {
    for (const source of this.sources()) this.retire(source);
    this.#closeRetired();
    this.#poller.remove(this.#tasks.waker.fd, true);
    close(this.#tasks.waker.fd);
    this.#poller.close();
  }

  /** Whether a loop that waits keeps its process alive, as it does to begin with. */
  keepAlive(isRef: boolean): void {
    this.#parking.keepAlive(isRef);
  }

  /** Ends {@linkcode run} after the current turn. */
  stop(): void {
    this.#stopped = true;
    this.post(() => {});
  }

  /** How long a wait may last, in whole milliseconds: until the next deadline, and not at all when work waits. */
  #patienceMs(nowMs: number): number {
    if (this.#again.length > 0 || !this.#tasks.isEmpty || this.#retired.length > 0) return 0;
    const untilMs = this.#deadlines.nextMs() - nowMs; // Infinity where there is none
    return Math.min(Math.max(Math.ceil(untilMs), 0), PARKED_WAIT_MS_MAX);
  }

  #dispatch(count: number): number {
    this.now = Math.trunc(this.turnMs = performance.now());
    this.turnNumber = nextTurn();
    this.turns++;
    // Those that a budget cut short come first: what they need (receive slots) must not all go to newcomers.
    const again = this.#again;
    this.#again = this.#againNext;
    this.#againNext = again;
    for (let i = 0; i < again.length; i++) {
      again[i]!.isQueued = false;
      if (!again[i]!.retired) this.#wake(again[i]!, Readiness.NONE, again[i]!.fd);
    }
    const { fds, bits } = this.#ready;
    for (let i = 0; i < count; i++) {
      const source = this.#sources[fds[i]!];
      if (source === null || source === undefined) continue; // retired earlier in this batch
      this.#wake(source, bits[i]!, fds[i]!);
    }
    const woken = count + again.length;
    if (again.length > 0) again.length = 0; // even to empty an empty list costs an allocation
    try {
      this.betweenPhases(this.#tasks);
    } catch (error) {
      this.#fail(error, null);
    }
    this.#phaseTwo();
    if (!this.#tasks.isEmpty) this.#tasks.run((error) => this.#fail(error, null));
    if (this.#deadlines.isDue(this.now, count === this.#ready.capacity)) this.#expire();
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

  #phaseTwo(): void {
    const deferred = this.#deferred;
    for (let i = 0; i < this.#deferredCount; i++) {
      const source = deferred[i]!;
      deferred[i] = null;
      if (source.retired) continue;
      try {
        source.onTurn();
      } catch (error) {
        this.#fail(error, source);
      }
    }
    this.#deferredCount = 0;
  }

  /** Bounded, since a callback may set a deadline that has passed already. */
  #expire(): void {
    for (let left = this.#deadlines.size; left > 0; left--) {
      const source = this.#deadlines.expired(this.now);
      if (source === null) return;
      try {
        source.onDeadline();
      } catch (error) {
        this.#fail(error, source);
      }
    }
  }

  /** A callback that throws costs its own source only; one that stands for many descriptors goes on. */
  #fail(error: unknown, source: Source | null): void {
    if (source !== null && source.fd >= 0) this.retire(source);
    this.#onError(error, source);
  }

  #closeRetired(): void {
    const retired = this.#retired;
    this.#retired = [];
    for (const source of retired) {
      close(source.fd);
      try {
        source.onClosed();
      } catch (error) {
        this.#onError(error, source);
      }
    }
  }
}
