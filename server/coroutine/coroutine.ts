/**
 * A coroutine for each connection: sequential code that awaits, instead of callbacks that are called. It runs on the
 * same reactor, connections and pollers as everything else.
 *
 * `read`, `write`, `respond` and the iterator of `requests` return at once, without a promise, when they need not wait.
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
import { Sleeper } from "../loop/timer.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Serves one client from its first to its last byte; when it returns, the connection is closed. */
export interface Coroutine {
  (connection: CoroutineConnection): Promise<void>;
  /** True: a client for which there is no room can be told so in HTTP. */
  readonly speaksHttp?: boolean;
}

/** Somebody who waits. */
interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/**
 * One client. It speaks HTTP ({@linkcode requests}, {@linkcode respond}) if `requests` is called before the
 * coroutine's first `await`, and bytes ({@linkcode read}, {@linkcode write}) if not.
 */
export class CoroutineConnection {
  /** For bytes: out-of-band data ends the connection. */
  closesOnUrgent = false;
  /** For bytes: milliseconds from the client's arrival after which it is cut off. To be set before the first await. */
  timeoutMs: number | undefined = undefined;
  readonly #host: ConnectionContext;
  #http: SequentialHttpConnection | null = null;
  #bytes: ByteConnection | null = null;
  readonly #keeper: ConnectionKeeper;
  readonly #fd: number;
  // Most coroutines ask for neither: their connections are many.
  #controller: AbortController | null = null;
  #sleepers: Set<Sleeper> | null = null;
  /** The coroutine works on something else than this connection: the loop must not block. */
  #isRunning = false;
  #cancelled: Cancelled | null = null;
  /** What has arrived and was not taken. */
  readonly #held = new Backlog();
  #isEnded = false;
  /** A request that arrived and was not taken. */
  #request: HttpRequest | null = null;
  #reader: Waiting<Bytes | null> | null = null;
  #taker: Waiting<IteratorResult<HttpRequest>> | null = null;
  #writers: Waiting<void>[] = [];

  /** Runs `coroutine` on `fd`, a client that was just accepted. */
  static run(coroutine: Coroutine, fd: number, host: ConnectionContext, keeper: ConnectionKeeper): void {
    new CoroutineConnection(fd, host, keeper).#run(coroutine);
  }

  private constructor(fd: number, host: ConnectionContext, keeper: ConnectionKeeper) {
    this.#fd = fd;
    this.#host = host;
    this.#keeper = keeper;
    this.address = host.clientAddresses.address(fd);
  }

  /** The client's address; null when it was gone already. */
  readonly address: SocketAddress | null;

  /** Its descriptor; −1 once the client is gone. */
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

  /** What handlers get beside a request. */
  get context(): HandlerContext {
    return new RequestContext(this.#host, this);
  }

  /** What has arrived; null at the client's end. @throws {Cancelled} */
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

  /** Sends bytes; settled when the socket has taken them all. @throws {Cancelled} @throws {TypeError} for what is no Uint8Array */
  write(bytes: Uint8Array): void | Promise<void> {
    const connection = this.#speakBytes();
    this.#throwIfCancelled();
    connection.write(bytes);
    this.#throwIfCancelled();
    if (connection.isBlocked) return this.#wait((waiting) => this.#writers.push(waiting));
  }

  /** The client's requests, one after the other; each is to be answered by {@linkcode respond}. */
  requests(): AsyncIterable<HttpRequest> {
    if (this.#bytes !== null) throw new TypeError("Call requests() before the first await of the coroutine");
    this.#http ??= new SequentialHttpConnection(this.#host, this.#keeper, {
      arrived: (request) => this.#arrived(request),
      sent: () => this.#wakeWriters(),
      closed: () => this.#closed(),
    });
    // `for await` takes results that are no promises, too; its type does not say so.
    const iterator = { next: () => this.#next() } as unknown as AsyncIterator<HttpRequest>;
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** Answers the last request; settled when the response is sent. @throws {Cancelled} */
  respond(response: HttpResponse): void | Promise<void> {
    if (!(response instanceof HttpResponse)) throw new TypeError("A response must be an HttpResponse");
    if (this.#host.reactor.isParked) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#host.reactor.post(() => resolve(new Promise((settle) => settle(this.respond(response)))));
      promise.catch(() => {}); // as in #wait
      return promise;
    }
    const connection = this.#http;
    // The next request, if it is there already, is not the one that is meant.
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

  /** Sleeps for so many milliseconds. @throws {Cancelled} */
  sleep(ms: number): Promise<void> {
    this.#throwIfCancelled();
    const { reactor } = this.#host;
    const untilMs = performance.now() + Math.max(Number(ms) || 0, 0); // NaN, too
    const sleepers = this.#sleepers ??= new Set();
    return this.#wait((waiting) => {
      const sleeper = new Sleeper((error) => {
        sleepers.delete(sleeper);
        if (error === null) this.#wake(() => waiting.resolve());
        else this.#wake(() => waiting.reject(error));
      });
      sleepers.add(sleeper);
      reactor.post(() => {
        if (sleepers.has(sleeper)) reactor.expireAt(sleeper, untilMs);
      });
    });
  }

  async #run(coroutine: Coroutine): Promise<void> {
    this.#isRunning = true;
    this.#host.reactor.countPending(1);
    let failure: unknown = null;
    const running = new Promise<void>((resolve) => resolve(coroutine(this))); // what is thrown at once rejects it
    if (this.#http !== null) this.#open(this.#http);
    else this.#speakBytes();
    try {
      await running;
    } catch (error) {
      failure = error ?? new Error("A coroutine threw nothing");
    }
    this.#block();
    this.#host.reactor.post(() => this.#end(failure));
  }

  /** The coroutine is over. */
  #end(failure: unknown): void {
    const isAwaiting = this.#http?.isAwaiting === true; // then the failure becomes a response
    if (failure !== null && failure !== this.#cancelled && !isAwaiting) this.#host.onHandlerError(failure);
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
    const connection = new ByteConnection(this.#host, this.#keeper, () => session);
    this.#bytes = connection;
    connection.attach(this.#fd, Interest.NONE);
    if (connection.retired) this.#closed(); // the poller refuses it, and no session has begun that could be told
    return connection;
  }

  /** How long nothing may happen, depending on what is waited for. */
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
    // Until then the client is listened to: its end behind a few more bytes is to be noticed.
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
    for (const sleeper of this.#sleepers ?? []) {
      this.#host.reactor.expireAt(sleeper, Infinity);
      sleeper.wake(cancelled);
    }
    if (this.#controller !== null) abort(this.#controller, cancelled, this.#host.onHandlerError);
    this.#block(); // whatever else it waits for, nobody waits for it
  }

  #throwIfCancelled(): void {
    if (this.#cancelled !== null) throw this.#cancelled;
  }

  /** A promise for what only the loop can bring. */
  #wait<T>(enlist: (waiting: Waiting<T>) => void): Promise<T> {
    this.#block();
    const promise = new Promise<T>((resolve, reject) => enlist({ resolve, reject }));
    promise.catch(() => {}); // nobody may be waiting for it any more when the client leaves
    return promise;
  }

  #block(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#host.reactor.countPending(-1);
  }

  #wake(settle: () => void): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#host.reactor.countPending(1);
    }
    settle();
  }
}
