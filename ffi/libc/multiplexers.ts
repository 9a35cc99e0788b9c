/**
 * The kernel's multiplexers as functions over buffers: epoll(7), poll(2) and select(2). Also eventfd(2), which wakes
 * a wait on another thread.
 *
 * The `…Parked` functions wait on another thread and leave Deno's event loop free. They cannot report errno: after
 * −1, the caller repeats the call synchronously. The buffers must not be used otherwise until the promise settles.
 * @module
 */
import { F_GETFD } from "./constants.ts";
import { EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, FD_SETSIZE } from "./multiplexer_constants.ts";
import { EINTR, orThrow } from "./errno.ts";
import { libc, loadLibc, result } from "./libc.ts";
import { EPOLL_EVENT, TIMEVAL } from "./structs.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const eventBytes = new Uint8Array(128);
const eventView = new DataView(eventBytes.buffer);

/**
 * Returns a new epoll descriptor.
 * @throws {SystemError} when the kernel refuses it: EMFILE, ENFILE, ENOMEM
 */
export function epollCreate(): number {
  loadLibc();
  return orThrow(result(libc.epoll_create1(EPOLL_CLOEXEC)), "create an epoll instance", "epoll_create1");
}

/** Calls epoll_ctl(2): 0 or −errno. The kernel returns `data` with each event. */
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

/**
 * Waits up to `timeoutMs` milliseconds (−1: for ever). Returns the number of events written to `events`, or −errno.
 */
export function epollWait(epoll: number, events: Bytes, maxEvents: number, timeoutMs: number): number {
  return result(libc.epoll_wait(epoll, events, maxEvents, timeoutMs));
}

/** Does the same as {@linkcode epollWait} on another thread. Resolves to the number of events, or −1. */
export function epollWaitParked(
  epoll: number,
  events: Bytes,
  maxEvents: number,
  timeoutMs: number,
): Promise<number> {
  return libc.epoll_wait_parked(epoll, events, maxEvents, timeoutMs);
}

/** Waits on the first `count` pollfd structures. Returns the number of structures with revents, or −errno. */
export function poll(pollfds: Bytes, count: number, timeoutMs: number): number {
  return result(libc.poll(pollfds, count, timeoutMs));
}

/** Does the same as {@linkcode poll} on another thread. Resolves to the number of structures with revents, or −1. */
export function pollParked(pollfds: Bytes, count: number, timeoutMs: number): Promise<number> {
  return libc.poll_parked(pollfds, count, timeoutMs);
}

const timeval = new Uint8Array(128);
const timevalView = new DataView(timeval.buffer);

/** An fd_set: one bit for each descriptor below FD_SETSIZE. Callers check that limit. */
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
 * Calls select(2) on three fd_sets of 128 bytes, which the kernel changes in place. A null set is not watched and
 * costs nothing. `highest` is the greatest descriptor in the sets, −1 if there is none. `timeoutMs` may have a
 * fraction, which is rounded up to microseconds; a negative one waits for ever. Returns the number of bits that are
 * left, or −errno. After an error the contents of the sets are undefined.
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

/** Does the same as {@linkcode select} on another thread. Resolves to the number of bits that are left, or −1. */
export async function selectParked(
  highest: number,
  readable: Bytes | null,
  writable: Bytes | null,
  exceptional: Bytes | null,
  timeoutMs: number,
): Promise<number> {
  // Linux writes the time that is left into the timeval, here from the other thread. So each call has a timeval of
  // its own. The set keeps it from being collected, and its memory from being reused, before the call returns.
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

/** Returns true if `fd` is an open descriptor of this process. */
export function isOpen(fd: number): boolean {
  return libc.fcntl(fd, F_GETFD, 0) >= 0;
}

const counter = new Uint8Array(128);
new DataView(counter.buffer).setBigUint64(0, 1n, true);
const counterRead = new Uint8Array(128);

/**
 * Returns a new eventfd. It is readable from {@linkcode eventfdSignal} to {@linkcode eventfdClear}.
 * @throws {SystemError} when the kernel refuses it: EMFILE, ENFILE, ENOMEM
 */
export function eventfdCreate(): number {
  loadLibc();
  return orThrow(result(libc.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), "create an eventfd", "eventfd");
}

/** Makes an eventfd readable: 8, or −errno. */
export function eventfdSignal(fd: number): number {
  while (true) {
    const status = result(libc.write(fd, counter, 8));
    if (status !== -EINTR) return status; // else the wait that this call must end would go on
  }
}

/** Makes an eventfd unreadable: 8, or −EAGAIN if it was not readable. */
export function eventfdClear(fd: number): number {
  return result(libc.read(fd, counterRead, 8));
}
