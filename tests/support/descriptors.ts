/**
 * Real descriptors for tests: eventfds, pipes, and TCP connections with both ends in this process.
 * @module
 */
import { assert } from "@std/assert";
import {
  AF_INET,
  MSG_OOB,
  O_CLOEXEC,
  O_NONBLOCK,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../ffi/libc/constants.ts";
import { EAGAIN, orThrow } from "../../ffi/libc/errno.ts";
import { libc, loadLibc, result } from "../../ffi/libc/libc.ts";
import { eventfdCreate, isOpen } from "../../ffi/libc/multiplexers.ts";
import { accept, close, listenTcp, localAddress, send } from "../../ffi/socket/socket.ts";
import { SOCKADDR_IN } from "../../ffi/libc/structs.ts";
import { eventually, PATIENCE_MS } from "./waiting.ts";

export { eventually };

loadLibc(); // outside of any test, because the library stays open

const F_DUPFD = 0;
const EINPROGRESS = 115;
const scratch = new Uint8Array(65536);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The descriptors of one test; `using` closes those that are still open. */
export class Descriptors {
  readonly #open = new Set<number>();

  /** Makes this object close `fd` at the end. */
  keep(fd: number): number {
    assert(fd >= 0, `expected a descriptor, not ${fd}`);
    this.#open.add(fd);
    return fd;
  }

  close(fd: number): void {
    assert(this.#open.delete(fd), `${fd} is not one of this test's descriptors`);
    assert(close(fd) === 0);
  }

  /** Leaves closing `fd` to other code. */
  release(fd: number): number {
    this.#open.delete(fd);
    return fd;
  }

  eventfd(): number {
    return this.keep(eventfdCreate());
  }

  /** Duplicates `fd` to a number of at least `minimum`. */
  duplicate(fd: number, minimum: number): number {
    return this.keep(orThrow(result(libc.fcntl(fd, F_DUPFD, minimum)), "duplicate a descriptor", "fcntl"));
  }

  pipe(): { reader: number; writer: number } {
    const fds = new Int32Array(32);
    const bytes = new Uint8Array(fds.buffer);
    orThrow(result(libc.pipe2(bytes, O_NONBLOCK | O_CLOEXEC)), "make a pipe", "pipe2");
    return { reader: this.keep(fds[0]!), writer: this.keep(fds[1]!) };
  }

  /** Connects to 127.0.0.1:`port`. */
  connect(port: number): number {
    const fd = this.keep(libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const address = new Uint8Array(128);
    const view = new DataView(address.buffer);
    view.setUint16(SOCKADDR_IN.family, AF_INET, true);
    view.setUint16(SOCKADDR_IN.port, port, false);
    address.set([127, 0, 0, 1], SOCKADDR_IN.addr);
    const status = result(libc.connect(fd, address, SOCKADDR_IN.size));
    if (status !== -EINPROGRESS) orThrow(status, "connect", "connect");
    return fd;
  }

  /** Opens a connection over the loopback interface. */
  tcp(): { server: number; client: number } {
    const listening = listenTcp("127.0.0.1", 0, 1, { deferAccept: false });
    try {
      const client = this.connect(localAddress(listening).port);
      return { client, server: this.keep(until(() => accept(listening), (fd) => fd !== -EAGAIN)) };
    } finally {
      close(listening);
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) if (isOpen(fd)) close(fd);
  }
}

/** Calls until the value is as wanted, or time is up. The action of one end reaches the other a moment later. */
export function until<T>(call: () => T, isWanted: (value: T) => boolean): T {
  const endMs = performance.now() + PATIENCE_MS;
  while (true) {
    const value = call();
    if (isWanted(value) || performance.now() > endMs) return value;
  }
}

/** Calls read(2) for at most `most` bytes. Returns them as text, or 0 at the end, or −errno. */
export function read(fd: number, most: number = scratch.length): string | number {
  const count = result(libc.read(fd, scratch, most));
  return count > 0 ? decoder.decode(scratch.subarray(0, count)) : count;
}

/** Calls write(2) with a short text, which must fit. */
export function write(fd: number, text: string): void {
  const bytes = encoder.encode(text);
  assert(result(libc.write(fd, bytes, bytes.length)) === bytes.length, "the text did not fit");
}

/** Sends one byte as urgent data. */
export function sendUrgent(fd: number): void {
  assert(result(libc.send(fd, encoder.encode("!"), 1, MSG_OOB)) === 1, "the urgent byte did not fit");
}

/** Reads until −EAGAIN, 0 or an error, and returns that. */
export function drain(fd: number): number {
  while (true) {
    const count = result(libc.read(fd, scratch, scratch.length));
    if (count <= 0) return count;
  }
}

/** Sends until neither this socket nor its peer, whose buffer fills a little later, takes any more. */
export function fill(fd: number): void {
  for (let refusals = 0; refusals < 100;) {
    if (send(fd, scratch, scratch.length, false) === -EAGAIN) refusals++;
    else refusals = 0;
  }
}

/** Returns the number of open descriptors of this process. */
export function openDescriptors(): number {
  return Array.from(Deno.readDirSync("/proc/self/fd")).length;
}
