/**
 * One connection of HTTP/1, from its beginning to its end, as its plan says.
 * @module
 */
import { Buffer } from "node:buffer";
import { errnoName } from "../../ffi/libc/errno.ts";
import { shutdownWrite } from "../../ffi/socket/socket.ts";
import { AnswerReader, type AnswerUser } from "./answer_reader.ts";
import type { Answer, Exchange } from "./exchange.ts";
import type { Plan } from "./plans.ts";
import { type ClientHost, PATIENCE_MS, SocketClient } from "./socket_client.ts";

type Bytes = Buffer<ArrayBuffer>;

/** The patience of a client that waits for 408. */
const PATIENCE_FOR_408_MS = 90_000;

/** A client of HTTP/1. */
export class Client extends SocketClient implements AnswerUser {
  readonly #reader = new AnswerReader(this);
  /** Requests that were sent and not answered yet. */
  readonly #waiting: Exchange[] = [];
  #next = 0;
  /** The second part of the request `#next`. */
  #second: Bytes | null = null;
  #isClosing = false;

  constructor(fd: number, plan: Plan, host: ClientHost) {
    super(fd, plan, host, plan.waitsFor408 ? PATIENCE_FOR_408_MS : PATIENCE_MS);
  }

  start(): void {
    this.#sendSome();
  }

  onWake(): void {
    this.wakeMs = Infinity;
    if (this.plan.receiveBytes !== undefined) return this.receive();
    if (this.plan.leavesInRequest) return this.leave();
    if (this.plan.waitsFor408) return;
    const rest = this.#second!;
    this.#second = null;
    this.#begin(this.plan.exchanges[this.#next++]!);
    this.write(rest);
  }

  onOverdue(): void {
    this.finish(`nothing came for ${PATIENCE_MS} ms; ${this.#waiting.length} answers are missing`);
  }

  isHeadNext(): boolean {
    return this.#waiting[0]?.isHead ?? false;
  }

  onContinue(): void {
    const late = this.#waiting[0]?.late ?? null;
    if (late === null) throw new Error("100 (Continue) without Expect");
    this.write(late);
  }

  onAnswer(answer: Answer): void {
    const exchange = this.#waiting.shift();
    if (exchange === undefined) {
      if (!this.plan.waitsFor408 || answer.status !== 408 || this.#isClosing) {
        throw new Error(`a response without a request: ${answer.status}`);
      }
      this.#isClosing = true;
      this.host.judged({ ...this.plan.exchanges[0]!, kind: "408" }, answer, null);
      return;
    }
    // A final response in place of 100 (Continue) may end the connection, because the server cannot know whether the
    // body follows (RFC 9110 §10.1.1).
    const mayClose = exchange.closes || (exchange.late !== null && !answer.isContinued);
    const closes = answer.fields.connection === "close";
    const wrong = closes && !mayClose ? "it ends the connection" : exchange.judge(answer);
    exchange.end();
    this.#isClosing ||= closes;
    this.host.judged(exchange, answer, wrong);
  }

  #begin(exchange: Exchange): void {
    exchange.begin();
    this.#waiting.push(exchange);
    this.host.sent();
  }

  #sendSome(): void {
    const { exchanges, atOnce, splitMs } = this.plan;
    if (splitMs !== undefined) {
      const { request } = exchanges[this.#next]!;
      const cut = 1 + this.host.random.below(request.indexOf("\r\n\r\n") + 2);
      this.#second = request.subarray(cut);
      this.wakeMs = this.host.now + splitMs;
      return this.write(request.subarray(0, cut));
    }
    const end = Math.min(this.#next + atOnce, exchanges.length);
    const some = exchanges.slice(this.#next, end);
    this.#next = end;
    for (const exchange of some) this.#begin(exchange);
    this.write(
      some.length === 1 ? some[0]!.request : Buffer.concat(some.map(({ request }) => request)) as Bytes,
    );
    if (this.plan.receiveBytes !== undefined && !this.isMuted) this.mute();
    if (!this.isOver && this.plan.leavesAfterBytes === 0) this.leave();
  }

  onSent(): void {
    if (this.plan.halfCloses && this.#next === this.plan.exchanges.length) shutdownWrite(this.fd);
  }

  take(bytes: Bytes): void {
    this.#reader.take(bytes);
  }

  /** Continues after a response: the next request, the client's end, or the wait for the server's end. */
  proceed(): void {
    if (this.isOver || this.#waiting.length > 0 || this.#second !== null || this.#isClosing) return;
    if (this.#next < this.plan.exchanges.length) return this.#sendSome();
    if (this.plan.halfCloses) return;
    this.finish(this.#reader.isEmpty ? null : "more than the answers came");
  }

  ended(count: number): void {
    const isAllSent = this.#next === this.plan.exchanges.length;
    const isEnd = (this.#isClosing || (this.plan.halfCloses && isAllSent)) && this.#waiting.length === 0;
    const how = count === 0 ? "the end" : errnoName(-count);
    this.finish(isEnd && count === 0 && this.#reader.isEmpty ? null : `${how} came early`);
  }

  /** Leaves in the middle. The part of the response that has arrived is checked. */
  leave(): void {
    const partial = this.#reader.partial;
    if (partial !== null && this.#waiting.length > 0) {
      const wrong = this.#waiting[0]!.judge(partial);
      if (wrong !== null) this.host.judged(this.#waiting[0]!, partial, wrong);
    }
    this.finish(null);
  }

  abandonAll(): void {
    for (const exchange of this.#waiting) {
      exchange.end();
      this.host.left(exchange);
    }
  }
}
