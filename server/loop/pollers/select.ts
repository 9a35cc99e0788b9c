/**
 * select(2): three sets of bits for at most 1024 descriptors, which the kernel copies and scans at every call.
 * @module
 */
import { FD_SETSIZE } from "../../../ffi/libc/multiplexer_constants.ts";
import { EBADF, EINVAL } from "../../../ffi/libc/errno.ts";
import { loadLibc } from "../../../ffi/libc/libc.ts";
import { DescriptorSet, isOpen, select, selectParked } from "../../../ffi/libc/multiplexers.ts";
import { Interest, type Poller, Readiness, type ReadyList } from "../poller.ts";
import { InterestTable } from "./interest_table.ts";

const WORDS = FD_SETSIZE / 32;

/**
 * {@linkcode Poller} based on select(2). A descriptor ≥ FD_SETSIZE is refused, because it would be written outside of
 * the set. The kernel changes the sets, so each wait uses copies of the requested ones. The third set is used only
 * while some descriptor requests EXCEPTIONAL. Hang-ups and errors are reported as readable and writable, so they are
 * not reported for EXCEPTIONAL alone.
 */
export class SelectPoller implements Poller {
  readonly name = "select";
  readonly trigger = "level";
  readonly #table = new InterestTable();
  readonly #askedReadable = new DescriptorSet();
  readonly #askedWritable = new DescriptorSet();
  readonly #askedExceptional = new DescriptorSet();
  readonly #readable = new DescriptorSet();
  readonly #writable = new DescriptorSet();
  readonly #exceptional = new DescriptorSet();
  /** The number of descriptors that request EXCEPTIONAL. */
  #exceptionalCount = 0;
  #highest = -1;
  #next = 0;

  /** @throws {Deno.errors.NotCapable} without --allow-ffi */
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
    const { bytes: readable } = this.#readable;
    const found = select(this.#highest, readable, this.#writable.bytes, this.#third(), timeoutMs);
    return found === -EBADF ? this.#findClosed(ready) : this.#collect(ready, found);
  }

  async park(ready: ReadyList, timeoutMs: number): Promise<number> {
    this.#copy();
    const { bytes: readable } = this.#readable;
    const found = await selectParked(
      this.#highest,
      readable,
      this.#writable.bytes,
      this.#third(),
      timeoutMs,
    );
    return found < 0 ? this.wait(ready, 0) : this.#collect(ready, found);
  }

  close(): void {}

  #ask(fd: number, interest: Interest): void {
    this.#askedReadable.put(fd, (interest & Interest.READABLE) !== 0);
    this.#askedWritable.put(fd, (interest & Interest.WRITABLE) !== 0);
    const isExceptional = (interest & Interest.EXCEPTIONAL) !== 0;
    this.#exceptionalCount += Number(isExceptional) - Number(this.#askedExceptional.has(fd));
    this.#askedExceptional.put(fd, isExceptional);
    if (fd > this.#highest) this.#highest = fd;
    while (this.#highest >= 0 && !this.#isAsked(this.#highest)) this.#highest--;
  }

  #isAsked(fd: number): boolean {
    return this.#askedReadable.has(fd) || this.#askedWritable.has(fd) || this.#askedExceptional.has(fd);
  }

  #third(): Uint8Array<ArrayBuffer> | null {
    return this.#exceptionalCount > 0 ? this.#exceptional.bytes : null;
  }

  #copy(): void {
    const { words: readable } = this.#readable;
    const { words: writable } = this.#writable;
    for (let i = 0; i < WORDS; i++) {
      readable[i] = this.#askedReadable.words[i]!;
      writable[i] = this.#askedWritable.words[i]!;
    }
    if (this.#exceptionalCount > 0) this.#exceptional.words.set(this.#askedExceptional.words);
  }

  /** Continues where the last call ended, so that the first descriptors cannot starve the others. */
  #collect(ready: ReadyList, found: number): number {
    if (found <= 0) return 0; // EINTR, or ENOMEM, which may be temporary
    const { fds, size } = this.#table;
    const exceptional = this.#exceptionalCount > 0 ? this.#exceptional : null;
    let count = 0;
    for (let seen = 0; seen < size && count < ready.capacity; seen++) {
      if (this.#next >= size) this.#next = 0;
      const fd = fds[this.#next++]!;
      const bits = (this.#readable.has(fd) ? Readiness.READABLE : 0) |
        (this.#writable.has(fd) ? Readiness.WRITABLE : 0) |
        (exceptional?.has(fd) ? Readiness.EXCEPTIONAL : 0);
      if (bits === 0) continue;
      ready.fds[count] = fd;
      ready.bits[count] = bits;
      count++;
    }
    return count;
  }

  /** Finds and reports closed descriptors. select(2) fails as a whole (EBADF) if one descriptor was closed. */
  #findClosed(ready: ReadyList): number {
    const { fds, size } = this.#table;
    let count = 0;
    for (let position = 0; position < size && count < ready.capacity; position++) {
      if (!this.#isAsked(fds[position]!) || isOpen(fds[position]!)) continue;
      this.#ask(fds[position]!, Interest.NONE);
      ready.fds[count] = fds[position]!;
      ready.bits[count] = Readiness.ERROR;
      count++;
    }
    return count;
  }
}
