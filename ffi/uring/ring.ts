/**
 * An io_uring: two queues in memory that is shared with the kernel, and the call that submits and waits.
 *
 * A request is an entry of 64 bytes in the submission queue, a completion one of 16 bytes in the completion queue. Each
 * side moves its end of a queue by one store. {@linkcode Ring.enter} submits all requests that were prepared, and waits
 * for completions, in one system call.
 *
 * Source: io_uring(7), io_uring_enter(2), `linux/io_uring.h`.
 * @module
 */
import { libc, result } from "../libc/libc.ts";
import {
  IO_CQRING_OFFSETS,
  IO_SQRING_OFFSETS,
  IO_URING_CQE,
  IO_URING_GETEVENTS_ARG,
  IO_URING_PARAMS,
  IO_URING_SQE,
  TIMESPEC,
} from "../libc/structs.ts";
import { IORING_ENTER_EXT_ARG, IORING_ENTER_GETEVENTS, SYS_io_uring_enter } from "./constants.ts";
import { register, type RingOptions, type RingParts, setUpRing, unmap } from "./setup.ts";

export type { Permitted, RingOptions } from "./setup.ts";

/** The 32-bit words of a request, and those of a completion. */
export const SQE_WORDS: number = IO_URING_SQE.size / 4;
export const CQE_WORDS: number = IO_URING_CQE.size / 4;
/** Where in the argument of io_uring_enter(2) its timeout is. */
const TIMESPEC_AT = 64;

/** A ring, used by the thread that created it. */
export class Ring {
  /** The descriptor. It is readable (poll(2)) while there are completions. */
  readonly fd: number;
  /** The kernel's abilities: a combination of IORING_FEAT_… */
  readonly features: number;
  /** The requests, {@linkcode SQE_WORDS} words each. */
  entries: Int32Array<ArrayBuffer>;
  /** The two queues. A completion has {@linkcode CQE_WORDS} words, at {@linkcode Ring.completionAt}. */
  words: Int32Array<ArrayBuffer>;
  readonly #parts: RingParts;
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #sqMask: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqMask: number;
  readonly #cqes: number;
  /** The ends that this side moves. They are published by a store. */
  #prepared: number;
  #seen: number;
  readonly #argument = new Uint8Array(128);
  readonly #argumentWords = new Int32Array(this.#argument.buffer);
  /** The size of the argument, as the `size_t` at the end of a call; see `libc.ts`. */
  readonly #argumentBytes = Deno.UnsafePointer.create(BigInt(IO_URING_GETEVENTS_ARG.size));
  /** The address of the timeout in {@linkcode Ring.#argument}, in two halves. */
  readonly #timeoutAddress: Int32Array;

  /** @throws {SystemError} as {@linkcode setUpRing} */
  constructor(options: RingOptions) {
    const parts = this.#parts = setUpRing(options);
    const { params } = parts;
    const wordOf = (offset: number) => params.getUint32(offset, true) / 4;
    this.fd = parts.fd;
    this.features = parts.features;
    this.entries = parts.entries.words;
    const words = this.words = parts.queues.words;
    this.#sqHead = wordOf(IO_URING_PARAMS.sq_off + IO_SQRING_OFFSETS.head);
    this.#sqTail = wordOf(IO_URING_PARAMS.sq_off + IO_SQRING_OFFSETS.tail);
    this.#sqMask = words[wordOf(IO_URING_PARAMS.sq_off + IO_SQRING_OFFSETS.ring_mask)]!;
    this.#cqHead = wordOf(IO_URING_PARAMS.cq_off + IO_CQRING_OFFSETS.head);
    this.#cqTail = wordOf(IO_URING_PARAMS.cq_off + IO_CQRING_OFFSETS.tail);
    this.#cqMask = words[wordOf(IO_URING_PARAMS.cq_off + IO_CQRING_OFFSETS.ring_mask)]!;
    this.#cqes = wordOf(IO_URING_PARAMS.cq_off + IO_CQRING_OFFSETS.cqes);
    this.#prepared = words[this.#sqTail]!;
    this.#seen = words[this.#cqHead]!;
    // Place n of the submission queue always refers to request n.
    const array = wordOf(IO_URING_PARAMS.sq_off + IO_SQRING_OFFSETS.array);
    for (let i = 0; i <= this.#sqMask; i++) words[array + i] = i;
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#argument)) + BigInt(TIMESPEC_AT);
    this.#timeoutAddress = new Int32Array(BigUint64Array.of(address).buffer);
  }

  /**
   * Prepares a request, and returns the index of its first word in {@linkcode Ring.entries}; −errno if the queue is full
   * and the kernel does not take what is in it. Fields that are not set here are 0. The two halves of `user_data` come
   * back with its completions.
   */
  prepare(operation: number, fd: number, low: number, high: number): number {
    if (this.waiting > this.#sqMask) {
      const status = this.submit();
      if (status < 0) return status;
    }
    const at = (this.#prepared & this.#sqMask) * SQE_WORDS;
    const entries = this.entries;
    entries.fill(0, at, at + SQE_WORDS);
    entries[at] = operation; // with flags and ioprio in the other bytes
    entries[at + IO_URING_SQE.fd / 4] = fd;
    entries[at + IO_URING_SQE.user_data / 4] = low;
    entries[at + IO_URING_SQE.user_data / 4 + 1] = high;
    this.#prepared = this.#prepared + 1 | 0;
    return at;
  }

  /** The number of requests that are prepared and not submitted. */
  get waiting(): number {
    return this.#prepared - Atomics.load(this.words, this.#sqHead) | 0;
  }

  /** Submits what was prepared, and does not wait: 0 or −errno. What was not submitted stays prepared. */
  submit(): number {
    return Math.min(this.enter(0, 0), 0);
  }

  /**
   * Submits what was prepared, and waits until there are `least` completions, at most `timeoutMs` milliseconds (−1: for
   * ever). Returns ≥ 0, or −errno: −ETIME after the timeout, −EINTR after a signal. The completions may be there after
   * an error, too.
   */
  enter(least: number, timeoutMs: number): number {
    const { words } = this;
    const argument = this.#argumentWords;
    const isTimed = least > 0 && timeoutMs >= 0;
    argument[IO_URING_GETEVENTS_ARG.ts / 4] = isTimed ? this.#timeoutAddress[0]! : 0;
    argument[IO_URING_GETEVENTS_ARG.ts / 4 + 1] = isTimed ? this.#timeoutAddress[1]! : 0;
    if (isTimed) {
      const seconds = Math.floor(timeoutMs / 1000);
      argument[(TIMESPEC_AT + TIMESPEC.sec) / 4] = seconds;
      argument[(TIMESPEC_AT + TIMESPEC.nsec) / 4] = Math.ceil((timeoutMs - seconds * 1000) * 1e6);
    }
    Atomics.store(words, this.#sqTail, this.#prepared);
    while (true) {
      const count = this.#prepared - Atomics.load(words, this.#sqHead) | 0;
      const status = result(
        libc.syscall_io_uring_enter(
          SYS_io_uring_enter,
          this.fd,
          count,
          least,
          IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
          this.#argument,
          this.#argumentBytes,
        ),
      );
      // The kernel stops at a request that is malformed, and completes it with an error; the others are submitted next.
      if (status <= 0 || status >= count) return status;
    }
  }

  /** Returns the number of completions in the queue. */
  count(): number {
    return Atomics.load(this.words, this.#cqTail) - this.#seen | 0;
  }

  /** Returns the index in {@linkcode Ring.words} of completion `i` of those in the queue: its user data, res and flags. */
  completionAt(i: number): number {
    return this.#cqes + (this.#seen + i & this.#cqMask) * CQE_WORDS;
  }

  /** Gives the first `count` places of the completion queue back to the kernel. */
  advance(count: number): void {
    this.#seen = this.#seen + count | 0;
    Atomics.store(this.words, this.#cqHead, this.#seen);
  }

  /** Calls io_uring_register(2) for this ring: ≥ 0 or −errno. A restricted ring refuses it (−EACCES). */
  register(operation: number, argument: Uint8Array<ArrayBuffer> | null, count: number): number {
    return register(this.fd, operation, argument, count);
  }

  /** Closes the descriptor, and gives the memory back. The kernel ends what is not complete a little later. */
  close(): void {
    const none = new Int32Array(0);
    this.entries = this.words = none; // a view of unmapped memory would crash the process
    libc.close(this.fd);
    unmap(this.#parts.queues);
    unmap(this.#parts.entries);
  }
}
