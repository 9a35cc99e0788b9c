/**
 * A server by completion. A turn has one system call: it submits what the last turn has prepared, and waits.
 * @module
 */
import { EAGAIN, EBUSY, ECONNABORTED, EINTR, ETIME, orThrow } from "../../ffi/libc/errno.ts";
import { IO_URING_CQE } from "../../ffi/libc/structs.ts";
import { Ring } from "../../ffi/uring/ring.ts";
import type { Protocol } from "../../server/protocols/bytes/session.ts";
import { Blocks } from "./blocks.ts";
import { Client, type Shared } from "./client.ts";
import { GOES_ON, Kind, Operations } from "./operations.ts";

const OPERATIONS = 8192;
const COMPLETIONS = 65_536;
/** How often deadlines are looked at. */
const TICK_MS = 1000;
const RESULT = IO_URING_CQE.res / 4;
const FLAGS = IO_URING_CQE.flags / 4;

/** Errors of a wait after which the completions are looked at as after any other. */
const EXPECTED: readonly number[] = [ETIME, EINTR, EAGAIN, EBUSY];

/** Closes a client whose session has thrown an error. */
function fail(client: Client, error: unknown): void {
  console.error(error);
  client.close();
}

/** Serves `protocol` to the clients of `listener`, a listening socket. */
export class CompletionServer {
  readonly #listener: number;
  readonly #protocol: Protocol;
  readonly #ring = new Ring({ entries: OPERATIONS, completions: COMPLETIONS, permitted: null });
  readonly #shared: Shared;
  readonly #clients: (Client | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #nextTickMs = 0;
  #isAccepting = false;

  constructor(listener: number, protocol: Protocol) {
    this.#listener = listener;
    this.#protocol = protocol;
    this.#shared = {
      operations: new Operations(this.#ring),
      blocks: new Blocks(this.#ring),
      touched: [],
      nowMs: performance.now(),
    };
  }

  /** Serves until the process ends. */
  run(): never {
    const shared = this.#shared;
    this.#accept();
    while (true) {
      const status = this.#ring.enter(1, Math.max(this.#nextTickMs - shared.nowMs, 0));
      if (status < 0 && !EXPECTED.includes(-status)) orThrow(status, "wait for clients", "io_uring_enter");
      shared.nowMs = performance.now();
      this.#complete();
      if (shared.nowMs >= this.#nextTickMs) this.#expire();
      this.#settle();
    }
  }

  #complete(): void {
    const ring = this.#ring;
    const { words } = ring;
    const count = ring.count();
    for (let i = 0; i < count; i++) {
      const at = ring.completionAt(i);
      this.#handle(words[at]!, words[at + 1]!, words[at + RESULT]!, words[at + FLAGS]!);
    }
    ring.advance(count);
  }

  #accept(): void {
    this.#isAccepting = true;
    this.#shared.operations.accept(this.#listener);
  }

  #handle(slot: number, kind: number, result: number, flags: number): void {
    if (kind === Kind.ACCEPT) return this.#accepted(result, flags);
    const client = this.#clients[slot]!;
    try {
      if (kind === Kind.RECEIVE) client.received(result, flags);
      else if (kind === Kind.SEND) client.sent(result);
      else client.inFlight--;
    } catch (error) {
      fail(client, error);
    }
    if (!client.isClosed || client.inFlight > 0) return;
    this.#clients[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  #accepted(result: number, flags: number): void {
    if (result >= 0) {
      const slot = this.#freeSlots.pop() ?? this.#clients.length;
      const client = this.#clients[slot] = new Client(result, slot, this.#shared);
      try {
        client.start(this.#protocol);
      } catch (error) {
        fail(client, error);
      }
    }
    if ((flags & GOES_ON) !== 0) return;
    // Without descriptors an accept would fail again at once. It is tried again at the next tick.
    if (result >= 0 || result === -ECONNABORTED) this.#accept();
    else this.#isAccepting = false;
  }

  #settle(): void {
    const { touched } = this.#shared;
    for (let i = 0; i < touched.length; i++) { // a session may write to other clients meanwhile
      try {
        touched[i]!.settle();
      } catch (error) {
        fail(touched[i]!, error);
      }
    }
    touched.length = 0;
  }

  #expire(): void {
    const { nowMs } = this.#shared;
    this.#nextTickMs = nowMs + TICK_MS;
    for (const client of this.#clients) {
      if (client !== undefined && client.deadlineMs < nowMs) client.close();
    }
    if (!this.#isAccepting) this.#accept();
  }
}
