/**
 * Deadlines of many sources, in a binary heap that is rarely touched.
 *
 * Every request moves a deadline later. That writes one number, and the heap is corrected when the old deadline comes
 * up. Setting a first deadline, or moving one earlier, costs O(log n).
 * @module
 */
import { CATCH_UP_MS_MAX } from "../limits.ts";

/** The fields that a heap of deadlines needs in its members. */
export interface Expiring {
  /** The instant at which the member expires, in milliseconds of the reactor's clock; Infinity: never. */
  deadlineMs: number;
  /**
   * The instant by which the heap sorts the member; never later than `deadlineMs`. Maintained by {@linkcode Deadlines}.
   */
  heapMs: number;
  /** The member's index in the heap, −1 if it is not in the heap. Maintained by {@linkcode Deadlines}. */
  heapIndex: number;
}

/** A heap of deadlines, the earliest first. */
export class Deadlines<T extends Expiring> {
  readonly #heap: T[] = [];
  #behindSinceMs = Infinity;

  get size(): number {
    return this.#heap.length;
  }

  /** Sets the deadline of `member`; Infinity removes it. */
  set(member: T, deadlineMs: number): void {
    if (Number.isNaN(deadlineMs)) deadlineMs = Infinity; // no comparison with NaN is true, so it would never expire
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

  /** Removes `member` from the heap. */
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

  /** Returns the earliest instant at which a member may expire; Infinity if there is none. */
  nextMs(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0]!.heapMs;
  }

  /**
   * Returns true if a member may have expired. After a pause (a stopped process, a suspended machine) more sources may
   * be ready than fit in one turn (`isBehind`). Then sources get a chance to run before they are declared late, for at
   * most CATCH_UP_MS_MAX.
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

  /** Removes and returns one member whose deadline is ≤ `nowMs`; null if there is none. */
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
      } else { // the deadline was moved later meanwhile
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
