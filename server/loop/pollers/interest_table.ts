/**
 * The watched descriptors of a poller that scans: a dense list to iterate over, and an index.
 * @module
 */
import { EBADF, EEXIST, ENOENT } from "../../../ffi/libc/errno.ts";
import { isOpen } from "../../../ffi/libc/multiplexers.ts";
import { type Interest, isDescriptor } from "../poller.ts";

/** A dense list of descriptors and interests. Removal moves the last entry into the gap. */
export class InterestTable {
  fds: Int32Array<ArrayBuffer> = new Int32Array(64);
  interests: Uint8Array<ArrayBuffer> = new Uint8Array(64);
  size = 0;
  readonly #positions = new Map<number, number>();
  /** The highest descriptor that was found open when it was added. */
  #highest = -1;

  /** Returns the position of `fd`; −1 if it is not watched. */
  positionOf(fd: number): number {
    return this.#positions.get(fd) ?? -1;
  }

  add(fd: number, interest: Interest): number {
    // A number that is not an open descriptor must not make the pollers allocate memory up to it.
    if (!isDescriptor(fd) || (fd > this.#highest && !isOpen(fd))) return -EBADF;
    this.#highest = Math.max(fd, this.#highest);
    if (this.#positions.has(fd)) return -EEXIST;
    if (this.size === this.fds.length) this.#grow();
    this.fds[this.size] = fd;
    this.interests[this.size] = interest;
    this.#positions.set(fd, this.size);
    this.size++;
    return 0;
  }

  modify(fd: number, interest: Interest): number {
    const position = this.positionOf(fd);
    if (position < 0) return -ENOENT;
    this.interests[position] = interest;
    return 0;
  }

  /** Removes `fd`. Returns the freed position, which the last entry has taken, or −ENOENT. */
  remove(fd: number): number {
    const position = this.positionOf(fd);
    if (position < 0) return -ENOENT;
    this.size--;
    this.#positions.delete(fd);
    if (position !== this.size) {
      this.fds[position] = this.fds[this.size]!;
      this.interests[position] = this.interests[this.size]!;
      this.#positions.set(this.fds[position], position);
    }
    return position;
  }

  #grow(): void {
    const fds = new Int32Array(this.fds.length * 2);
    fds.set(this.fds);
    this.fds = fds;
    const interests = new Uint8Array(this.interests.length * 2);
    interests.set(this.interests);
    this.interests = interests;
  }
}
