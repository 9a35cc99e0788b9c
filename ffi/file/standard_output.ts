/**
 * Standard output and standard error, for a program that must not stop for want of somebody who reads them.
 *
 * Source: write(2), poll(2), pipe(7): a pipe that is ready to be written to takes PIPE_BUF bytes at once.
 * @module
 */
import { PIPE_BUF, POLLOUT } from "../libc/constants.ts";
import { EINTR } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import { poll } from "../libc/multiplexers.ts";
import { POLLFD } from "../libc/structs.ts";

const pollfd = new Uint8Array(128);
const pollfdWords = new Int32Array(pollfd.buffer);
const pollfdHalves = new Int16Array(pollfd.buffer);

/**
 * Writes a line to `fd` without an exception, and without waiting for a reader longer than `patienceMs` each time.
 * False: it is lost, or a part of it, since nobody reads what came before, or the disk is full, or there is no such
 * descriptor.
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

/** True when `fd` takes something now, or in `patienceMs`. */
export function mayWrite(fd: number, patienceMs: number): boolean {
  pollfdWords[POLLFD.fd] = fd;
  pollfdHalves[POLLFD.events >> 1] = POLLOUT;
  return poll(pollfd, 1, patienceMs) > 0 && (pollfdHalves[POLLFD.revents >> 1]! & POLLOUT) !== 0;
}
