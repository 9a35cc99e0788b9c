/**
 * One connection, from its beginning to its end, as its plan says.
 * @module
 */
import { Buffer } from "node:buffer";
import { EPOLLIN, EPOLLOUT } from "../../ffi/libc/constants.ts";
import type { Epoll } from "../../ffi/select/epoll.ts";
import { EAGAIN, errnoName } from "../../ffi/libc/errno.ts";
import { close, recv, send, shutdownWrite } from "../../ffi/socket/socket.ts";
import type { Random } from "../support/random.ts";
import { AnswerReader, type AnswerUser } from "./answer_reader.ts";
import type { Answer, Exchange } from "./exchange.ts";
import type { Plan } from "./plans.ts";
import { resetAtClose } from "./sockets.ts";

type Bytes = Buffer<ArrayBuffer>;

/** After this time without any progress, the server has forgotten the client. */
const PATIENCE_MS = 30_000;
/** The same time for a client that waits for 408. */
const PATIENCE_FOR_408_MS = 90_000;
/** The most receives of one client before other clients get a turn. */
const RECEIVES_MAX = 16;

/** What all clients share. */
export interface ClientHost {
  readonly epoll: Epoll;
  readonly random: Random;
  /** The buffer into which bytes are received. */
  readonly scratch: Bytes;
  /** The time in milliseconds. */
  readonly now: number;
  /** Called before a request is sent. */
  sent(): void;
  /** Called after a response was checked. `wrong` says what is wrong with it, or is null. */
  judged(exchange: Exchange, answer: Answer, wrong: string | null): void;
  /** Called when the client leaves before it has the whole response to `exchange`. */
  left(exchange: Exchange): void;
  /** Called at the end of the connection. `wrong` says what was wrong with that, or is null. */
  finished(client: SoakClient, wrong: string | null): void;
}

/** A client of either version. */
export interface SoakClient {
  readonly fd: number;
  readonly plan: Plan;
  /** When the client acts next by itself, in milliseconds. */
  readonly wakeMs: number;
  /** When the server has made no progress for too long, in milliseconds. */
  readonly deadlineMs: number;
  /** Sends the first requests. */
  start(): void;
  onReady(events: number): void;
  onWake(): void;
  onOverdue(): void;
}

export class Client implements AnswerUser, SoakClient {
  readonly fd: number;
  readonly plan: Plan;
  readonly #host: ClientHost;
  readonly #reader = new AnswerReader(this);
  /** Requests that were sent and not answered yet. */
  readonly #waiting: Exchange[] = [];
  #next = 0;
  #out: Bytes | null = null;
  /** The second part of the request `#next`. */
  #second: Bytes | null = null;
  #received = 0;
  #isClosing = false;
  #isOver = false;
  #isMuted = false;
  wakeMs = Infinity;
  deadlineMs: number;

  constructor(fd: number, plan: Plan, host: ClientHost) {
    this.fd = fd;
    this.plan = plan;
    this.#host = host;
    this.deadlineMs = host.now + (plan.waitsFor408 ? PATIENCE_FOR_408_MS : PATIENCE_MS);
    host.epoll.register(fd, EPOLLIN);
  }

  start(): void {
    this.#sendSome();
  }

  onReady(events: number): void {
    if ((events & EPOLLOUT) !== 0) {
      this.#host.epoll.modify(this.fd, EPOLLIN);
      this.#flush();
    }
    if (!this.#isOver && (events & ~EPOLLOUT) !== 0) this.#receive();
  }

  onWake(): void {
    this.wakeMs = Infinity;
    if (this.plan.receiveBytes !== undefined) return this.#receive();
    if (this.plan.leavesInRequest) return this.#leave();
    if (this.plan.waitsFor408) return;
    const rest = this.#second!;
    this.#second = null;
    this.#begin(this.plan.exchanges[this.#next++]!);
    this.#write(rest);
  }

  onOverdue(): void {
    this.#finish(`nothing came for ${PATIENCE_MS} ms; ${this.#waiting.length} answers are missing`);
  }

  isHeadNext(): boolean {
    return this.#waiting[0]?.isHead ?? false;
  }

  onContinue(): void {
    const late = this.#waiting[0]?.late ?? null;
    if (late === null) throw new Error("100 (Continue) without Expect");
    this.#write(late);
  }

  onAnswer(answer: Answer): void {
    const exchange = this.#waiting.shift();
    if (exchange === undefined) {
      if (!this.plan.waitsFor408 || answer.status !== 408 || this.#isClosing) {
        throw new Error(`a response without a request: ${answer.status}`);
      }
      this.#isClosing = true;
      this.#host.judged({ ...this.plan.exchanges[0]!, kind: "408" }, answer, null);
      return;
    }
    // A final response in place of 100 (Continue) may end the connection, because the server cannot know whether the
    // body follows (RFC 9110 §10.1.1).
    const mayClose = exchange.closes || (exchange.late !== null && !answer.isContinued);
    const closes = answer.fields.connection === "close";
    const wrong = closes && !mayClose ? "it ends the connection" : exchange.judge(answer);
    exchange.end();
    this.#isClosing ||= closes;
    this.#host.judged(exchange, answer, wrong);
  }

  #begin(exchange: Exchange): void {
    exchange.begin();
    this.#waiting.push(exchange);
    this.#host.sent();
  }

  #sendSome(): void {
    const { exchanges, atOnce, splitMs } = this.plan;
    if (splitMs !== undefined) {
      const { request } = exchanges[this.#next]!;
      const cut = 1 + this.#host.random.below(request.indexOf("\r\n\r\n") + 2);
      this.#second = request.subarray(cut);
      this.wakeMs = this.#host.now + splitMs;
      return this.#write(request.subarray(0, cut));
    }
    const end = Math.min(this.#next + atOnce, exchanges.length);
    const some = exchanges.slice(this.#next, end);
    this.#next = end;
    for (const exchange of some) this.#begin(exchange);
    this.#write(
      some.length === 1 ? some[0]!.request : Buffer.concat(some.map(({ request }) => request)) as Bytes,
    );
    if (this.plan.receiveBytes !== undefined && !this.#isMuted) {
      this.#isMuted = true;
      this.#host.epoll.modify(this.fd, 0);
      this.wakeMs = this.#host.now + 1;
    }
    if (!this.#isOver && this.plan.leavesAfterBytes === 0) this.#leave();
  }

  #write(bytes: Bytes): void {
    this.#out = this.#out === null ? bytes : Buffer.concat([this.#out, bytes]) as Bytes;
    this.#flush();
  }

  #flush(): void {
    if (this.#out === null) return;
    const count = send(this.fd, this.#out, this.#out.length, false);
    if (count < 0 && count !== -EAGAIN) return this.#finish(`send: ${errnoName(-count)}`);
    if (count < this.#out.length) {
      if (count > 0) this.#out = this.#out.subarray(count);
      return this.#host.epoll.modify(this.fd, EPOLLIN | EPOLLOUT);
    }
    this.#out = null;
    if (this.plan.halfCloses && this.#next === this.plan.exchanges.length) shutdownWrite(this.fd);
  }

  #receive(): void {
    const { scratch, now } = this.#host;
    const buffer = this.plan.receiveBytes === undefined
      ? scratch
      : scratch.subarray(0, this.plan.receiveBytes);
    for (let i = 0; i < RECEIVES_MAX && !this.#isOver; i++) {
      const count = recv(this.fd, buffer);
      if (count === -EAGAIN) break;
      if (count <= 0) return this.#ended(count);
      this.deadlineMs = now + PATIENCE_MS;
      this.#received += count;
      try {
        this.#reader.take(buffer.subarray(0, count));
      } catch (error) {
        return this.#finish(error instanceof Error ? error.message : String(error));
      }
      if (this.#received >= (this.plan.leavesAfterBytes ?? Infinity)) return this.#leave();
      this.#proceed();
      if (this.#isMuted || count < buffer.length) break;
    }
    if (this.#isMuted && !this.#isOver) this.wakeMs = now + 1;
  }

  /** Continues after a response: the next request, the client's end, or the wait for the server's end. */
  #proceed(): void {
    if (this.#isOver || this.#waiting.length > 0 || this.#second !== null || this.#isClosing) return;
    if (this.#next < this.plan.exchanges.length) return this.#sendSome();
    if (this.plan.halfCloses) return;
    this.#finish(this.#reader.isEmpty ? null : "more than the answers came");
  }

  #ended(count: number): void {
    const isAllSent = this.#next === this.plan.exchanges.length;
    const isEnd = (this.#isClosing || (this.plan.halfCloses && isAllSent)) && this.#waiting.length === 0;
    const how = count === 0 ? "the end" : errnoName(-count);
    this.#finish(isEnd && count === 0 && this.#reader.isEmpty ? null : `${how} came early`);
  }

  /** Leaves in the middle. The part of the response that has arrived is checked. */
  #leave(): void {
    const partial = this.#reader.partial;
    if (partial !== null && this.#waiting.length > 0) {
      const wrong = this.#waiting[0]!.judge(partial);
      if (wrong !== null) this.#host.judged(this.#waiting[0]!, partial, wrong);
    }
    this.#finish(null);
  }

  #finish(wrong: string | null): void {
    this.#isOver = true;
    for (const exchange of this.#waiting) {
      exchange.end();
      this.#host.left(exchange);
    }
    if (this.plan.resets) resetAtClose(this.fd);
    close(this.fd);
    this.#host.finished(this, wrong);
  }
}
