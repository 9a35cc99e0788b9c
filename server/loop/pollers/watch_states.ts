/**
 * What a poller knows of each descriptor, for those whose set the kernel keeps.
 * @module
 */
import { EBADF, EEXIST } from "../../../ffi/libc/errno.ts";
import { isOpen } from "../../../ffi/libc/multiplexers.ts";
import { isDescriptor } from "../poller.ts";

/** The state of a descriptor: unknown; known with Interest.NONE, so not in the kernel's set; watched. */
export const ABSENT = 0;
export const SILENT = 1;
export const WATCHED = 2;

/** The states of all descriptors, by their numbers. */
export class WatchStates {
  #states = new Uint8Array(1024);

  /** Returns the state of `fd`; ABSENT for what is no descriptor. */
  of(fd: number): number {
    return fd >= 0 && fd < this.#states.length ? this.#states[fd]! : ABSENT;
  }

  /** Makes room for `fd`. Returns 0; −EBADF if it cannot be a descriptor, −EEXIST if its state is not ABSENT. */
  admit(fd: number): number {
    if (!isDescriptor(fd)) return -EBADF;
    if (fd >= this.#states.length) {
      if (!isOpen(fd)) return -EBADF; // before allocating memory for all numbers up to `fd`
      const larger = new Uint8Array(Math.max(this.#states.length * 2, fd + 1));
      larger.set(this.#states);
      this.#states = larger;
    }
    return this.#states[fd] === ABSENT ? 0 : -EEXIST;
  }

  /** Sets the state of `fd`, for which there is room. */
  set(fd: number, state: number): void {
    this.#states[fd] = state;
  }
}
