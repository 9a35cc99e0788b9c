/**
 * A file that lines are appended to, or standard output or standard error in its place. When it was renamed, as logrotate(8)
 * does it, it can be opened anew under its name.
 * @module
 */
import { describeErrno, orThrow } from "../../ffi/errno.ts";
import { appendTo, isRegularFile, openLogDirectory, openToAppend } from "../../ffi/log_file.ts";
import { close } from "../../ffi/socket.ts";
import { mayWrite } from "../../ffi/standard_output.ts";
import { toDescriptor } from "../../ffi/wait.ts";
import type { LogTarget } from "./writer.ts";

/** See the module's comment. */
export class LogFile implements LogTarget {
  /** Where it is; null: it is standard output or standard error. */
  readonly path: string | null;
  readonly #name: string;
  /** The directory that it stands in; −1 without one, and until it is open. */
  #directory = -1;
  #fd = -1;
  #isRegular = false;

  /** The file at `path`, or the open descriptor `path`. @throws {TypeError | RangeError} for what is neither */
  constructor(path: string | number) {
    if (typeof path === "number") toDescriptor(path);
    else if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new TypeError(
        `A log file must be a path or a descriptor, not ${JSON.stringify(path) ?? typeof path}`,
      );
    }
    this.path = typeof path === "number" ? null : path;
    this.#name = typeof path === "number" ? "" : path.slice(path.lastIndexOf("/") + 1);
    if (typeof path === "number") this.#use(path);
  }

  /** Opens it; nothing is written before. @throws {SystemError} `Cannot open logs/access.log: ENOENT (…)` */
  open(): void {
    const { path } = this;
    if (path === null || this.#fd >= 0) return;
    this.#directory = openLogDirectory(path.slice(0, path.lastIndexOf("/") + 1) || ".", path);
    const fd = openToAppend(this.#directory, this.#name);
    if (fd < 0) this.close();
    this.#use(orThrow(fd, `open ${path}`, "openat"));
  }

  #use(fd: number): void {
    this.#fd = fd;
    this.#isRegular = isRegularFile(fd);
  }

  write(bytes: Uint8Array<ArrayBuffer>, length: number): number {
    return this.#fd < 0 ? 0 : appendTo(this.#fd, this.#isRegular, bytes, length);
  }

  /** Waits, until `endMs` at most, for a reader to make room; false: there is no room, or a disk has none. */
  waitUntil(endMs: number): boolean {
    const leftMs = Math.ceil(endMs - performance.now());
    return !this.#isRegular && leftMs > 0 && mayWrite(this.#fd, leftMs);
  }

  /** Goes on in the file that has the name now. What went wrong, in one line, when it goes on in the old one; else null. */
  reopen(): string | null {
    if (this.path === null) return null;
    const fd = openToAppend(this.#directory, this.#name);
    if (fd < 0) {
      return `Cannot reopen ${this.path}: ${describeErrno(-fd)}: it goes on in the one that was open`;
    }
    close(this.#fd);
    this.#use(fd);
    return null;
  }

  /** It must not be used afterwards. Standard output stays open. */
  close(): void {
    if (this.path === null) return;
    if (this.#fd >= 0) close(this.#fd);
    if (this.#directory >= 0) close(this.#directory);
    this.#fd = this.#directory = -1;
  }
}
