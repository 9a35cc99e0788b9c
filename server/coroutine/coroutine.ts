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
import { Cancellation } from "./cancelled.ts";
import type { Connection } from "../connection/connection.ts";
import type { ConnectionContext } from "../connection/context.ts";
import type { Handler, HandlerContext } from "../connection/handler.ts";
import type { HttpResponse } from "../http/response.ts";
import { Http1 } from "../protocols/http1/http1.ts";
import { Http2 } from "../protocols/http2/http2.ts";
import { ReceivedBytes } from "./received_bytes.ts";
import type { RequestExchange } from "./request_exchange.ts";
import { RequestQueue } from "./request_queue.ts";
import type { Session } from "../protocols/bytes/session.ts";
import { type ContextOwner, RequestContext } from "../exchange/request_context.ts";
import { ABANDONED_TIMEOUT_MS, REQUEST_BODY_QUEUE_BYTES_MAX, SESSION_IDLE_TIMEOUT_MS } from "../limits.ts";
import { type Waiting, Waits } from "./waits.ts";

/** Serves one client. When it returns, the connection is closed. */
export interface Coroutine {
  (connection: CoroutineConnection): Promise<void>;
  /**
   * True for a coroutine that calls `requests`. Clients of HTTPS are then offered HTTP by name (ALPN), and a client that
   * is rejected for lack of room may get an HTTP response.
   */
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
  #http: Http1 | Http2 | null = null;
  #bytes: Bytes | null = null;
  readonly #abortion: LazySignal;
  readonly #waits: Waits;
  readonly #cancellation = new Cancellation();
  readonly #received: ReceivedBytes;
  readonly #requests: RequestQueue;
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
    this.#requests = new RequestQueue(connection, this.#waits, this.#cancellation, () => this.#closed());
    this.#abortion = new LazySignal(context.onHandlerError);
    this.address = context.clientAddresses.address(fd);
  }

  /** The client's address; null if the client was already gone. */
  readonly address: SocketAddress | null;

  /** The descriptor; −1 once the client is gone. */
  get openFd(): number {
    return this.#cancellation.error === null ? this.#fd : -1;
  }

  /** Aborted once the client is gone. */
  get signal(): AbortSignal {
    return this.#abortion.signal;
  }

  /** A context to pass to a handler, for the request that was taken last. Each request also has a context of its own. */
  get context(): HandlerContext {
    const owner: ContextOwner & { readonly connection: CoroutineConnection } = {
      connection: this,
      get signal() {
        return this.connection.signal;
      },
      earlyHints: (fields) => this.#requests.last?.earlyHints(fields),
    };
    return new RequestContext(this.#connection, owner);
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
    this.#cancellation.throwIfBegun();
    const promise = received.next();
    bytes.awaitClient();
    return promise;
  }

  /** Sends bytes; resolves when the socket has taken all. @throws {Cancelled} @throws {TypeError} for no Uint8Array */
  write(bytes: Uint8Array): void | Promise<void> {
    const connection = this.#speakBytes();
    this.#cancellation.throwIfBegun();
    connection.write(bytes);
    this.#cancellation.throwIfBegun();
    if (connection.isBlocked) return this.#waits.wait((waiting) => this.#writers.push(waiting));
  }

  /**
   * Iterates over the requests, each to be answered by its `respond`. In HTTP/1 the next one is read after that. An HTTP/2
   * client sends many at a time: the next one may be taken before the last is answered.
   * @throws {TypeError} if the connection transports bytes
   */
  requests(): AsyncIterable<RequestExchange> {
    if (this.#bytes !== null) throw new TypeError("Call requests() before the first await of the coroutine");
    const { tls } = this.#shared;
    const isHttp2 = tls?.sessionOf(this.#fd)?.protocol === "h2";
    this.#http ??= new (isHttp2 ? Http2 : Http1)(this.#connection, this.#requests);
    // `for await` also accepts results that are not promises, but its type does not.
    const iterator = { next: () => this.#requests.next() } as unknown as AsyncIterator<RequestExchange>;
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** Answers the last request; resolves when all is sent. @throws {Cancelled} @throws {TypeError} if no request waits */
  respond(response: HttpResponse): void | Promise<void> {
    return this.#requests.respond(response, () => this.#requests.last);
  }

  /** Resolves after `ms` milliseconds. @throws {Cancelled} */
  sleep(ms: number): Promise<void> {
    this.#cancellation.throwIfBegun();
    return this.#waits.sleep(ms);
  }

  async #run(coroutine: Coroutine): Promise<void> {
    this.#waits.wake();
    let failure: unknown = null;
    const running = new Promise<void>((resolve) => resolve(coroutine(this))); // an exception becomes a rejection
    if (this.#http === null) this.#speakBytes();
    else {
      const { reactor, limits } = this.#shared;
      if (this.#http instanceof Http2) this.#http.begin();
      else {
        this.#connection.speak(this.#http);
        this.#connection.expireAt(reactor.now + limits.keepAliveTimeoutMs);
      }
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
    const isReported = this.#http !== null && this.#requests.end(failure); // the failure then becomes a response
    if (failure !== null && failure !== this.#cancellation.error && !isReported) {
      this.#shared.onHandlerError(failure);
    }
    const { protocol } = this.#connection; // a client of HTTP/1 may have gone on in HTTP/2
    if (protocol instanceof Http1 || protocol instanceof Http2) protocol.close();
    this.#bytes?.end();
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

  #wakeWriters(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const writer of writers) this.#waits.wake(() => writer.resolve());
  }

  #closed(): void {
    const cancelled = this.#cancellation.begin();
    const writers = this.#writers;
    this.#writers = [];
    this.#requests.cancel(cancelled);
    this.#received.cancel(cancelled);
    for (const waiting of writers) this.#waits.wake(() => waiting.reject(cancelled));
    this.#waits.cancelSleeps(cancelled);
    this.#abortion.abort(cancelled);
    this.#waits.block(); // whatever else the coroutine waits for, the loop need not wait
  }
}
