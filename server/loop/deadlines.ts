/**
 * Deadlines of many sources: a binary heap that is touched only when it must be.
 *
 * Moving a deadline later, which every request does, writes one number; the heap learns of it when the old
 * deadline comes up. Moving one earlier, or setting the first, costs O(log n).
 * @module
 */
import { CATCH_UP_MS_MAX } from "../limits.ts";

/** What a heap of deadlines keeps in its members. */
export interface Expiring {
  /** The instant (ms, the reactor's clock) at which it expires; Infinity: never. */
  deadlineMs: number;
  /** The instant under which the heap holds it; never later than `deadlineMs`. Kept by {@linkcode Deadlines}. */
  heapMs: number;
  /** Its place in the heap, −1 when it is not there. Kept by {@linkcode Deadlines}. */
  heapIndex: number;
}

/** The earliest first. */
export class Deadlines<T extends Expiring> {
  readonly #heap: T[] = [];
  #behindSinceMs = Infinity;

  get size(): number {
    return this.#heap.length;
  }

  /** Sets the deadline of `member`; Infinity takes it away. */
  set(member: T, deadlineMs: number): void {
    if (Number.isNaN(deadlineMs)) deadlineMs = Infinity; // which no comparison would ever find
    member.deadlineMs = deadlineMs;
    if (member.heapIndex < 0) {
      if (deadlineMs === Infinity) return;
      member.heapMs = deadlineMs;
      member.heapIndex = this.#heap.length;
      this.#heap.push(member);
      this.#rise(member.heapIndex);
    } else if (deadlineMs < member.heapMs) {
      member.heapMs = deadlineMs;
      this.#rise(member.heapIndex);
    }
  }

  /** Forgets `member`. */
  remove(member: T): void {
    const index = member.heapIndex;
    member.deadlineMs = Infinity;
    if (index < 0) return;
    member.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last === member) return;
    this.#heap[index] = last;
    last.heapIndex = index;
    this.#rise(index);
    this.#sink(last.heapIndex);
  }

  /** The earliest instant at which something may have expired; Infinity when nothing will. */
  nextMs(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0]!.heapMs;
  }

  /**
   * True when something may have expired. After a pause (a stopped process, a suspended machine) more may be ready than
   * one turn takes (`isBehind`): those get their turn before they are called late, but not for ever.
   */
  isDue(nowMs: number, isBehind: boolean): boolean {
    if (this.nextMs() > nowMs) return false;
    if (!isBehind || nowMs - this.#behindSinceMs > CATCH_UP_MS_MAX) {
      this.#behindSinceMs = Infinity;
      return true;
    }
    if (this.#behindSinceMs === Infinity) this.#behindSinceMs = nowMs;
    return false;
  }

  /** Takes out one member whose deadline is ≤ `nowMs`, or null. */
  expired(nowMs: number): T | null {
    while (this.#heap.length > 0) {
      const first = this.#heap[0]!;
      if (first.heapMs > nowMs) return null;
      if (first.deadlineMs <= nowMs) {
        this.remove(first);
        return first;
      }
      if (first.deadlineMs === Infinity) {
        this.remove(first);
      } else { // it was moved later since
        first.heapMs = first.deadlineMs;
        this.#sink(0);
      }
    }
    return null;
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const member = heap[from]!;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.heapMs <= member.heapMs) break;
      heap[index] = heap[parent]!;
      heap[index]!.heapIndex = index;
      index = parent;
    }
    heap[index] = member;
    member.heapIndex = index;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const member = heap[from]!;
    let index = from;
    while (true) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.heapMs < heap[child]!.heapMs) child++;
      if (member.heapMs <= heap[child]!.heapMs) break;
      heap[index] = heap[child]!;
      heap[index]!.heapIndex = index;
      index = child;
    }
    heap[index] = member;
    member.heapIndex = index;
  }
}
