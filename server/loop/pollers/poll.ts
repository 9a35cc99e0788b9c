/**
 * poll(2): an array of descriptors, which the kernel copies and scans at every call.
 * @module
 */
import { loadLibc } from "../../../ffi/libc/libc.ts";
import { poll, pollParked } from "../../../ffi/libc/multiplexers.ts";
import { POLLFD } from "../../../ffi/libc/structs.ts";
import { Interest, type Poller, type ReadyList } from "../poller.ts";
import { InterestTable } from "./interest_table.ts";
import { toEvents, toReadiness } from "./poll_mask.ts";

/** {@linkcode Poller} based on poll(2). NONE is a pollfd with descriptor −1, which the kernel skips. */
export class PollPoller implements Poller {
  readonly name = "poll";
  readonly trigger = "level";
  readonly #table = new InterestTable();
  #pollfds = new Uint8Array(64 * POLLFD.size);
  #words = new Int32Array(this.#pollfds.buffer);
  #halves = new Int16Array(this.#pollfds.buffer);
  #next = 0;

  /** @throws {Deno.errors.NotCapable} without --allow-ffi */
  constructor() {
    loadLibc();
  }

  add(fd: number, interest: Interest): number {
    const status = this.#table.add(fd, interest);
    if (status === 0) this.#write(this.#table.size - 1);
    return status;
  }

  modify(fd: number, interest: Interest): number {
    const status = this.#table.modify(fd, interest);
    if (status === 0) this.#write(this.#table.positionOf(fd));
    return status;
  }

  remove(fd: number): number {
    const position = this.#table.remove(fd);
    if (position < 0) return position;
    if (position < this.#table.size) this.#write(position);
    return 0;
  }

  wait(ready: ReadyList, timeoutMs: number): number {
    return this.#collect(ready, poll(this.#pollfds, this.#table.size, timeoutMs));
  }

  async park(ready: ReadyList, timeoutMs: number): Promise<number> {
    return this.#collect(ready, await pollParked(this.#pollfds, this.#table.size, timeoutMs));
  }

  close(): void {}

  #write(position: number): void {
    const { fds, interests } = this.#table;
    if ((position + 1) * POLLFD.size > this.#pollfds.length) {
      const larger = new Uint8Array(this.#pollfds.length * 2);
      larger.set(this.#pollfds);
      this.#pollfds = larger;
      this.#words = new Int32Array(larger.buffer);
      this.#halves = new Int16Array(larger.buffer);
    }
    const interest = interests[position]!;
    this.#words[position * 2] = interest === Interest.NONE ? -1 : fds[position]!;
    this.#halves[position * 4 + 2] = toEvents(interest);
    this.#halves[position * 4 + 3] = 0;
  }

  /** Continues where the last call ended, so that the first descriptors cannot starve the others. */
  #collect(ready: ReadyList, found: number): number {
    if (found <= 0) return 0; // EINTR, or ENOMEM, which may be temporary
    const { fds, size } = this.#table;
    let count = 0;
    for (let seen = 0; seen < size && count < found && count < ready.capacity; seen++) {
      if (this.#next >= size) this.#next = 0;
      const position = this.#next++;
      const revents = this.#halves[position * 4 + 3]!;
      if (revents === 0) continue;
      ready.fds[count] = fds[position]!;
      ready.bits[count] = toReadiness(revents);
      count++;
    }
    return count;
  }
}
