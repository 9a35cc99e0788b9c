/**
 * No multiplexer: every descriptor is said to be ready for whatever was asked, so that the loop tries each in turn.
 * It never sleeps, and burns a processor doing so: that is what the other four are for.
 * @module
 */
import { loadLibc } from "../../../ffi/libc/libc.ts";
import type { Interest, Poller, ReadyList } from "../poller.ts";
import { InterestTable } from "./interest_table.ts";

/** {@linkcode Poller} without any system call. */
export class NaivePoller implements Poller {
  readonly name = "naive";
  readonly trigger = "level";
  readonly #table = new InterestTable();
  #next = 0;

  constructor() {
    loadLibc(); // the table asks the kernel whether a descriptor is open
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

  /** Never blocks. With more descriptors than fit, the next call goes on where this one ended. */
  wait(ready: ReadyList, _timeoutMs: number): number {
    const { fds, interests, size } = this.#table;
    let count = 0;
    for (let seen = 0; seen < size && count < ready.capacity; seen++) {
      if (this.#next >= size) this.#next = 0;
      const position = this.#next++;
      if (interests[position] === 0) continue;
      ready.fds[count] = fds[position]!;
      ready.bits[count] = interests[position]!; // each bit of Interest is the same in Readiness
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
