/**
 * The end of a connection whose client may still send. If the client's bytes are unread on closing, the kernel sends a
 * reset, which can destroy the response on its way (RFC 9112 §9.6). So only the writing half is closed at first, and
 * further input is dropped until the client's end, or the deadline.
 * @module
 */
import { Interest } from "../loop/poller.ts";
import type { Input } from "./input.ts";
import type { Protocol } from "./protocol.ts";

/** The protocol of a connection that waits for its client's end. */
export class Lingering implements Protocol {
  readonly activity = "lingering";
  readonly wantsInput: Interest = Interest.READABLE;
  readonly #input: Input;
  readonly #before: Protocol;
  readonly #awaitsEnd: boolean;
  readonly #close: () => void;
  readonly #expire: () => void;

  /**
   * `before` is the protocol that has ended. Without `awaitsEnd` the client has nothing to send but what is there now.
   * `close` closes the connection, and `expire` gives it its deadline.
   */
  constructor(input: Input, before: Protocol, awaitsEnd: boolean, close: () => void, expire: () => void) {
    this.#input = input;
    this.#before = before;
    this.#awaitsEnd = awaitsEnd;
    this.#close = close;
    this.#expire = expire;
  }

  onInput(): void {
    this.#input.clear();
    if (!this.#input.isReadable && !this.#awaitsEnd) this.#close();
  }

  /** The transport had to wait for the client to say that this is the end. */
  onDrained(): void {
    this.#expire();
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
}
