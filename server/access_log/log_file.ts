/**
 * A file that lines are appended to, or standard output or standard error in its place. When it was renamed, as logrotate(8)
 * does it, it can be opened anew under its name.
 * @module
 */
import { STDERR_FILENO, STDOUT_FILENO } from "../../ffi/libc/constants.ts";
import { describeErrno, SystemError } from "../../ffi/libc/errno.ts";
import {
  appendTo,
  describeRefusal,
  isRegularFile,
  openLogDirectory,
  openToAppend,
  tryToAppend,
} from "../../ffi/file/log_file.ts";
import { close } from "../../ffi/socket/socket.ts";
import { mayWrite } from "../../ffi/file/standard_output.ts";
import { toDescriptor } from "../../ffi/wait.ts";
import { bytesOf, toCount } from "../../ffi/libc/bytes.ts";
import type { LogTarget } from "./writer.ts";

/** Paths that stand for what is open already: these links are not opened, which another user's rights might not allow. */
const STREAMS: ReadonlyMap<string, number> = new Map([
  ["/dev/stdout", STDOUT_FILENO],
  ["/dev/stderr", STDERR_FILENO],
]);

/** True for `/dev/stdout` and `/dev/stderr`, which are no files that a log opens. */
export function isStandardStream(path: string): boolean {
  return STREAMS.has(path);
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) || ".";
}

/** A log file that can be opened anew. */
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
    const where = STREAMS.get(String(path)) ?? path;
    this.path = typeof where === "number" ? null : where;
    this.#name = typeof where === "number" ? "" : where.slice(where.lastIndexOf("/") + 1);
    if (typeof where === "number") this.#use(where);
  }

  /** Opens it; nothing is written before. @throws {SystemError} `Cannot open logs/access.log: ENOENT (…)` */
  open(): void {
    const { path } = this;
    if (path === null || this.#fd >= 0) return;
    this.#directory = openLogDirectory(directoryOf(path), path);
    const fd = openToAppend(this.#directory, this.#name);
    if (fd < 0) this.#fail(path, fd);
    this.#use(fd);
  }

  /** Finds out whether it can be opened, without making it. @throws {SystemError} as {@linkcode open} does */
  tryToOpen(): void {
    const { path } = this;
    if (path === null || this.#fd >= 0) return;
    this.#directory = openLogDirectory(directoryOf(path), path);
    const status = tryToAppend(this.#directory, this.#name);
    if (status < 0) this.#fail(path, status);
    this.close();
  }

  #fail(path: string, status: number): never {
    this.close();
    throw new SystemError(`open ${path}`, "openat", -status, describeRefusal(-status));
  }

  #use(fd: number): void {
    this.#fd = fd;
    this.#isRegular = isRegularFile(fd);
  }

  /** As {@linkcode LogTarget}. @throws {TypeError | RangeError} for what is no Uint8Array, and for more bytes than it has */
  write(bytes: Uint8Array<ArrayBuffer>, length: number): number {
    const written = bytesOf(bytes, "What is logged");
    const count = toCount(length, "The length", written.length);
    return this.#fd < 0 ? 0 : appendTo(this.#fd, this.#isRegular, written, count);
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
      const why = describeRefusal(-fd) || describeErrno(-fd);
      return `Cannot reopen ${this.path}: ${why}: it goes on in the one that was open`;
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
