/**
 * A file that lines are appended to, or standard output or standard error in its place. When it was renamed, as logrotate(8)
 * does it, it can be opened anew under its name.
 * @module
 */
import { describeErrno, orThrow } from "../../ffi/errno.ts";
import { appendTo, isRegularFile, openLogDirectory, openToAppend } from "../../ffi/log_file.ts";
import { close } from "../../ffi/socket.ts";
import { mayWrite } from "../../ffi/standard_output.ts";
import type { LogTarget } from "./writer.ts";

/** See the module's comment. */
export class LogFile implements LogTarget {
  /** Where it is; null: it is standard output or standard error. */
  readonly path: string | null;
  /** The directory that it stands in, open; −1 without a path. */
  readonly directory: number;
  readonly #name: string;
  #fd: number;
  #isRegular: boolean;

  /**
   * Opens the file at `path`, or stands for the open descriptor `path`.
   * @throws {SystemError} `Cannot open logs/access.log: ENOENT (…)`
   */
  constructor(path: string | number) {
    if (typeof path === "number") {
      this.path = null;
      this.#name = "";
      this.directory = -1;
      this.#fd = path;
    } else {
      const slash = path.lastIndexOf("/");
      this.path = path;
      this.#name = path.slice(slash + 1);
      this.directory = openLogDirectory(slash < 0 ? "." : path.slice(0, slash + 1), path);
      this.#fd = openToAppend(this.directory, this.#name);
      if (this.#fd < 0) {
        close(this.directory);
        orThrow(this.#fd, `open ${path}`, "openat");
      }
    }
    this.#isRegular = isRegularFile(this.#fd);
  }

  write(bytes: Uint8Array<ArrayBuffer>, length: number): number {
    return appendTo(this.#fd, this.#isRegular, bytes, length);
  }

  /** Waits, until `endMs` at most, for a reader to make room; false: there is no room, or a disk has none. */
  waitUntil(endMs: number): boolean {
    const leftMs = Math.ceil(endMs - performance.now());
    return !this.#isRegular && leftMs > 0 && mayWrite(this.#fd, leftMs);
  }

  /** Goes on in the file that has the name now. What went wrong, in one line, when it goes on in the old one; else null. */
  reopen(): string | null {
    if (this.path === null) return null;
    const fd = openToAppend(this.directory, this.#name);
    if (fd < 0) {
      return `Cannot reopen ${this.path}: ${describeErrno(-fd)}: it goes on in the one that was open`;
    }
    close(this.#fd);
    this.#fd = fd;
    this.#isRegular = isRegularFile(fd);
    return null;
  }

  /** It must not be used afterwards. Standard output stays open. */
  close(): void {
    if (this.path === null) return;
    close(this.#fd);
    close(this.directory);
  }
}
