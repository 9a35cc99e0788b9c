/**
 * Files that are being sent: each is open once, however many clients take it.
 *
 * sendfile(2) and pread(2) have offsets of their own, so that one descriptor serves all. A file is known by its inode,
 * which no other file can get while it is open.
 * @module
 */
import { EMFILE } from "../../ffi/errno.ts";
import type { FileStatus } from "../../ffi/file_status.ts";
import { descriptorLimit } from "../../ffi/process.ts";
import { close } from "../../ffi/socket.ts";
import { DESCRIPTORS_PER_OPEN_FILE } from "../../server/limits.ts";

/** Those that are open, by their identity: of all sites, since the process has one limit for all. */
const files = new Map<string, OpenFile>();

/** A file that is open. Each user of it calls {@linkcode release} once. */
export class OpenFile {
  readonly fd: number;
  readonly #key: string;
  #users = 1;

  private constructor(fd: number, key: string) {
    this.fd = fd;
    this.#key = key;
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
   * −EMFILE where so many are open that clients would find no room.
   */
  static of(fd: number, key: string): OpenFile | number {
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
    const file = new OpenFile(fd, key);
    files.set(key, file);
    return file;
  }

  /** One of its users is done with it. The last one closes it. */
  release(): void {
    if (--this.#users > 0) return;
    files.delete(this.#key);
    close(this.fd);
  }
}
