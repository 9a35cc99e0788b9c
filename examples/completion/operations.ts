/**
 * The operations of the server, as entries of the submission queue. `user_data` tells what has completed: the kind of
 * operation above, the number of the client below.
 *
 * Source: io_uring_enter(2), linux/io_uring.h.
 * @module
 */
import { MSG_NOSIGNAL, SOCK_CLOEXEC } from "../../ffi/libc/constants.ts";
import { orThrow } from "../../ffi/libc/errno.ts";
import { IO_URING_SQE } from "../../ffi/libc/structs.ts";
import { IORING_OP_ASYNC_CANCEL } from "../../ffi/uring/constants.ts";
import type { Ring } from "../../ffi/uring/ring.ts";
import { GROUP } from "./blocks.ts";

/** What a completion is about. */
export const Kind = { ACCEPT: 0, RECEIVE: 1, SEND: 2, OTHER: 3 } as const;

/** Flags of a completion: IORING_CQE_F_BUFFER, IORING_CQE_F_MORE. The number of the block is above them. */
export const HAS_BLOCK = 1;
export const GOES_ON = 2;
export const BLOCK_SHIFT = 16;

/** The errno of an operation that was cancelled. */
export const ECANCELED = 125;

// IORING_OP_…
const SENDMSG = 9;
const ACCEPT = 13;
const CLOSE = 19;
const SEND = 26;
const RECV = 27;
/** IOSQE_BUFFER_SELECT, in the second byte: the kernel chooses the memory when there is something to put into it. */
const BUFFER_SELECT = 0x20 << 8;
// In the third byte.
const ACCEPT_MULTISHOT = 1 << 16;
const RECV_MULTISHOT = 2 << 16;
/** IORING_ASYNC_CANCEL_ALL and IORING_ASYNC_CANCEL_FD. */
const CANCEL_ALL_OF_FD = 1 | 2;
const MSG_DONTWAIT = 0x40;
const TWO_32 = 0x1_0000_0000;

// Words of an entry.
const ADDRESS = IO_URING_SQE.addr / 4;
const LENGTH = IO_URING_SQE.len / 4;
const OPTIONS = IO_URING_SQE.op_flags / 4;
const BUFFER_GROUP = IO_URING_SQE.buf_group / 4;

/** The operations. */
export class Operations {
  readonly #ring: Ring;

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  #prepare(operation: number, fd: number, slot: number, kind: number, options: number): number {
    const at = this.#ring.prepare(operation, fd, slot, kind);
    orThrow(at, "prepare an operation", "io_uring_enter"); // the queue was full, and the kernel takes nothing
    if (options !== 0) this.#ring.entries[at + OPTIONS] = options;
    return at;
  }

  #refer(at: number, address: number, length: number): void {
    const { entries } = this.#ring;
    entries[at + ADDRESS] = address; // modulo 2³²
    entries[at + ADDRESS + 1] = address / TWO_32;
    entries[at + LENGTH] = length;
  }

  /** Accepts clients until its completion has no `GOES_ON`. */
  accept(listener: number): void {
    this.#prepare(ACCEPT | ACCEPT_MULTISHOT, listener, 0, Kind.ACCEPT, SOCK_CLOEXEC);
  }

  /** Receives until its completion has no `GOES_ON`. */
  receive(fd: number, slot: number): void {
    const at = this.#prepare(RECV | BUFFER_SELECT | RECV_MULTISHOT, fd, slot, Kind.RECEIVE, 0);
    this.#ring.entries[at + BUFFER_GROUP] = GROUP;
  }

  /** Sends what the socket takes at once. */
  trySend(fd: number, slot: number, address: number, length: number): void {
    this.#refer(this.#prepare(SEND, fd, slot, Kind.SEND, MSG_NOSIGNAL | MSG_DONTWAIT), address, length);
  }

  /** Does the same with the pieces of the message (struct msghdr) at `address`. */
  trySendPieces(fd: number, slot: number, address: number): void {
    this.#refer(this.#prepare(SENDMSG, fd, slot, Kind.SEND, MSG_NOSIGNAL | MSG_DONTWAIT), address, 1);
  }

  /** Waits for the socket, and sends what it takes then. */
  send(fd: number, slot: number, address: number, length: number): void {
    this.#refer(this.#prepare(SEND, fd, slot, Kind.SEND, MSG_NOSIGNAL), address, length);
  }

  /** Ends the receive operation of a client. */
  cancelReceive(slot: number): void {
    const at = this.#prepare(IORING_OP_ASYNC_CANCEL, -1, slot, Kind.OTHER, 0);
    this.#ring.entries[at + ADDRESS] = slot; // the two halves of its user_data
    this.#ring.entries[at + ADDRESS + 1] = Kind.RECEIVE;
  }

  /** Ends all operations on a descriptor, before what is prepared after this. */
  cancelAll(fd: number, slot: number): void {
    this.#prepare(IORING_OP_ASYNC_CANCEL, fd, slot, Kind.OTHER, CANCEL_ALL_OF_FD);
  }

  /** Closes the descriptor. */
  close(fd: number, slot: number): void {
    this.#prepare(CLOSE, fd, slot, Kind.OTHER, 0);
  }
}
