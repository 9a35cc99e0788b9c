/**
 * One stream of HTTP/2 that outlives a turn: a request whose body arrives, whose handler is at work, or whose response
 * waits for its windows or the socket.
 *
 * Source: RFC 9113 §5.1 and §5.2.
 * @module
 */
import type { Connection } from "../../../connection/connection.ts";
import { MinimumRate } from "../../../connection/minimum_rate.ts";
import type { State } from "../../../connection/state.ts";
import { BodyRate } from "../../../exchange/body_rate.ts";
import type { Carrier } from "../../../exchange/carrier.ts";
import { Exchange } from "../../../exchange/exchange.ts";
import type { Fields } from "../../../http/field_lines.ts";
import { FileBody } from "../../../http/file_body.ts";
import type { HttpRequest } from "../../../http/request.ts";
import { HttpResponse } from "../../../http/response.ts";
import { ErrorCode } from "../frames/errors.ts";
import { StreamData } from "./stream_data.ts";
import { StreamPriority } from "./priority.ts";
import { Window } from "../frames/window.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The connection of a stream. */
export interface StreamOwner {
  readonly connection: Connection;
  /** Sends an interim response. */
  sendHints(stream: Stream, fields: Fields): void;
  /** Sends the end of a response of which no data waits. */
  sendEnd(stream: Stream): void;
  /** Ends a stream whose request was not looked at. */
  giveBack(stream: Stream): void;
  /** Sends the head of a response, and appends its body to the stream's data if that is in memory. */
  sendHead(stream: Stream, response: HttpResponse, isEnd: boolean): void;
  /** Takes a stream whose response is written. */
  complete(stream: Stream): void;
  /** Ends the stream by an error. */
  resetStream(stream: Stream, code: ErrorCode): void;
  /** Lets the client send more of the stream's body. */
  wantBody(stream: Stream): void;
}

/** A stream. */
export class Stream implements Carrier<Exchange> {
  readonly id: number;
  readonly exchange: Exchange;
  readonly priority: StreamPriority = new StreamPriority();
  /** How much the client accepts. */
  readonly window: Window;
  /** How many bytes of the body the client may still send. */
  receiveWindow: number;
  /** Bytes of the request's body that have arrived. */
  receivedBytes = 0;
  /** What the window is to be widened by, once the reader has room. */
  unreturnedBytes = 0;
  /** The client sends nothing more. */
  hasClientEnded = false;
  /** The end of the response is written, or the stream was reset. */
  isOver = false;
  /** The response. */
  status = 0;
  /** Bytes of the body that were written. */
  sentBytes = 0;
  /** When to check the rate of a body that arrives before the handler is called; Infinity if none does. */
  bodyUntilMs: number = Infinity;
  #bodyRate: BodyRate | null = null;
  /** What follows the body; null for nothing. */
  trailers: Fields | null = null;
  /** The bytes of the head that its request keeps. */
  headBytes = 0;
  readonly isMultiplexed = true;
  /** The rate at which the client takes what this stream's own window holds back; null while it holds back nothing. */
  #stall: MinimumRate | null = null;
  readonly #owner: StreamOwner;
  /** What waits to be written. */
  readonly data: StreamData;
  /** Nothing follows what waits. */
  #isComplete = false;

  constructor(owner: StreamOwner, id: number, sendWindowBytes: number, receiveWindowBytes: number) {
    this.#owner = owner;
    this.id = id;
    this.window = new Window(sendWindowBytes);
    this.receiveWindow = receiveWindowBytes;
    this.data = new StreamData(owner.connection.context);
    this.exchange = new Exchange(this);
  }

  get request(): HttpRequest {
    return this.exchange.request!;
  }

  /** True if there is data, or an end, that may be written now. */
  get isReady(): boolean {
    if (this.isOver || this.status === 0) return false;
    return this.data.isEmpty ? this.#isComplete : this.window.bytes > 0;
  }

  /** What the stream is doing, in the words for a connection. */
  get activity(): State {
    if (this.status !== 0) return "writing";
    return this.hasClientEnded || this.exchange.body !== null ? "handling" : "reading-body";
  }

  /** Returns when to check next whether the client opens the stream's window; Infinity if that holds back nothing. */
  stallUntilMs(nowMs: number, timeoutMs: number): number {
    if (this.data.isEmpty || this.window.bytes > 0) {
      this.#stall = null;
      return Infinity;
    }
    if (this.#stall === null) {
      this.#stall = new MinimumRate();
      this.#stall.begin(nowMs, this.sentBytes);
    }
    return this.#stall.nextMs(nowMs, timeoutMs);
  }

  /** True if the client takes the stream too slowly, for {@linkcode Stream.stallUntilMs}. */
  isTooSlow(nowMs: number, timeoutMs: number, rateMin: number): boolean {
    return this.#stall?.isTooSlow(nowMs, this.sentBytes, timeoutMs, rateMin) === true;
  }

  hasMoreThan(bytes: number): boolean {
    return this.data.hasMoreThan(bytes);
  }

  // Carrier

  get connection(): Connection {
    return this.#owner.connection;
  }

  get isBlocked(): boolean {
    return !this.data.isEmpty;
  }

  get mayHaveLeft(): boolean {
    return this.connection.input.isEnded;
  }

  respond(_exchange: Exchange, response: HttpResponse): void {
    const { stream, status } = response;
    const form = HttpResponse.http1(response);
    const isHead = this.request.method === "HEAD";
    const { tail } = form;
    this.status = status;
    this.bodyUntilMs = Infinity;
    const isEmpty = tail === null ? form.bytes.length === form.headLength : tail.length === 0;
    if (isHead || (stream === null && isEmpty)) {
      if (tail instanceof FileBody) tail.close();
      else if (isHead) response.discard();
      this.#owner.sendHead(this, response, true);
      return this.exchange.end();
    }
    this.#owner.sendHead(this, response, false);
    if (stream !== null) return;
    if (tail instanceof FileBody) this.data.appendFile(tail);
    this.#isComplete = true;
    this.exchange.end();
  }

  write(_exchange: Exchange, piece: Bytes): void {
    this.data.append(piece);
  }

  sendHints(_exchange: Exchange, fields: Fields): void {
    this.#owner.sendHints(this, fields);
  }

  finish(_exchange: Exchange, trailers: Fields | null): void {
    this.trailers = trailers;
    this.#isComplete = true;
    this.exchange.end();
    if (this.data.isEmpty) this.#owner.sendEnd(this); // an end needs no window
  }

  refuse(): void {
    this.#owner.giveBack(this);
  }

  reset(): void {
    this.#owner.resetStream(this, this.status === 0 ? ErrorCode.CANCEL : ErrorCode.INTERNAL_ERROR);
  }

  wantBody(): void {
    this.#owner.wantBody(this);
  }

  /** Waits for a body that no handler reads while it arrives. */
  awaitBody(): void {
    this.#bodyRate = new BodyRate(this.connection.context);
    this.bodyUntilMs = this.#bodyRate.begin(this.receivedBytes, false);
  }

  /** Returns false if that body arrives too slowly. */
  isBodyInTime(nowMs: number): boolean {
    if (nowMs < this.bodyUntilMs) return true;
    this.bodyUntilMs = this.#bodyRate!.check(this.receivedBytes, false) ?? Infinity;
    return this.bodyUntilMs !== Infinity;
  }

  /** The client sends nothing more. */
  endInput(): void {
    this.hasClientEnded = true;
    this.bodyUntilMs = Infinity;
  }

  // Writing

  /**
   * Writes the next data to `out[at, at + room)`, as far as the window allows. Returns how many bytes, or −errno for a file that
   * cannot be read or has changed, and for memory that is gone.
   */
  take(out: Bytes, at: number, room: number): number {
    const count = this.data.take(out, at, Math.min(room, this.window.bytes));
    if (count > 0) this.#count(count);
    return count;
  }

  /** Passes over data of the body that was sent. */
  pass(count: number): void {
    this.data.pass(count);
    this.#count(count);
  }

  #count(bytes: number): void {
    this.window.bytes -= bytes;
    this.sentBytes += bytes;
  }

  /** True if everything is written, and nothing follows. */
  get isWritten(): boolean {
    return this.#isComplete && this.data.isEmpty;
  }

  /** Drops what waits. */
  discard(): void {
    this.isOver = true;
    this.bodyUntilMs = Infinity;
    this.data.discard();
  }
}
