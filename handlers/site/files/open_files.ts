/**
 * Files that are being sent: each is open once, however many clients take it.
 *
 * sendfile(2) and pread(2) have offsets of their own, so that one descriptor serves all. A file is known by its inode,
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

/** Hears of writes to the file that is open as `fd`; null: nothing tells of them. */
export type Listen = (fd: number) => WriteEvents | null;

/** Those that are open, by their identity: of all sites, since the process has one limit for all. */
const files = new Map<string, OpenFile>();

/** A file that is open. Each user of it calls {@linkcode release} once. */
export class OpenFile {
  readonly fd: number;
  readonly #key: string;
  readonly #listen: Listen | null;
  #users = 1;
  /** The state that was sent last: one for all responses that carry it. */
  #state: SentState | null = null;
  /** Null: it was not listened for yet, or cannot be. */
  #events: WriteEvents | null = null;

  private constructor(fd: number, key: string, listen: Listen | null) {
    this.fd = fd;
    this.#key = key;
    this.#listen = listen;
  }

  /** The one that is open already; null: it is not. */
  static find(status: FileStatus): OpenFile | null {
    const file = files.size === 0 ? undefined : files.get(status.fileIdentity);
    if (file === undefined) return null;
    file.#users++;
    return file;
  }

  /**
   * Takes over `fd`, of the file that `key` tells from others: another one is closed where that file is open already.
   * −EMFILE where so many are open that clients would find no room. `listen` hears of
   * writes to it; null: there can be none.
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

  /** Its state `status`, which is about to be sent. Null: no other one can come. */
  sent(status: FileStatus): SentState | null {
    const listen = this.#listen;
    if (listen === null) return null;
    if (this.#state !== null && !this.#state.isOver && this.#state.status.equals(status)) return this.#state;
    return this.#state = new SentState(this.fd, status, () => this.#events ??= listen(this.fd));
  }

  /** One of its users is done with it. The last one closes it. */
  release(): void {
    if (--this.#users > 0) return;
    files.delete(this.#key);
    this.#events?.close();
    close(this.fd);
  }
}
