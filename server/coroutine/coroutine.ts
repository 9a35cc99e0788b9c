/**
 * A coroutine for each connection: sequential code with `await` instead of callbacks. It uses the same reactor,
 * connections and pollers as handlers.
 *
 * `read`, `write`, `respond` and the iterator of `requests` return without a promise if they need not wait.
 * @module
 */
import type { SocketAddress } from "../../ffi/socket/socket.ts";
import { abort } from "../embedder/abort.ts";
import { Backlog } from "../connection/pending_bytes.ts";
import { ByteConnection } from "../protocols/bytes/bytes.ts";
import { Cancelled } from "./cancelled.ts";
import type { ConnectionKeeper } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { HandlerContext } from "../connection/handler.ts";
import type { HttpRequest } from "../http/request.ts";
import { HttpResponse } from "../http/response.ts";
import type { Session } from "../protocols/bytes/session.ts";
import { RequestContext } from "../exchange/request_context.ts";
import { SequentialHttpConnection } from "./request_queue.ts";
import { ABANDONED_TIMEOUT_MS, REQUEST_BODY_QUEUE_BYTES_MAX, SESSION_IDLE_TIMEOUT_MS } from "../limits.ts";
import { Interest } from "../loop/poller.ts";
import { Timer } from "../loop/timer.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Serves one client. When it returns, the connection is closed. */
export interface Coroutine {
  (connection: CoroutineConnection): Promise<void>;
  /** True if a client that is rejected for lack of room may get an HTTP response. */
  readonly speaksHttp?: boolean;
}

/** The functions of a pending promise. */
interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
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
  #http: SequentialHttpConnection | null = null;
  #bytes: ByteConnection | null = null;
  readonly #keeper: ConnectionKeeper;
  readonly #fd: number;
  // Created on demand, because most coroutines use neither, and there are many connections.
  #controller: AbortController | null = null;
  #sleepers: Map<Timer, Waiting<void>> | null = null;
  /** True while the coroutine runs, or waits for something else than this connection. The loop must not block then. */
  #isRunning = false;
  #cancelled: Cancelled | null = null;
  /** Received bytes that the coroutine has not read. */
  readonly #held = new Backlog();
  #isEnded = false;
  /** A received request that the coroutine has not taken; null if there is none. */
  #request: HttpRequest | null = null;
  #reader: Waiting<Bytes | null> | null = null;
  #taker: Waiting<IteratorResult<HttpRequest>> | null = null;
  #writers: Waiting<void>[] = [];

  /** Runs `coroutine` for `fd`, a client that was just accepted. */
  static run(coroutine: Coroutine, fd: number, context: ConnectionContext, keeper: ConnectionKeeper): void {
    new CoroutineConnection(fd, context, keeper).#run(coroutine);
  }

  private constructor(fd: number, context: ConnectionContext, keeper: ConnectionKeeper) {
    this.#fd = fd;
    this.#shared = context;
    this.#keeper = keeper;
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
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#cancelled !== null) this.#controller.abort(this.#cancelled);
    }
    return this.#controller.signal;
  }

  /** The context to pass to a handler. */
  get context(): HandlerContext {
    return new RequestContext(this.#shared, this);
  }

  /** Reads received bytes; null at the client's end. @throws {Cancelled} @throws {TypeError} if another read is waiting */
  read(): Uint8Array<ArrayBuffer> | null | Promise<Uint8Array<ArrayBuffer> | null> {
    const bytes = this.#speakBytes();
    if (this.#reader !== null) throw new TypeError("Another read of this connection is waiting");
    if (this.#held.length > 0) {
      bytes.resume();
      return this.#held.take();
    }
    const received = bytes.receiveNow();
    if (received !== null) return received;
    if (this.#isEnded) return null;
    this.#throwIfCancelled();
    const promise = this.#wait<Bytes | null>((waiting) => this.#reader = waiting);
    bytes.awaitClient();
    return promise;
  }

  /** Sends bytes; resolves when the socket has taken all. @throws {Cancelled} @throws {TypeError} for no Uint8Array */
  write(bytes: Uint8Array): void | Promise<void> {
    const connection = this.#speakBytes();
    this.#throwIfCancelled();
    connection.write(bytes);
    this.#throwIfCancelled();
    if (connection.isBlocked) return this.#wait((waiting) => this.#writers.push(waiting));
  }

  /** Iterates over the requests, each to be answered by {@linkcode respond}. @throws {TypeError} if it transports bytes */
  requests(): AsyncIterable<HttpRequest> {
    if (this.#bytes !== null) throw new TypeError("Call requests() before the first await of the coroutine");
    this.#http ??= new SequentialHttpConnection(this.#shared, this.#keeper, {
      arrived: (request) => this.#arrived(request),
      sent: () => this.#wakeWriters(),
      closed: () => this.#closed(),
    });
    // `for await` also accepts results that are not promises, but its type does not.
    const iterator = { next: () => this.#next() } as unknown as AsyncIterator<HttpRequest>;
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** Answers the last request; resolves when all is sent. @throws {Cancelled} @throws {TypeError} if no request waits */
  respond(response: HttpResponse): void | Promise<void> {
    if (!(response instanceof HttpResponse)) throw new TypeError("A response must be an HttpResponse");
    if (this.#shared.reactor.isParked) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#shared.reactor.post(() => resolve(new Promise((settle) => settle(this.respond(response)))));
      promise.catch(() => {}); // as in `#wait`
      return promise;
    }
    const connection = this.#http;
    // A request that has arrived but was not taken yet is not the one to answer.
    if (connection === null || !connection.isAwaiting || this.#request !== null) {
      response.discard();
      if (connection?.retired) this.#cancelled ??= new Cancelled(); // it will be closed at the end of this turn
      this.#throwIfCancelled();
      throw new TypeError("There is no request that waits for this response");
    }
    if (connection.send(response)) return;
    this.#throwIfCancelled();
    return this.#wait((waiting) => this.#writers.push(waiting));
  }

  /** Resolves after `ms` milliseconds. @throws {Cancelled} */
  sleep(ms: number): Promise<void> {
    this.#throwIfCancelled();
    const { reactor } = this.#shared;
    const untilMs = performance.now() + Math.max(Number(ms) || 0, 0); // NaN counts as 0
    const sleepers: Map<Timer, Waiting<void>> = this.#sleepers ??= new Map();
    return this.#wait((waiting) => {
      const timer = new Timer(() => {
        sleepers.delete(timer);
        this.#wake(() => waiting.resolve());
      });
      sleepers.set(timer, waiting);
      reactor.post(() => {
        if (sleepers.has(timer)) reactor.expireAt(timer, untilMs);
      });
    });
  }

  async #run(coroutine: Coroutine): Promise<void> {
    this.#isRunning = true;
    this.#shared.reactor.countPending(1);
    let failure: unknown = null;
    const running = new Promise<void>((resolve) => resolve(coroutine(this))); // an exception becomes a rejection
    if (this.#http !== null) this.#open(this.#http);
    else this.#speakBytes();
    try {
      await running;
    } catch (error) {
      failure = error ?? new Error("A coroutine threw nothing");
    }
    this.#block();
    this.#shared.reactor.post(() => this.#end(failure));
  }

  /** Ends the connection after the coroutine has ended. */
  #end(failure: unknown): void {
    const isAwaiting = this.#http?.isAwaiting === true; // the failure then becomes a response
    if (failure !== null && failure !== this.#cancelled && !isAwaiting) this.#shared.onHandlerError(failure);
    this.#http?.end(failure, this.#request === null);
    this.#bytes?.end();
  }

  #open(connection: SequentialHttpConnection): void {
    connection.attach(this.#fd, Interest.NONE);
    connection.start();
  }

  #speakBytes(): ByteConnection {
    if (this.#http !== null) throw new TypeError("This connection speaks HTTP: use requests() and respond()");
    if (this.#bytes !== null) return this.#bytes;
    const session: Session & { readonly owner: CoroutineConnection } = {
      owner: this,
      received: (bytes) => this.#received(bytes),
      ended: () => this.#clientEnded(),
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
    const connection = new ByteConnection(this.#shared, this.#keeper, () => session);
    this.#bytes = connection;
    connection.attach(this.#fd, Interest.NONE);
    if (connection.retired) this.#closed(); // the poller failed to watch it, and there is no session to inform
    return connection;
  }

  /** The idle timeout in milliseconds, which depends on what the coroutine waits for. */
  get #patienceMs(): number {
    if (this.#reader !== null) return SESSION_IDLE_TIMEOUT_MS;
    return this.#bytes?.hasClientEnded ? ABANDONED_TIMEOUT_MS : Infinity; // the coroutine is at work
  }

  #received(bytes: Uint8Array): void {
    const reader = this.#reader;
    if (reader !== null) {
      this.#reader = null;
      const copy = new Uint8Array(bytes);
      return this.#wake(() => reader.resolve(copy));
    }
    this.#held.add(bytes);
    // Receiving goes on until then, so that the client's end after a few more bytes is noticed.
    if (this.#held.length >= REQUEST_BODY_QUEUE_BYTES_MAX) this.#bytes!.pause();
  }

  #clientEnded(): void {
    this.#isEnded = true;
    const reader = this.#reader;
    this.#reader = null;
    if (reader !== null) this.#wake(() => reader.resolve(null));
  }

  #arrived(request: HttpRequest): void {
    const taker = this.#taker;
    if (taker === null) {
      this.#request = request;
      return;
    }
    this.#taker = null;
    this.#wake(() => taker.resolve({ value: request, done: false }));
  }

  #next(): IteratorResult<HttpRequest> | Promise<IteratorResult<HttpRequest>> {
    const request = this.#request;
    this.#request = null;
    if (this.#cancelled !== null) return { value: undefined, done: true };
    if (request !== null) return { value: request, done: false };
    if (this.#taker !== null) throw new TypeError("Another taker of this connection's requests is waiting");
    if (this.#http!.isAwaiting) throw new TypeError("Respond to the last request before taking the next one");
    return this.#wait((waiting) => this.#taker = waiting);
  }

  #wakeWriters(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) this.#wake(() => writer.resolve());
  }

  #closed(): void {
    const cancelled = this.#cancelled ??= new Cancelled();
    const { reader, taker, writers } = { reader: this.#reader, taker: this.#taker, writers: this.#writers };
    this.#reader = this.#taker = null;
    this.#writers = [];
    if (taker !== null) this.#wake(() => taker.resolve({ value: undefined, done: true }));
    for (const waiting of reader === null ? writers : [reader, ...writers]) {
      this.#wake(() => waiting.reject(cancelled));
    }
    for (const [timer, waiting] of this.#sleepers ?? []) {
      this.#shared.reactor.expireAt(timer, Infinity);
      this.#wake(() => waiting.reject(cancelled));
    }
    this.#sleepers?.clear();
    if (this.#controller !== null) abort(this.#controller, cancelled, this.#shared.onHandlerError);
    this.#block(); // whatever else the coroutine waits for, the loop need not wait
  }

  #throwIfCancelled(): void {
    if (this.#cancelled !== null) throw this.#cancelled;
  }

  /** Returns a promise that only the loop can settle. */
  #wait<T>(enlist: (waiting: Waiting<T>) => void): Promise<T> {
    this.#block();
    const promise = new Promise<T>((resolve, reject) => enlist({ resolve, reject }));
    promise.catch(() => {}); // a rejection that the coroutine does not await must not end the process
    return promise;
  }

  #block(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#shared.reactor.countPending(-1);
  }

  #wake(settle: () => void): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#shared.reactor.countPending(1);
    }
    settle();
  }
}
