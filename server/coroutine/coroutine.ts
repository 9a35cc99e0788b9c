/**
 * A coroutine for each connection: sequential code with `await` instead of callbacks. It uses the same reactor,
 * connections and pollers as handlers.
 *
 * `read`, `write`, `respond` and the iterator of `requests` return without a promise if they need not wait.
 * @module
 */
import type { SocketAddress } from "../../ffi/socket/socket.ts";
import { LazySignal } from "../embedder/abort.ts";
import { Bytes } from "../protocols/bytes/bytes.ts";
import { Cancelled } from "./cancelled.ts";
import type { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { Handler, HandlerContext } from "../connection/handler.ts";
import { HttpResponse } from "../http/response.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { Http1 } from "../protocols/http1/http1.ts";
import { ReceivedBytes } from "./received_bytes.ts";
import { RequestExchange } from "./request_exchange.ts";
import type { Session } from "../protocols/bytes/session.ts";
import { RequestContext } from "../exchange/request_context.ts";
import { errorResponse } from "../exchange/error_response.ts";
import { ABANDONED_TIMEOUT_MS, REQUEST_BODY_QUEUE_BYTES_MAX, SESSION_IDLE_TIMEOUT_MS } from "../limits.ts";
import { type Waiting, Waits } from "./waits.ts";

/** Serves one client. When it returns, the connection is closed. */
export interface Coroutine {
  (connection: CoroutineConnection): Promise<void>;
  /** True if a client that is rejected for lack of room may get an HTTP response. */
  readonly speaksHttp?: boolean;
  /** The handler whose responses the coroutine sends, for requests that are answered before there is a coroutine. */
  readonly handler?: Handler;
}

/**
 * The connection to one client. If `requests` is called before the coroutine's first `await`, it speaks HTTP
 * ({@linkcode requests}, {@linkcode respond}). Otherwise it transports bytes ({@linkcode read}, {@linkcode write}).
 * Methods of the other kind throw a TypeError. Once the client is gone, methods throw {@linkcode Cancelled}.
 */
export class CoroutineConnection {
  /** Whether out-of-band data closes the connection. For bytes only. Default false. */
  closesOnUrgent = false;
  /** The longest duration of the connection in milliseconds. For bytes only. To be set before the first `await`. */
  timeoutMs: number | undefined = undefined;
  readonly #shared: ConnectionContext;
  readonly #connection: Connection;
  readonly #fd: number;
  #http: Http1 | null = null;
  #bytes: Bytes | null = null;
  readonly #abortion: LazySignal;
  readonly #waits: Waits;
  #cancelled: Cancelled | null = null;
  readonly #received: ReceivedBytes;
  /** The last request that has arrived; null before the first. */
  #exchange: Exchange | null = null;
  /** True if the coroutine has not taken it. */
  #isUntaken = false;
  /** True from a response until all of it is sent. */
  #isSending = false;
  #taker: Waiting<IteratorResult<RequestExchange>> | null = null;
  #writers: Waiting<void>[] = [];

  /** Runs `coroutine` for `connection`, whose client was just accepted. */
  static run(coroutine: Coroutine, connection: Connection): void {
    new CoroutineConnection(connection).#run(coroutine);
  }

  private constructor(connection: Connection) {
    const { fd, context } = connection;
    this.#connection = connection;
    this.#fd = fd;
    this.#shared = context;
    this.#waits = new Waits(context.reactor);
    this.#received = new ReceivedBytes(this.#waits);
    this.#abortion = new LazySignal(context.onHandlerError);
    this.address = context.clientAddresses.address(fd);
  }

  /** The client's address; null if the client was already gone. */
  readonly address: SocketAddress | null;

  /** The descriptor; −1 once the client is gone. */
  get openFd(): number {
    return this.#cancelled === null ? this.#fd : -1;
  }

  /** Aborted once the client is gone. */
  get signal(): AbortSignal {
    return this.#abortion.signal;
  }

  /** The context to pass to a handler. */
  get context(): HandlerContext {
    return new RequestContext(this.#shared, this);
  }

  /** Reads received bytes; null at the client's end. @throws {Cancelled} @throws {TypeError} if another read is waiting */
  read(): Uint8Array<ArrayBuffer> | null | Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = this.#speakBytes();
    const received = this.#received;
    if (received.isAwaited) throw new TypeError("Another read of this connection is waiting");
    if (received.length > 0) {
      bytes.resume();
      return received.take();
    }
    const now = bytes.receiveNow();
    if (now !== null) return now;
    if (received.isEnded) return null;
    this.#throwIfCancelled();
    const promise = received.next();
    bytes.awaitClient();
    return promise;
  }

  /** Sends bytes; resolves when the socket has taken all. @throws {Cancelled} @throws {TypeError} for no Uint8Array */
  write(bytes: Uint8Array): void | Promise<void> {
    const connection = this.#speakBytes();
    this.#throwIfCancelled();
    connection.write(bytes);
    this.#throwIfCancelled();
    if (connection.isBlocked) return this.#waits.wait((waiting) => this.#writers.push(waiting));
  }

  /**
   * Iterates over the requests, each to be answered by its `respond`. The next one is read after that.
   * @throws {TypeError} if the connection transports bytes
   */
  requests(): AsyncIterable<RequestExchange> {
    if (this.#bytes !== null) throw new TypeError("Call requests() before the first await of the coroutine");
    this.#http ??= new Http1(this.#connection, {
      arrived: (exchange) => this.#arrived(exchange),
      sent: () => this.#sent(),
      closed: () => this.#closed(),
    });
    // `for await` also accepts results that are not promises, but its type does not.
    const iterator = { next: () => this.#next() } as unknown as AsyncIterator<RequestExchange>;
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** Answers the last request; resolves when all is sent. @throws {Cancelled} @throws {TypeError} if no request waits */
  respond(response: HttpResponse): void | Promise<void> {
    return this.#respond(response, () => this.#isUntaken ? null : this.#exchange);
  }

  /** Answers the exchange that `find` returns; null if that request is not there any more. */
  #respond(response: HttpResponse, find: () => Exchange | null): void | Promise<void> {
    if (!(response instanceof HttpResponse)) throw new TypeError("A response must be an HttpResponse");
    if (this.#shared.reactor.isParked) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#shared.reactor.post(() =>
        resolve(new Promise((settle) => settle(this.#respond(response, find))))
      );
      promise.catch(() => {}); // as in `Waits.wait`
      return promise;
    }
    const exchange = find();
    const { retired } = this.#connection;
    if (exchange?.isOpen !== true || retired) {
      response.discard();
      if (retired) this.#cancelled ??= new Cancelled(); // it will be closed at the end of this turn
      this.#throwIfCancelled();
      throw new TypeError("There is no request that waits for this response");
    }
    this.#isSending = true;
    try {
      exchange.respond(response);
      this.#connection.proceed();
    } catch (error) { // the coroutine gets it, and the loop does not see the exception
      this.#shared.reactor.retire(this.#connection);
      throw error;
    }
    if (!this.#isSending) return;
    this.#throwIfCancelled();
    return this.#waits.wait((waiting) => this.#writers.push(waiting));
  }

  /** Resolves after `ms` milliseconds. @throws {Cancelled} */
  sleep(ms: number): Promise<void> {
    this.#throwIfCancelled();
    return this.#waits.sleep(ms);
  }

  async #run(coroutine: Coroutine): Promise<void> {
    this.#waits.wake();
    let failure: unknown = null;
    const running = new Promise<void>((resolve) => resolve(coroutine(this))); // an exception becomes a rejection
    if (this.#http === null) this.#speakBytes();
    else {
      const { reactor, limits } = this.#shared;
      this.#connection.speak(this.#http);
      this.#connection.expireAt(reactor.now + limits.keepAliveTimeoutMs);
      this.#connection.start();
    }
    try {
      await running;
    } catch (error) {
      failure = error ?? new Error("A coroutine threw nothing");
    }
    this.#waits.block();
    this.#shared.reactor.post(() => this.#end(failure));
  }

  /** Ends the connection after the coroutine has ended. */
  #end(failure: unknown): void {
    const exchange = this.#isAwaiting ? this.#exchange : null; // the failure then becomes a response
    if (failure !== null && failure !== this.#cancelled && exchange === null) {
      this.#shared.onHandlerError(failure);
    }
    if (exchange !== null && (!this.#isUntaken || failure !== null)) {
      exchange.fail(failure ?? new Error("The coroutine ended before it responded"));
    }
    this.#http?.close();
    this.#bytes?.end();
  }

  /** True if the last request is not answered. */
  get #isAwaiting(): boolean {
    return this.#exchange?.isOpen === true && !this.#connection.retired;
  }

  #speakBytes(): Bytes {
    if (this.#http !== null) throw new TypeError("This connection speaks HTTP: use requests() and respond()");
    if (this.#bytes !== null) return this.#bytes;
    const session: Session & { readonly owner: CoroutineConnection } = {
      owner: this,
      received: (bytes) => this.#hold(bytes),
      ended: () => this.#received.end(),
      drained: () => this.#wakeWriters(),
      closed: () => this.#closed(),
      get closesOnUrgent() {
        return this.owner.closesOnUrgent;
      },
      get timeoutMs() {
        return this.owner.timeoutMs;
      },
      get idleTimeoutMs() {
        return this.owner.#patienceMs;
      },
    };
    const bytes = this.#bytes = new Bytes(this.#connection, () => session);
    bytes.start();
    if (this.#connection.retired) this.#closed(); // the poller failed to watch it, and there is no session to inform
    return bytes;
  }

  /** The idle timeout in milliseconds, which depends on what the coroutine waits for. */
  get #patienceMs(): number {
    if (this.#received.isAwaited) return SESSION_IDLE_TIMEOUT_MS;
    return this.#bytes?.hasClientEnded ? ABANDONED_TIMEOUT_MS : Infinity; // the coroutine is at work
  }

  #hold(bytes: Uint8Array): void {
    this.#received.add(bytes);
    // Receiving goes on until then, so that the client's end after a few more bytes is noticed.
    if (this.#received.length >= REQUEST_BODY_QUEUE_BYTES_MAX) this.#bytes!.pause();
  }

  #arrived(exchange: Exchange): void {
    const shared = this.#shared;
    const session = shared.tls?.sessionOf(this.#fd);
    if (session !== undefined && shared.isMisdirected(exchange.request!, session.serverName)) {
      return exchange.respond(errorResponse(421));
    }
    this.#exchange = exchange;
    const taker = this.#taker;
    if (taker === null) {
      this.#isUntaken = true;
      return;
    }
    this.#taker = null;
    this.#waits.wake(() => taker.resolve({ value: this.#take(exchange), done: false }));
  }

  #take(exchange: Exchange): RequestExchange {
    this.#isUntaken = false;
    return new RequestExchange(exchange.request!, (response) => this.#respond(response, () => exchange));
  }

  #next(): IteratorResult<RequestExchange> | Promise<IteratorResult<RequestExchange>> {
    if (this.#cancelled !== null) return { value: undefined, done: true };
    if (this.#isUntaken) return { value: this.#take(this.#exchange!), done: false };
    if (this.#taker !== null) throw new TypeError("Another taker of this connection's requests is waiting");
    if (this.#isAwaiting) throw new TypeError("Respond to the last request before taking the next one");
    return this.#waits.wait((waiting) => this.#taker = waiting);
  }

  #sent(): void {
    if (!this.#isSending) return;
    this.#isSending = false;
    this.#wakeWriters();
  }

  #wakeWriters(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) this.#waits.wake(() => writer.resolve());
  }

  #closed(): void {
    const cancelled = this.#cancelled ??= new Cancelled();
    const taker = this.#taker;
    const writers = this.#writers;
    this.#taker = null;
    this.#writers = [];
    if (taker !== null) this.#waits.wake(() => taker.resolve({ value: undefined, done: true }));
    this.#received.cancel(cancelled);
    for (const waiting of writers) this.#waits.wake(() => waiting.reject(cancelled));
    this.#waits.cancelSleeps(cancelled);
    this.#abortion.abort(cancelled);
    this.#waits.block(); // whatever else the coroutine waits for, the loop need not wait
  }

  #throwIfCancelled(): void {
    if (this.#cancelled !== null) throw this.#cancelled;
  }
}
