/**
 * No multiplexer: every descriptor is reported as ready for whatever was requested, so the loop tries each of them. It
 * never sleeps and takes a whole processor, which shows the purpose of the other four.
 * @module
 */
import { loadLibc } from "../../../ffi/libc/libc.ts";
import type { Interest, Poller, ReadyList } from "../poller.ts";
import { InterestTable } from "./interest_table.ts";

/** {@linkcode Poller} without a multiplexer. */
export class NaivePoller implements Poller {
  readonly name = "naive";
  readonly trigger = "level";
  readonly #table = new InterestTable();
  #next = 0;

  constructor() {
    loadLibc(); // `InterestTable.add` calls fcntl(2)
  }

  add(fd: number, interest: Interest): number {
    return this.#table.add(fd, interest);
  }

  modify(fd: number, interest: Interest): number {
    return this.#table.modify(fd, interest);
  }

  remove(fd: number): number {
    return Math.min(this.#table.remove(fd), 0);
  }

  /** Returns at once. If not all descriptors fit, the next call continues where this one ended. */
  wait(ready: ReadyList, _timeoutMs: number): number {
    const { fds, interests, size } = this.#table;
    let count = 0;
    for (let seen = 0; seen < size && count < ready.capacity; seen++) {
      if (this.#next >= size) this.#next = 0;
      const position = this.#next++;
      if (interests[position] === 0) continue;
      ready.fds[count] = fds[position]!;
      ready.bits[count] = interests[position]!; // the bits of Interest have the same values in Readiness
      count++;
    }
    return count;
  }

  park(ready: ReadyList, timeoutMs: number): Promise<number> {
    return new Promise((resolve) =>
      setTimeout(() => resolve(this.wait(ready, timeoutMs)), Math.min(timeoutMs, 1))
    );
  }

  close(): void {}
}
