/**
 * A state of an open file while responses carry it: tells whether the file still is in that state, so that one that is
 * written to ends its responses instead of mixing old bytes and new ones under the tag of the old.
 *
 * A file that is renamed, removed, or given other rights is as it was. So is one that has only grown, as a log does:
 * what was announced of it stays. Growth is told from a rewrite by the bytes at both ends of what was announced.
 *
 * Not seen: writes through mmap(2) that leave both ends as they were, or that the kernel has not put into the file's times; bytes that the kernel holds for the
 * client already, which are the file's own pages until they are sent; a rewrite of a longer file that leaves both ends as they were;
 * and, where the kernel tells of no events, a rewrite between both ends whose time was set back.
 * @module
 */
import { readAt } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { isEqual } from "../../../server/http/bytes.ts";
import { SAMPLE_BYTES } from "../limits.ts";
import { WriteEvents } from "../watch/write_events.ts";

const now = new FileStatus();

/** The state of a file while responses carry it. Nothing is asked of the kernel before {@linkcode SentState.isIntact} is. */
export class SentState {
  readonly #fd: number;
  /** The state that is sent. */
  readonly status: FileStatus;
  /** The last state that was seen to be as good as that. */
  readonly #last = new FileStatus();
  /** The bytes at both ends; null before the first look. */
  #ends: Uint8Array | null = null;
  readonly #listen: () => WriteEvents | null;
  #events: WriteEvents | null = null;
  #writes = 0;
  #isOver = false;

  /** The file was found in another state. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** `listen` gives what is heard of the file that is open as `fd`; it is the caller's to close. */
  constructor(fd: number, status: FileStatus, listen: () => WriteEvents | null) {
    this.#fd = fd;
    this.status = status;
    this.#listen = listen;
    this.#last.copyFrom(status);
  }

  /** False once the file was written to. */
  get isIntact(): boolean {
    this.#isOver ||= !this.#look();
    return !this.#isOver;
  }

  #look(): boolean {
    const isFirst = this.#ends === null;
    if (isFirst) { // listen first, then look: what is written later leaves an event behind
      this.#events = this.#listen();
      this.#writes = this.#events?.writes ?? 0;
      this.#ends = this.#readEnds();
    }
    // First the times: a write changes them before it changes bytes, and queues its event after that.
    if (now.readDescriptor(this.#fd) < 0) return false;
    const writes = this.#events?.writes ?? 0;
    const hears = this.#events?.isReliable === true;
    const isWritten = hears && writes !== this.#writes;
    if (!isWritten && now.equals(this.#last)) return true;
    this.#writes = writes;
    this.#last.copyFrom(now);
    if (now.size < this.status.size) return false;
    if (now.size === this.status.size) {
      if (isFirst || isWritten) return false;
      const isOfSameTime = now.modifiedNanoseconds === this.status.modifiedNanoseconds;
      if (hears && isOfSameTime) return true; // another name, other rights
      if (!hears && !isOfSameTime) return false;
      // Without an event it was no write(2): its time was set, as by touch(1) or rsync(1), or it was written by mmap(2).
    }
    return isEqual(this.#readEnds(), this.#ends!);
  }

  /** The first and the last bytes of what is sent, as they are now; fewer where they cannot be read. */
  #readEnds(): Uint8Array {
    const { size } = this.status;
    const bytes = new Uint8Array(2 * SAMPLE_BYTES);
    const length = Math.min(size, SAMPLE_BYTES);
    const first = readAt(this.#fd, bytes.subarray(0, length), 0);
    const last = readAt(this.#fd, bytes.subarray(length, 2 * length), size - length);
    return bytes.subarray(0, Math.max(first, 0) + Math.max(last, 0));
  }
}
