/**
 * The requests of one connection on their way to its coroutine, and their responses on the way back.
 *
 * In HTTP/1 there is one request at a time. In HTTP/2 there may be as many as the client may have streams: the coroutine
 * takes them in the order of their heads, and may take the next one before it has answered the last.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import { errorResponse } from "../exchange/error_response.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { RequestContext } from "../exchange/request_context.ts";
import type { RequestTaker } from "../exchange/request_taker.ts";
import { HttpResponse } from "../http/response.ts";
import type { Cancellation, Cancelled } from "./cancelled.ts";
import { RequestExchange } from "./request_exchange.ts";
import type { Waiting, Waits } from "./waits.ts";

/** A response that is not sent completely. */
interface Sending {
  readonly exchange: Exchange;
  readonly waiting: Waiting<void>;
}

/** Returns true for a request of a connection that has several at a time. */
function isMultiplexed({ request }: Exchange): boolean {
  return request!.protocol === "HTTP/2";
}

/** Returns true if the response is complete, and nothing of it waits. */
function isSent({ isOver, carrier }: Exchange): boolean {
  return isOver && !carrier.isBlocked && !carrier.connection.isBlocked;
}

/** The requests of one connection. */
export class RequestQueue implements RequestTaker {
  readonly speaksHttp2 = true;
  readonly #connection: Connection;
  readonly #waits: Waits;
  readonly #cancellation: Cancellation;
  readonly #onClosed: () => void;
  /** Requests that the coroutine has not taken. */
  #untaken: Exchange[] = [];
  #last: Exchange | null = null;
  /** Requests of HTTP/2 that were taken, and are not answered. The loop does not block meanwhile. */
  readonly #open = new Set<Exchange>();
  #taker: Waiting<IteratorResult<RequestExchange>> | null = null;
  #sending: Sending[] = [];
  /** The coroutine has ended. */
  #hasEnded = false;

  /** `onClosed` is called when the connection has closed. */
  constructor(connection: Connection, waits: Waits, cancellation: Cancellation, onClosed: () => void) {
    this.#connection = connection;
    this.#waits = waits;
    this.#cancellation = cancellation;
    this.#onClosed = onClosed;
  }

  /** The request that was taken last; null before the first. */
  get last(): Exchange | null {
    return this.#last;
  }

  // RequestTaker

  arrived(exchange: Exchange): void {
    const { context, fd } = this.#connection;
    const session = context.tls?.sessionOf(fd);
    if (session !== undefined && context.isMisdirected(exchange.request!, session.serverName)) {
      return exchange.respond(errorResponse(421));
    }
    if (this.#hasEnded) return exchange.carrier.refuse(exchange);
    const taker = this.#taker;
    if (taker === null) {
      this.#untaken = this.#untaken.filter(({ isOpen }) => isOpen); // clients may reset many
      this.#untaken.push(exchange);
      return;
    }
    this.#taker = null;
    this.#waits.wake(() => taker.resolve({ value: this.#take(exchange), done: false }));
  }

  sent(): void {
    for (const exchange of this.#open) if (!exchange.isOpen) this.#close(exchange);
    if (this.#sending.length === 0) return;
    const sent = this.#sending.filter(({ exchange }) => isSent(exchange));
    if (sent.length === 0) return;
    this.#sending = this.#sending.filter((one) => !sent.includes(one));
    for (const { waiting } of sent) this.#waits.wake(() => waiting.resolve());
  }

  closed(): void {
    this.#onClosed();
  }

  // The coroutine

  /** Returns the next request, or waits for it. @throws {TypeError} when it is not its turn */
  next(): IteratorResult<RequestExchange> | Promise<IteratorResult<RequestExchange>> {
    if (this.#cancellation.error !== null) return { value: undefined, done: true };
    for (let next = this.#untaken.shift(); next !== undefined; next = this.#untaken.shift()) {
      if (next.isOpen) return { value: this.#take(next), done: false };
    }
    if (this.#taker !== null) throw new TypeError("Another taker of this connection's requests is waiting");
    const last = this.#last;
    if (last?.isOpen === true && !isMultiplexed(last) && !this.#connection.retired) {
      throw new TypeError("Respond to the last request before taking the next one");
    }
    return this.#waits.wait((waiting) => this.#taker = waiting);
  }

  #take(exchange: Exchange): RequestExchange {
    this.#last = exchange;
    exchange.restartHandlerTimeout(); // it may have waited for others
    if (isMultiplexed(exchange)) {
      this.#open.add(exchange);
      this.#connection.context.reactor.countPending(1);
    }
    return new RequestExchange(
      exchange.request!,
      new RequestContext(this.#connection, exchange),
      (response) => this.respond(response, () => exchange),
      (error) => this.#fail(error, exchange),
    );
  }

  /** Ends the time in which the loop does not block for `exchange`. */
  #close(exchange: Exchange): void {
    if (this.#open.delete(exchange)) this.#connection.context.reactor.countPending(-1);
  }

  /** Answers the exchange that `find` returns; null if that request is not there any more. */
  respond(response: HttpResponse, find: () => Exchange | null): void | Promise<void> {
    if (!(response instanceof HttpResponse)) throw new TypeError("A response must be an HttpResponse");
    const { reactor } = this.#connection.context;
    if (reactor.isParked) {
      const { promise, resolve } = Promise.withResolvers<void>();
      reactor.post(() => resolve(new Promise((settle) => settle(this.respond(response, find)))));
      promise.catch(() => {}); // as in `Waits.wait`
      return promise;
    }
    const exchange = find();
    const { retired } = this.#connection;
    if (exchange?.isOpen !== true || retired) {
      response.discard();
      if (retired) this.#cancellation.begin(); // it will be closed at the end of this turn
      this.#cancellation.throwIfBegun();
      if (exchange !== null && !exchange.isAnswered && isMultiplexed(exchange)) return; // its stream was reset
      throw new TypeError("There is no request that waits for this response");
    }
    try {
      exchange.respond(response);
      this.#connection.proceed();
    } catch (error) { // the coroutine gets it, and the loop does not see the exception
      reactor.retire(this.#connection);
      throw error;
    }
    if (isSent(exchange)) return;
    this.#cancellation.throwIfBegun();
    return this.#waits.wait((waiting) => this.#sending.push({ exchange, waiting }));
  }

  #fail(error: unknown, exchange: Exchange): void {
    this.#connection.context.reactor.post(() => {
      if (!exchange.isOpen || this.#connection.retired) return;
      exchange.fail(error);
      this.#connection.proceed();
    });
  }

  /**
   * Answers or gives back what is left, because the coroutine has ended, by `failure` if that is not null. Returns true if
   * the failure was reported.
   */
  end(failure: unknown): boolean {
    this.#hasEnded = true;
    if (this.#connection.retired) return false;
    const left = [...this.#open].filter(({ isOpen }) => isOpen);
    if (this.#last?.isOpen === true && !left.includes(this.#last)) left.push(this.#last);
    for (const exchange of this.#untaken.splice(0)) {
      if (!exchange.isOpen) continue;
      if (isMultiplexed(exchange) || failure === null) exchange.carrier.refuse(exchange);
      else left.push(exchange);
    }
    for (const [i, exchange] of left.entries()) {
      if (i > 0) exchange.respond(errorResponse(500)); // one report is enough
      else exchange.fail(failure ?? new Error("The coroutine ended before it responded"));
    }
    return left.length > 0;
  }

  /** Ends what waits, because the client is gone. */
  cancel(error: Cancelled): void {
    const taker = this.#taker;
    const sending = this.#sending;
    this.#taker = null;
    this.#sending = [];
    if (taker !== null) this.#waits.wake(() => taker.resolve({ value: undefined, done: true }));
    for (const { waiting } of sending) this.#waits.wake(() => waiting.reject(error));
    for (const exchange of this.#open) this.#close(exchange);
  }
}
