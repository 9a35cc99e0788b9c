/**
 * Sources that a budget has interrupted, or that got no memory to receive into. They continue in the next turn.
 * @module
 */
import { EVENTS_PER_TURN_MAX } from "../limits.ts";
import type { Source } from "./source.ts";

/** The queue of interrupted sources. */
export class Interrupted {
  #sources: Source[] = [];
  #spare: Source[] = [];
  #leftRoom = true;

  get length(): number {
    return this.#sources.length;
  }

  /** Adds a source that is not queued. */
  add(source: Source): void {
    source.isQueued = true;
    this.#sources.push(source);
  }

  /** Removes and returns all sources. The array is valid until the next call. */
  take(): readonly Source[] {
    const taken = this.#sources;
    this.#sources = this.#spare;
    this.#spare = taken;
    if (this.#sources.length > 0) this.#sources.length = 0; // emptying an empty array would allocate, too
    return taken;
  }

  /**
   * Returns true if the next turn should ask the poller. If many sources are queued it should not: those that are reported
   * would find no free receive slot, be queued, too, and from then on all would be woken in vain each turn. Never false twice
   * in a row. To be called once a turn.
   */
  leavesRoom(): boolean {
    return this.#leftRoom = !this.#leftRoom || this.#sources.length < EVENTS_PER_TURN_MAX / 2;
  }
}
