/**
 * A toy protocol: sends each line back. A client of HTTP/1.1 switches to it by `Upgrade: line-echo`.
 * @module
 */
import type { Connection } from "../../server/connection/connection.ts";
import type { Protocol } from "../../server/connection/protocol.ts";
import type { HttpResponse } from "../../server/http/response.ts";
import { Interest } from "../../server/loop/poller.ts";
import { Upgrade } from "../../server/protocols/http1/upgrade.ts";

const LF = 0x0a;
const SILENCE_MS = 10_000;

/** The line echo on one connection. */
class LineEcho implements Protocol {
  readonly activity = "reading";
  readonly wantsInput: Interest = Interest.READABLE;
  readonly #connection: Connection;
  #isOver = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  onInput(): void {
    const { input, output, context: { buffers } } = this.#connection;
    const end = input.bytes.subarray(0, input.end).lastIndexOf(LF) + 1;
    if (end <= input.start) return; // the rest of the line is to come
    output.append(buffers, input.bytes, input.start, end);
    input.start = end;
    input.scanned = input.end - end;
  }

  onEnd(): void {
    this.#isOver = true;
  }

  onSettled(): void {
    if (this.#isOver) this.#connection.finish(false);
    else this.#connection.expireAt(this.#connection.context.reactor.now + SILENCE_MS);
  }

  onDeadline(): void {
    this.#connection.finish(true);
  }

  drain(): void {
    this.#isOver = true;
    this.#connection.context.reactor.again(this.#connection);
  }

  onClosed(): void {}
}

/** Returns what a handler returns to switch to the protocol. */
export function lineEcho(): HttpResponse {
  return new Upgrade("line-echo", (connection) => new LineEcho(connection)) as unknown as HttpResponse;
}
