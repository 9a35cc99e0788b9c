/**
 * The files that are being sent. Each is open once, for all responses that carry it.
 *
 * sendfile(2) and pread(2) take an offset, so one descriptor serves all responses. A file is identified by its inode,
 * which no other file can get while it is open.
 * @module
 */
import { EMFILE } from "../../../ffi/libc/errno.ts";
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import { descriptorLimit } from "../../../ffi/process/process.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { DESCRIPTORS_PER_OPEN_FILE } from "../../../server/limits.ts";
import { SentState } from "./sent_state.ts";
import type { WriteEvents } from "../watch/write_events.ts";

/**
 * A function that counts writes to the open file `fd` from now on. It returns null when the kernel does not report
 * them.
 */
export type Listen = (fd: number) => WriteEvents | null;

/** The open files of all sites by their keys: the process has one limit of descriptors for all. */
const files = new Map<string, OpenFile>();

/** An open file. Each user of it calls {@linkcode release} once. */
export class OpenFile {
  readonly fd: number;
  readonly #key: string;
  readonly #listen: Listen | null;
  #users = 1;
  /** The latest state that was sent, shared by all responses that carry it. */
  #state: SentState | null = null;
  /** Null before the first use, and when the kernel does not report writes. */
  #events: WriteEvents | null = null;

  private constructor(fd: number, key: string, listen: Listen | null) {
    this.fd = fd;
    this.#key = key;
    this.#listen = listen;
  }

  /** Returns the open file with the status `status`, with one more user. Null when it is not open. */
  static find(status: FileStatus): OpenFile | null {
    const file = files.size === 0 ? undefined : files.get(status.fileIdentity);
    if (file === undefined) return null;
    file.#users++;
    return file;
  }

  /**
   * Returns an open file for `fd`, which it takes over. `key` identifies the file: when it is open already, `fd` is
   * closed and the open one is returned. Returns −EMFILE when more open files would leave too few descriptors for
   * connections. `listen` counts writes to the file; null when it cannot be written to.
   */
  static of(fd: number, key: string, listen: Listen | null): OpenFile | number {
    const known = files.get(key);
    if (known !== undefined) {
      close(fd);
      known.#users++;
      return known;
    }
    const limit = descriptorLimit();
    if (limit > 0 && files.size >= Math.max(Math.floor(limit / DESCRIPTORS_PER_OPEN_FILE), 1)) {
      close(fd);
      return -EMFILE;
    }
    const file = new OpenFile(fd, key, listen);
    files.set(key, file);
    return file;
  }

  /** Returns the state `status` of this file for a response that carries it. Null when the file cannot change. */
  sent(status: FileStatus): SentState | null {
    const listen = this.#listen;
    if (listen === null) return null;
    if (this.#state !== null && !this.#state.isOver && this.#state.status.equals(status)) return this.#state;
    return this.#state = new SentState(this.fd, status, () => this.#events ??= listen(this.fd));
  }

  /** Ends one use. The last one closes the file. */
  release(): void {
    if (--this.#users > 0) return;
    files.delete(this.#key);
    this.#events?.close();
    close(this.fd);
  }
}
