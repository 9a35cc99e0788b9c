/**
 * A file that lines are appended to, or standard output or standard error in its place. After the file was renamed, as
 * by logrotate(8), its name can be opened again.
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
import { takesColours } from "../../ffi/process/terminal.ts";
import { toDescriptor } from "../../ffi/wait.ts";
import { bytesOf, toCount } from "../../ffi/libc/bytes.ts";
import type { LogTarget } from "./writer.ts";

/**
 * Paths that mean an open descriptor. The links themselves are not opened, because the file may belong to another user.
 */
const STREAMS: ReadonlyMap<string, number> = new Map([
  ["/dev/stdout", STDOUT_FILENO],
  ["/dev/stderr", STDERR_FILENO],
]);

/** Returns true for `/dev/stdout` and `/dev/stderr`, which a log does not open as files. */
export function isStandardStream(path: string): boolean {
  return STREAMS.has(path);
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) || ".";
}

/** A log file that can be reopened. */
export class LogFile implements LogTarget {
  /** The path of the file; null for standard output, standard error, or a descriptor. */
  readonly path: string | null;
  readonly #name: string;
  /** The directory of the file; −1 without a path, and before it is open. */
  #directory = -1;
  #fd = -1;
  #isRegular = false;

  /**
   * Describes the file at `path`, without opening it, or uses the open descriptor `path`.
   * @throws {TypeError | RangeError} when `path` is neither a path nor a descriptor
   */
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

  /**
   * Opens the file, which is required before writing. Does nothing if it is open.
   * @throws {SystemError} `Cannot open logs/access.log: ENOENT (…)`
   */
  open(): void {
    const { path } = this;
    if (path === null || this.#fd >= 0) return;
    this.#directory = openLogDirectory(directoryOf(path), path);
    const fd = openToAppend(this.#directory, this.#name);
    if (fd < 0) this.#fail(path, fd);
    this.#use(fd);
  }

  /**
   * Checks whether the file can be opened, without creating it.
   * @throws {SystemError} as {@linkcode open}
   */
  tryToOpen(): void {
    const { path } = this;
    if (path === null || this.#fd >= 0) return;
    this.#directory = openLogDirectory(directoryOf(path), path);
    const status = tryToAppend(this.#directory, this.#name);
    if (status < 0) this.#fail(path, status);
    this.close();
  }

  /** True for a terminal, on which the user has not switched off colours. */
  get takesColours(): boolean {
    return this.path === null && takesColours(this.#fd);
  }

  #fail(path: string, status: number): never {
    this.close();
    throw new SystemError(`open ${path}`, "openat", -status, describeRefusal(-status));
  }

  #use(fd: number): void {
    this.#fd = fd;
    this.#isRegular = isRegularFile(fd);
  }

  /**
   * Writes as {@linkcode LogTarget} does. Returns 0 if the file is not open.
   * @throws {TypeError | RangeError} when `bytes` is not a Uint8Array, or has fewer than `length` bytes
   */
  write(bytes: Uint8Array<ArrayBuffer>, length: number): number {
    const written = bytesOf(bytes, "What is logged");
    const count = toCount(length, "The length", written.length);
    return this.#fd < 0 ? 0 : appendTo(this.#fd, this.#isRegular, written, count);
  }

  /**
   * Waits until `endMs` (`performance.now()`) for a reader to make room. Returns false if there is no room by then, and
   * always for a regular file.
   */
  waitUntil(endMs: number): boolean {
    const leftMs = Math.ceil(endMs - performance.now());
    return !this.#isRegular && leftMs > 0 && mayWrite(this.#fd, leftMs);
  }

  /**
   * Continues in the file that has the name now. Returns null, or, if that file cannot be opened, a message; writing
   * then continues in the old file.
   */
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

  /** Closes the file, which must not be used afterwards. Standard output, standard error and descriptors stay open. */
  close(): void {
    if (this.path === null) return;
    if (this.#fd >= 0) close(this.#fd);
    if (this.#directory >= 0) close(this.#directory);
    this.#fd = this.#directory = -1;
  }
}
