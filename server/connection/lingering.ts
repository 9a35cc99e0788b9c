/**
 * The end of a connection whose client may still send. If the client's bytes are unread on closing, the kernel sends a
 * reset, which can destroy the response on its way (RFC 9112 §9.6). So only the writing half is closed at first, and
 * further input is dropped until the client's end, or the deadline.
 * @module
 */
import { LINGER_TIMEOUT_MS } from "../limits.ts";
import { Interest } from "../loop/poller.ts";
import type { Source } from "../loop/source.ts";
import type { ConnectionContext } from "./context.ts";
import type { Input } from "./input.ts";
import type { Protocol } from "./protocol.ts";

/** What is needed of a connection. */
interface Ending extends Source {
  readonly context: ConnectionContext;
  readonly input: Input;
  expireAt(deadlineMs: number): void;
  speak(protocol: Protocol): void;
  start(): void;
}

/** The protocol of a connection that waits for its client's end. */
export class Lingering implements Protocol {
  readonly activity = "lingering";
  readonly wantsInput: Interest = Interest.READABLE;
  readonly #connection: Ending;
  readonly #before: Protocol;
  readonly #awaitsEnd: boolean;

  /**
   * `before` is the protocol that has ended. Without `awaitsEnd` the client has nothing to send but what is there now.
   */
  constructor(connection: Ending, before: Protocol, awaitsEnd: boolean) {
    this.#connection = connection;
    this.#before = before;
    this.#awaitsEnd = awaitsEnd;
  }

  /** Drops the input, and makes the connection speak this protocol. */
  begin(): void {
    this.#connection.input.clear();
    this.onDrained();
    this.#connection.speak(this);
    this.#connection.start();
  }

  onInput(): void {
    const { input } = this.#connection;
    input.clear();
    if (!input.isReadable && !this.#awaitsEnd) this.#close();
  }

  /** Sets the deadline, also after the transport had to wait for the client to say that this is the end. */
  onDrained(): void {
    this.#connection.expireAt(this.#connection.context.reactor.now + LINGER_TIMEOUT_MS);
  }

  onEnd(): void {
    this.#close();
  }

  onDeadline(): void {
    this.#close();
  }

  onClosed(): void {
    this.#before.onClosed();
  }

  drain(): void {}

  #close(): void {
    this.#connection.context.reactor.retire(this.#connection);
  }
}
