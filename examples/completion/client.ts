/**
 * A client, whose operations go on in the kernel while the server does other things.
 * @module
 */
import { EAGAIN, ENOBUFS } from "../../ffi/libc/errno.ts";
import { peerAddress, shutdownWrite, type SocketAddress } from "../../ffi/socket/socket.ts";
import { PEER_QUEUE_BYTES_MAX, SESSION_IDLE_TIMEOUT_MS } from "../../server/limits.ts";
import type { Peer, Protocol, Session } from "../../server/protocols/bytes/session.ts";
import { BLOCK_BYTES, type Blocks } from "./blocks.ts";
import { BLOCK_SHIFT, ECANCELED, GOES_ON, HAS_BLOCK, type Operations } from "./operations.ts";
import { OutgoingBlocks } from "./outgoing_blocks.ts";
import { OwnBytes } from "./own_bytes.ts";

/** How long a client may take to close its half after the server has closed its own. */
const LINGER_MS = 5000;
const UNKNOWN: SocketAddress = { address: "0.0.0.0", port: 0 };

/** What all clients share. */
export interface Shared {
  readonly operations: Operations;
  readonly blocks: Blocks;
  /** The clients for which {@linkcode Client.settle} has to be called at the end of the turn. */
  readonly touched: Client[];
  /** The time of this turn. */
  nowMs: number;
}

/**
 * A client. Its memory and its number belong to it until the last of its operations has completed, long after the
 * descriptor may have been closed and used for another client.
 */
export class Client implements Peer {
  readonly fd: number;
  readonly slot: number;
  /** The operations that have not completed. */
  inFlight = 0;
  deadlineMs = Infinity;
  isClosed = false;
  readonly #shared: Shared;
  /** Null until {@linkcode Client.start} has called the protocol. */
  #session: Session | null = null;
  /** When the session is over, and how long it may be without traffic. */
  #endMs = Infinity;
  #silenceMs = Infinity;
  /** Output that no send was tried for, then output that waits for the socket: it comes after the former. */
  readonly #outgoing: OutgoingBlocks;
  readonly #own = new OwnBytes();
  /** The block whose bytes the session is looking at, or −1. */
  #block = -1;
  #isReceiving = false;
  #isCancelling = false;
  /** An operation refers to `#own`. */
  #isWaiting = false;
  #isTouched = false;
  /** The client has closed its half. */
  #hasEnded = false;
  /** The session has ended; nothing is added to the output. */
  #closes = false;
  #isShut = false;
  #wasBlocked = false;

  constructor(fd: number, slot: number, shared: Shared) {
    this.fd = fd;
    this.slot = slot;
    this.#shared = shared;
    this.#outgoing = new OutgoingBlocks(shared.blocks);
  }

  /** Begins the session of `protocol`, and to receive. */
  start(protocol: Protocol): void {
    this.#touch();
    this.#session = protocol(this);
    const { timeoutMs, idleTimeoutMs } = this.#session;
    this.#endMs = this.#shared.nowMs + (timeoutMs ?? Infinity);
    this.#silenceMs = idleTimeoutMs ?? (timeoutMs === undefined ? SESSION_IDLE_TIMEOUT_MS : Infinity);
  }

  get address(): SocketAddress {
    return peerAddress(this.fd) ?? UNKNOWN;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed || this.#closes) return false;
    if (bytes.length === 0) return true;
    this.#touch();
    const isOwn = this.#own.length > 0 || !this.#outgoing.add(bytes, this.#block);
    if (!isOwn) return true;
    this.#own.append(bytes);
    if (this.#own.length > PEER_QUEUE_BYTES_MAX) this.close();
    return !this.isClosed;
  }

  end(bytes?: Uint8Array): void {
    if (bytes !== undefined) this.write(bytes);
    this.#closes = true;
    this.#touch();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { operations } = this.#shared;
    // An operation that goes on would hold the socket open beyond its close.
    if (this.#isReceiving || this.#isWaiting) {
      operations.cancelAll(this.fd, this.slot);
      this.inFlight++;
    }
    operations.close(this.fd, this.slot);
    this.inFlight++;
    this.#outgoing.drop();
    this.#session?.closed?.();
  }

  /** Handles a completion of the receive operation. */
  received(result: number, flags: number): void {
    if ((flags & GOES_ON) === 0) {
      this.#isReceiving = this.#isCancelling = false;
      this.inFlight--;
    }
    if ((flags & HAS_BLOCK) !== 0) this.#read(flags >>> BLOCK_SHIFT, result);
    if (this.isClosed) return;
    this.#touch(); // to receive on, for one
    if (result === 0) {
      this.#hasEnded = true;
      if (this.#session!.ended === undefined) this.#closes = true;
      else if (!this.#closes) this.#session!.ended();
    } else if (result < 0 && result !== -ENOBUFS && result !== -ECANCELED) this.close();
  }

  #read(block: number, count: number): void {
    const { blocks } = this.#shared;
    blocks.received(block);
    if (count > 0 && !this.isClosed && !this.#closes) {
      const start = block * BLOCK_BYTES;
      this.#block = block;
      try {
        this.#session!.received(blocks.bytes.subarray(start, start + count));
      } finally {
        this.#block = -1;
        blocks.release(block);
      }
    } else blocks.release(block);
  }

  /** Handles the completion of a send operation. */
  sent(result: number): void {
    this.inFlight--;
    const failed = result < 0 && result !== -EAGAIN && result !== -ECANCELED;
    if (this.#isWaiting) {
      this.#isWaiting = false;
      if (result > 0) this.#own.remove(result);
    } else this.#outgoing.sent(Math.max(result, 0), this.#own);
    if (this.isClosed) {
      this.#outgoing.drop();
      return this.#own.clear();
    }
    if (failed) this.close();
    else this.#touch();
  }

  #touch(): void {
    if (this.#isTouched) return;
    this.#isTouched = true;
    this.#shared.touched.push(this);
  }

  /** Prepares the operations that follow from what has happened in this turn. */
  settle(): void {
    this.#isTouched = false;
    if (this.isClosed) return;
    if (this.#wasBlocked && this.#own.length === 0) this.#session!.drained?.();
    const { operations, nowMs } = this.#shared;
    if (!this.#isWaiting && this.#outgoing.trySend(operations, this.fd, this.slot)) this.inFlight++;
    const isBlocked = this.#wasBlocked = this.#own.length > 0;
    if (isBlocked && !this.#isWaiting && this.#outgoing.isEmpty) this.#wait();
    if (!isBlocked && this.#closes && this.#outgoing.isEmpty) {
      if (this.#hasEnded) return this.close();
      if (!this.#isShut) this.#shut();
    }
    if (isBlocked && this.#isReceiving && !this.#isCancelling) {
      this.#isCancelling = true;
      operations.cancelReceive(this.slot);
      this.inFlight++;
    } else if (!isBlocked && !this.#isReceiving && !this.#hasEnded) {
      this.#isReceiving = true;
      operations.receive(this.fd, this.slot);
      this.inFlight++;
    }
    if (!this.#isShut) this.deadlineMs = Math.min(this.#endMs, nowMs + this.#silenceMs);
  }

  /** Sends from the client's own memory when the socket takes something. */
  #wait(): void {
    const { address, length } = this.#own.first;
    this.#isWaiting = true;
    this.#shared.operations.send(this.fd, this.slot, address, length);
    this.inFlight++;
  }

  /** Closes the server's half: a close now could destroy the response, if the client has sent more. */
  #shut(): void {
    this.#isShut = true;
    // A call: IORING_OP_SHUTDOWN looks its descriptor up later, on another thread, when that may be another client's.
    shutdownWrite(this.fd);
    this.deadlineMs = this.#shared.nowMs + LINGER_MS;
  }
}
