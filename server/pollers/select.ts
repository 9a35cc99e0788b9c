/**
 * select(2): two sets of bits, copied into the kernel and back, scanned at every call, at most 1024 descriptors.
 * @module
 */
import { FD_SETSIZE } from "../../ffi/constants.ts";
import { EBADF, EINVAL } from "../../ffi/errno.ts";
import { loadLibc } from "../../ffi/libc.ts";
import { isOpen, select, selectParked } from "../../ffi/multiplexers.ts";
import { Interest, type Poller, Readiness, type ReadyList } from "../poller.ts";
import { InterestTable } from "./interest_table.ts";

const WORDS = FD_SETSIZE / 32;

/** An fd_set: 1024 bits. The kernel changes it, so a wait gets a copy of what was asked. */
class DescriptorSet {
  readonly bytes = new Uint8Array(FD_SETSIZE / 8);
  readonly words = new Uint32Array(this.bytes.buffer);

  put(fd: number, present: boolean): void {
    if (present) this.words[fd >> 5] |= 1 << (fd & 31);
    else this.words[fd >> 5] &= ~(1 << (fd & 31));
  }

  has(fd: number): boolean {
    return (this.words[fd >> 5] & (1 << (fd & 31))) !== 0;
  }
}

/** {@linkcode Poller} over select(2). A descriptor ≥ FD_SETSIZE is refused: it would be written outside the set. */
export class SelectPoller implements Poller {
  readonly name = "select";
  readonly trigger = "level";
  readonly #table = new InterestTable();
  readonly #askedReadable = new DescriptorSet();
  readonly #askedWritable = new DescriptorSet();
  readonly #readable = new DescriptorSet();
  readonly #writable = new DescriptorSet();
  #highest = -1;
  #next = 0;

  /** @throws {Deno.errors.NotCapable} without --allow-ffi. */
  constructor() {
    loadLibc();
  }

  add(fd: number, interest: Interest): number {
    if (fd < 0 || fd >= FD_SETSIZE) return -EINVAL;
    const status = this.#table.add(fd, interest);
    if (status === 0) this.#ask(fd, interest);
    return status;
  }

  modify(fd: number, interest: Interest): number {
    const status = this.#table.modify(fd, interest);
    if (status === 0) this.#ask(fd, interest);
    return status;
  }

  remove(fd: number): number {
    const status = this.#table.remove(fd);
    if (status < 0) return status;
    this.#ask(fd, Interest.NONE);
    return 0;
  }

  wait(ready: ReadyList, timeoutMs: number): number {
    this.#copy();
    const found = select(this.#highest, this.#readable.bytes, this.#writable.bytes, timeoutMs);
    return found === -EBADF ? this.#findClosed(ready) : this.#collect(ready, found);
  }

  async park(ready: ReadyList, timeoutMs: number): Promise<number> {
    this.#copy();
    const found = await selectParked(this.#highest, this.#readable.bytes, this.#writable.bytes, timeoutMs);
    return found < 0 ? this.wait(ready, 0) : this.#collect(ready, found);
  }

  close(): void {}

  #ask(fd: number, interest: Interest): void {
    this.#askedReadable.put(fd, (interest & Interest.READABLE) !== 0);
    this.#askedWritable.put(fd, (interest & Interest.WRITABLE) !== 0);
    if (fd > this.#highest) this.#highest = fd;
    while (this.#highest >= 0 && !this.#isAsked(this.#highest)) this.#highest--;
  }

  #isAsked(fd: number): boolean {
    return this.#askedReadable.has(fd) || this.#askedWritable.has(fd);
  }

  #copy(): void {
    const { words: readable } = this.#readable;
    const { words: writable } = this.#writable;
    for (let i = 0; i < WORDS; i++) {
      readable[i] = this.#askedReadable.words[i];
      writable[i] = this.#askedWritable.words[i];
    }
  }

  /** Walks from where the last call ended, so that the first descriptors cannot starve the others. */
  #collect(ready: ReadyList, found: number): number {
    if (found <= 0) return 0; // EINTR, or ENOMEM, which the next call may not meet
    const { fds, size } = this.#table;
    let count = 0;
    for (let seen = 0; seen < size && count < ready.capacity; seen++) {
      if (this.#next >= size) this.#next = 0;
      const fd = fds[this.#next++];
      const bits = (this.#readable.has(fd) ? Readiness.READABLE : 0) |
        (this.#writable.has(fd) ? Readiness.WRITABLE : 0);
      if (bits === 0) continue;
      ready.fds[count] = fd;
      ready.bits[count] = bits;
      count++;
    }
    return count;
  }

  /** select(2) fails as a whole when one descriptor was closed under it; this finds which, and reports those. */
  #findClosed(ready: ReadyList): number {
    const { fds, size } = this.#table;
    let count = 0;
    for (let position = 0; position < size && count < ready.capacity; position++) {
      if (!this.#isAsked(fds[position]) || isOpen(fds[position])) continue;
      this.#ask(fds[position], Interest.NONE);
      ready.fds[count] = fds[position];
      ready.bits[count] = Readiness.ERROR;
      count++;
    }
    return count;
  }
}
