/**
 * The kernel's multiplexers as plain functions over buffers: epoll(7), poll(2), select(2), and eventfd(2) to
 * wake a wait that runs on another thread.
 *
 * `…Parked` functions wait on another thread and leave Deno's event loop free. They cannot tell errno: −1 means
 * "ask again, synchronously". Their buffers belong to the call until it settles.
 * @module
 */
import { EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, F_GETFD, FD_SETSIZE } from "./constants.ts";
import { EINTR, orThrow } from "./errno.ts";
import { libc, loadLibc, result } from "./libc.ts";
import { EPOLL_EVENT, TIMEVAL } from "./structs.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const eventBytes = new Uint8Array(128);
const eventView = new DataView(eventBytes.buffer);

/** A new epoll descriptor. @throws {SystemError} */
export function epollCreate(): number {
  loadLibc();
  return orThrow(result(libc.epoll_create1(EPOLL_CLOEXEC)), "create an epoll instance", "epoll_create1");
}

/** epoll_ctl(2): 0 or −errno. `data` comes back with the events; it is `fd` itself unless told otherwise. */
export function epollControl(
  epoll: number,
  operation: number,
  fd: number,
  events: number,
  data: number = fd,
): number {
  eventView.setUint32(EPOLL_EVENT.events, events, true);
  eventView.setInt32(EPOLL_EVENT.data, data, true);
  return result(libc.epoll_ctl(epoll, operation, fd, eventBytes));
}

/** Waits up to `timeoutMs` (−1: for ever): number of events written into `events`, or −errno. */
export function epollWait(epoll: number, events: Bytes, maxEvents: number, timeoutMs: number): number {
  return result(libc.epoll_wait(epoll, events, maxEvents, timeoutMs));
}

/** {@linkcode epollWait} on another thread: number of events, or −1. */
export function epollWaitParked(
  epoll: number,
  events: Bytes,
  maxEvents: number,
  timeoutMs: number,
): Promise<number> {
  return libc.epoll_wait_parked(epoll, events, maxEvents, timeoutMs);
}

/** Waits on `count` pollfd structures: number of those with revents, or −errno. */
export function poll(pollfds: Bytes, count: number, timeoutMs: number): number {
  return result(libc.poll(pollfds, count, timeoutMs));
}

/** {@linkcode poll} on another thread: number of structures with revents, or −1. */
export function pollParked(pollfds: Bytes, count: number, timeoutMs: number): Promise<number> {
  return libc.poll_parked(pollfds, count, timeoutMs);
}

const timeval = new Uint8Array(128);
const timevalView = new DataView(timeval.buffer);

/** An fd_set: one bit for each descriptor below FD_SETSIZE; whoever puts one in sees to it that it is below. */
export class DescriptorSet {
  readonly bytes: Bytes = new Uint8Array(FD_SETSIZE / 8);
  readonly words: Uint32Array = new Uint32Array(this.bytes.buffer);

  put(fd: number, present: boolean): void {
    if (present) this.words[fd >> 5]! |= 1 << (fd & 31);
    else this.words[fd >> 5]! &= ~(1 << (fd & 31));
  }

  has(fd: number): boolean {
    return (this.words[fd >> 5]! & (1 << (fd & 31))) !== 0;
  }
}

/**
 * Three fd_sets of 128 bytes, changed in place; `highest` is the greatest descriptor in them, −1 when there is none.
 * One that nobody asks for may be null, which costs nothing. `timeoutMs` may be a fraction; microseconds count, rounded up.
 * Number of bits that are left, or −errno, and then the sets say nothing.
 */
export function select(
  highest: number,
  readable: Bytes | null,
  writable: Bytes | null,
  exceptional: Bytes | null,
  timeoutMs: number,
): number {
  writeTimeval(timevalView, timeoutMs);
  return result(libc.select(highest + 1, readable, writable, exceptional, timeoutMs < 0 ? null : timeval));
}

/** {@linkcode select} on another thread: number of bits that are left, or −1. */
export async function selectParked(
  highest: number,
  readable: Bytes | null,
  writable: Bytes | null,
  exceptional: Bytes | null,
  timeoutMs: number,
): Promise<number> {
  // Linux writes the time left back into timeval, from the other thread: it needs one of its own, and nothing but
  // this set keeps that from being collected, and its memory given to others, before then.
  const own = new Uint8Array(128);
  parkedTimevals.add(own);
  try {
    writeTimeval(new DataView(own.buffer), timeoutMs);
    return await libc.select_parked(
      highest + 1,
      readable,
      writable,
      exceptional,
      timeoutMs < 0 ? null : own,
    );
  } finally {
    parkedTimevals.delete(own);
  }
}

const parkedTimevals = new Set<Bytes>();

function writeTimeval(view: DataView, timeoutMs: number): void {
  const microseconds = Math.ceil(Math.max(timeoutMs, 0) * 1000);
  view.setBigInt64(TIMEVAL.sec, BigInt(Math.floor(microseconds / 1e6)), true);
  view.setBigInt64(TIMEVAL.usec, BigInt(microseconds % 1e6), true);
}

/** True when `fd` is an open descriptor of this process. */
export function isOpen(fd: number): boolean {
  return libc.fcntl(fd, F_GETFD, 0) >= 0;
}

const counter = new Uint8Array(128);
new DataView(counter.buffer).setBigUint64(0, 1n, true);
const counterRead = new Uint8Array(128);

/** A new eventfd: readable after {@linkcode eventfdSignal}, until {@linkcode eventfdClear}. @throws {SystemError} */
export function eventfdCreate(): number {
  loadLibc();
  return orThrow(result(libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), "create an eventfd", "eventfd");
}

/** Makes an eventfd readable: 8, or −errno. */
export function eventfdSignal(fd: number): number {
  while (true) {
    const status = result(libc.write(fd, counter, 8));
    if (status !== -EINTR) return status; // else a wait would go on that was to be ended
  }
}

/** Ends that: 8, or −EAGAIN when it was not readable. */
export function eventfdClear(fd: number): number {
  return result(libc.read(fd, counterRead, 8));
}
