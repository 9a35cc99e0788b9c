/**
 * Writing to standard output and standard error, without blocking if their reader does not read.
 *
 * Source: write(2), poll(2), pipe(7): a pipe that is ready for writing accepts PIPE_BUF bytes at once.
 * @module
 */
import { PIPE_BUF } from "../libc/constants.ts";
import { POLLOUT } from "../libc/multiplexer_constants.ts";
import { EINTR } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import { POLLFD } from "../libc/structs.ts";

const pollfd = new Uint8Array(128);
const pollfdWords = new Int32Array(pollfd.buffer);
const pollfdHalves = new Int16Array(pollfd.buffer);

/**
 * Writes a line to `fd`. Waits at most `patienceMs` milliseconds for each part of PIPE_BUF bytes. Returns false if
 * the line, or a part of it, is lost: the reader does not read, the disk is full, or `fd` is not open.
 */
export function tryPrint(fd: number, line: string, patienceMs = 0): boolean {
  loadLibc();
  let bytes = new TextEncoder().encode(line + "\n") as Uint8Array<ArrayBuffer>;
  while (bytes.length > 0) {
    if (!mayWrite(fd, patienceMs)) return false;
    const written = result(libc.write(fd, bytes, Math.min(bytes.length, PIPE_BUF)));
    if (written === -EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subarray(written);
  }
  return true;
}

/** Returns true if `fd` is ready for writing, now or within `patienceMs` milliseconds. */
export function mayWrite(fd: number, patienceMs: number): boolean {
  pollfdWords[POLLFD.fd] = fd;
  pollfdHalves[POLLFD.events >> 1] = POLLOUT;
  return poll(pollfd, 1, patienceMs) > 0 && (pollfdHalves[POLLFD.revents >> 1]! & POLLOUT) !== 0;
}
