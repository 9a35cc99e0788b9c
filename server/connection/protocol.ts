/**
 * The interface between a connection and the protocol that it speaks.
 * @module
 */
import type { Interest } from "../loop/poller.ts";

/**
 * What a protocol is doing. A connection shows it unless its state is "writing". "handshaking": TLS begins.
 * "handling": it waits for a promise or a stream. "lingering": everything is sent, and the client's end is awaited.
 */
export type Activity = "handshaking" | "reading" | "reading-body" | "handling" | "lingering";

/**
 * A protocol, which a connection calls. It leaves out what it does not need. The callbacks run in the loop, and only
 * while the connection is open, except for `onClosed`.
 *
 * `onInput` is called in a turn after bytes have arrived (they are in `connection.input`), by `Connection.proceed`, and
 * when waiting output is sent. It may find no new bytes. `onEnd` may follow. Then the connection sends what was
 * appended to `connection.output`, and calls `onSettled`.
 */
export interface Protocol {
  readonly activity: Activity;
  /** The readiness that it waits for, besides the sending of its output: READABLE and EXCEPTIONAL, combined, or NONE. */
  readonly wantsInput: Interest;
  /** True if it receives and works although output waits. Otherwise it is not called until everything is sent. */
  readonly isDuplex?: boolean;
  /** True if nothing is lost when the connection becomes idle, which takes away its objects. */
  readonly canIdle?: boolean;
  /** Works on the input. */
  onInput(): void;
  /** Called after `onInput` if the client has closed its writing half: nothing more will arrive. Possibly several times. */
  onEnd?(): void;
  /** Called after an attempt to send. `connection.output.sentBytes` tells how far it came. */
  onSent?(): void;
  /** Called when output that had to wait is sent completely. */
  onDrained?(): void;
  /**
   * Called at the end of each turn's work; while output waits, only if `isDuplex`. Sets the deadline, or ends the
   * connection.
   */
  onSettled?(): void;
  /** Called when the deadline of `Connection.expireAt` has passed. */
  onDeadline(): void;
  /** Called after the connection is closed. Not called for a protocol that `Connection.speak` has replaced. */
  onClosed(): void;
  /**
   * Prepares for the stop of the server: finishes what has started, and waits for nothing else. `sinceMs` is the instant
   * since which the connection has been idle; now if it is not idle.
   */
  drain(sinceMs: number): void;
  /** Ends the connection, which {@linkcode ConnectionKeeper.noteIdle} was told of: it was idle for too long, or its place is needed. */
  endIdle?(): void;
  /** Returns how many streams are in each state, for a protocol that has streams. */
  countStreams?(): Readonly<Record<string, number>>;
  /**
   * Receives in place of the transport, for a protocol that must leave some bytes to the kernel. Returns bytes, 0 at the
   * client's end, or −errno.
   */
  recv?(buffer: Uint8Array<ArrayBuffer>): number;
  /** Called when the poller reports urgent data. */
  onUrgent?(): void;
}

function wokenWithoutProtocol(): never {
  throw new Error("A connection without a protocol was woken");
}

/** The protocol of a connection that speaks none yet. */
export const NO_PROTOCOL: Protocol = {
  activity: "reading",
  wantsInput: 0,
  onInput: wokenWithoutProtocol,
  onDeadline: wokenWithoutProtocol,
  onClosed() {},
  drain() {},
};
