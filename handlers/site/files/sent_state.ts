/**
 * The state of an open file while responses carry it. When the file is written to meanwhile, its responses are cut off:
 * otherwise they would mix old and new bytes under the ETag of the old.
 *
 * Renaming, removing, and changing permissions do not change the content, so they cut off nothing. Neither does growth,
 * as of a log file: the bytes that Content-Length announced are still the same. Growth is told from a rewrite by
 * comparing the first and last bytes of the announced length.
 *
 * The following changes are not noticed:
 * - writes through mmap(2) that leave the first and last bytes the same, or that are not in the file's times yet;
 * - writes to bytes that are in the socket's send buffer already: sendfile(2) puts the file's own pages there;
 * - a rewrite that makes the file longer and leaves the first and last announced bytes the same;
 * - where the kernel reports no events, a rewrite between those bytes after which the file's time was set back.
 * @module
 */
import { readAt } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { isEqual } from "../../../server/http/bytes.ts";
import { SAMPLE_BYTES } from "../limits.ts";
import { WriteEvents } from "../watch/write_events.ts";

const now = new FileStatus();

/**
 * The state of a file while responses carry it. The first use of {@linkcode SentState.isIntact} makes the first system
 * call.
 */
export class SentState {
  readonly #fd: number;
  /** The state that is sent. */
  readonly status: FileStatus;
  /** The latest status with which the file still had the content of `status`. */
  readonly #last = new FileStatus();
  /** The first and last bytes of the content; null before the first check. */
  #ends: Uint8Array | null = null;
  readonly #listen: () => WriteEvents | null;
  #events: WriteEvents | null = null;
  #writes = 0;
  #isOver = false;

  /** True once the file was found with other content. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** `fd` is the open file. `listen` returns its write events, which the caller closes; null when there are none. */
  constructor(fd: number, status: FileStatus, listen: () => WriteEvents | null) {
    this.#fd = fd;
    this.status = status;
    this.#listen = listen;
    this.#last.copyFrom(status);
  }

  /** Checks the file. False once it was written to. */
  get isIntact(): boolean {
    this.#isOver ||= !this.#look();
    return !this.#isOver;
  }

  #look(): boolean {
    const isFirst = this.#ends === null;
    if (isFirst) { // listen before reading: a write after that queues an event
      this.#events = this.#listen();
      this.#writes = this.#events?.writes ?? 0;
      this.#ends = this.#readEnds();
    }
    // The status before the events: a write(2) changes the times, then the bytes, then queues its event.
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
      if (hears && isOfSameTime) return true; // renamed, or other permissions
      if (!hears && !isOfSameTime) return false;
      // No event, so no write(2): the time was set, as by touch(1) or rsync(1), or bytes were written through mmap(2).
    }
    return isEqual(this.#readEnds(), this.#ends!);
  }

  /** Reads the first and last bytes of the announced length. Returns fewer when they cannot be read. */
  #readEnds(): Uint8Array {
    const { size } = this.status;
    const bytes = new Uint8Array(2 * SAMPLE_BYTES);
    const length = Math.min(size, SAMPLE_BYTES);
    const first = readAt(this.#fd, bytes.subarray(0, length), 0);
    const last = readAt(this.#fd, bytes.subarray(length, 2 * length), size - length);
    return bytes.subarray(0, Math.max(first, 0) + Math.max(last, 0));
  }
}
