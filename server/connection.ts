/**
 * One client: the state machine reading → (handling) → writing → reading or closed.
 *
 * Three rules keep it right on every poller. On entering a state it tries the call at once, and waits only after
 * EAGAIN. Readiness is a hint; the truth comes from recv and send. Work that a budget cut short calls `again`,
 * because an edge will not remind us.
 * @module
 */
import { EAGAIN, EINTR } from "../ffi/errno.ts";
import type { ConnectionHost } from "./connection_host.ts";
import type { HttpRequest } from "./http/request.ts";
import { CONTINUE, errorResponse, HttpResponse } from "./http/response.ts";
import {
  BODY_TIMEOUT_MS,
  HEAD_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LINGER_TIMEOUT_MS,
  PIPELINED_REQUESTS_PER_TURN_MAX,
  SEND_STALL_TIMEOUT_MS,
} from "./limits.ts";
import { Flushed, Output } from "./output.ts";
import { Interest, Readiness } from "./poller.ts";
import { Read, RequestReader } from "./request_reader.ts";
import { Source } from "./source.ts";
import type { Slot } from "./workspace.ts";

/** Where a connection stands; "closed" is one that the reactor has retired. */
type State = "reading" | "reading-body" | "handling" | "writing" | "lingering";

/** Who keeps the connections that have nothing to do. */
export interface ConnectionKeeper {
  /** It has nothing to do until its client says something: the object may serve another. */
  rest(connection: Connection): void;
  /** The poller does not take its descriptor (−errno): it has to end. */
  refused(connection: Connection, status: number): void;
  /** Its descriptor is closed. */
  closed(connection: Connection): void;
}

/** See the module's comment. One object serves many descriptors, one after the other. */
export class Connection extends Source {
  readonly #host: ConnectionHost;
  readonly #keeper: ConnectionKeeper;
  /** False once a promise may hold on to it: that must not find another client here. */
  isReusable = true;
  #state: State = "reading";
  readonly #reader = new RequestReader();
  readonly #input = this.#reader.input;
  /** The first bytes of a request are here: its head's deadline runs. */
  #inHead = false;
  #closeAfter = false;
  /** More is to come from the client, whatever we do: its end is waited for. */
  #lingerAfter = false;
  readonly #output = new Output();

  constructor(host: ConnectionHost, keeper: ConnectionKeeper) {
    super(-1);
    this.#host = host;
    this.#keeper = keeper;
  }

  get state(): State | "closed" {
    return this.retired ? "closed" : this.#state;
  }

  /** Begins to serve `fd`, of which the poller was asked `interest`; NONE: it does not know it yet. */
  attach(fd: number, interest: Interest): void {
    this.fd = fd;
    this.interest = interest;
    this.retired = false;
    this.deferredInBatch = -1;
    this.#reader.clear();
    this.#state = "reading";
    this.#inHead = this.#closeAfter = this.#lingerAfter = false;
  }

  /** Phase one: `count` bytes arrived in `slot` while it had nothing to do (0: the client's end, < 0: −errno). */
  begin(readiness: Readiness, slot: Slot, count: number): void {
    this.#reader.note(readiness);
    this.#received(this.#reader.take(this.#host.workspace, slot, count));
  }

  /** The server is to stop: an idle connection is closed, after a last look for a request that arrived just now. */
  drain(): void {
    if (this.#state !== "reading") return;
    this.#reader.isReadable = true;
    this.#host.reactor.again(this);
  }

  override onReady(readiness: Readiness): void {
    this.#reader.note(readiness);
    switch (this.#state) {
      case "reading":
      case "reading-body":
      case "lingering":
        if (this.#reader.isReadable && !this.#input.isUnread) this.#receive(); // else what it pipelines would pile up
        if (readiness === Readiness.NONE) this.#host.reactor.defer(this);
        break;
      case "writing":
        this.#host.reactor.defer(this);
        break;
      case "handling": // nothing to do until the promise settles; a level would be told again and again
        this.#watch(Interest.NONE);
        break;
    }
  }

  #receive(): void {
    const { reactor, transport, workspace } = this.#host;
    const slot = workspace.takeSlot(reactor.batch);
    if (slot === null) return reactor.again(this);
    this.#received(this.#reader.take(workspace, slot, transport.recv(this.fd, slot.bytes)));
  }

  #received(status: number): void {
    const { reactor } = this.#host;
    if (status === -EINTR) return reactor.again(this);
    if (status === -EAGAIN) {
      if (this.#state === "reading" && this.#input.isEmpty) reactor.defer(this); // to its rest
    } else if (status < 0) {
      reactor.retire(this);
    } else reactor.defer(this);
  }

  override onTurn(): void {
    this.#host.workspace.gatherLength = 0; // a connection that threw may have left something: it is nobody else's
    if (this.#state === "lingering") return this.#linger();
    if (this.#state === "writing") {
      if (!this.#flush()) return;
      this.#state = this.#reader.isInBody ? "reading-body" : "reading";
    }
    if (!this.#closeAfter) this.#process();
    this.#settle();
  }

  override onDeadline(): void {
    this.#host.workspace.gatherLength = 0;
    if (this.#state === "reading-body" || (this.#state === "reading" && this.#inHead)) {
      this.#reader.restore(this.#host.workspace);
      this.#refuse(408);
      this.#settle();
    } else {
      this.#host.reactor.retire(this);
    }
  }

  override onClosed(): void {
    this.#output.discard();
    this.#reader.clear();
    this.#keeper.closed(this);
  }

  /** Answers request by request, until one is incomplete, pending, or does not fit the socket. */
  #process(): void {
    const { reactor, workspace } = this.#host;
    let budget = PIPELINED_REQUESTS_PER_TURN_MAX;
    while (!this.#input.isEmpty && this.#output.isEmpty && !this.#closeAfter && !this.retired) {
      if (this.#state === "reading") {
        if (budget-- === 0) return reactor.again(this);
      } else if (this.#state !== "reading-body") return;
      const found = this.#reader.read(workspace);
      if (found === Read.REQUEST) {
        this.#state = "reading";
        this.#handle(workspace.request);
      } else if (found === Read.HEAD) {
        this.#state = "reading-body";
        reactor.expireAt(this, reactor.now + BODY_TIMEOUT_MS);
        if (workspace.request.expectsContinue && this.#input.isEmpty) {
          this.#output.append(workspace, CONTINUE, 0, CONTINUE.length);
        }
      } else if (found < 0) {
        this.#refuse(-found);
      } else return;
    }
  }

  #handle(request: HttpRequest): void {
    this.#inHead = false;
    let response: HttpResponse | Promise<HttpResponse>;
    try {
      response = this.#host.handler(request, this.#host.context);
    } catch (error) {
      return this.#handlerFailed(error, request);
    }
    if (response instanceof HttpResponse) this.#respond(response, request);
    else this.#suspend(response, request);
  }

  #handlerFailed(error: unknown, request: HttpRequest): void {
    this.#host.onHandlerError(error);
    this.#respond(errorResponse(500, [], true), request);
  }

  #suspend(promise: Promise<HttpResponse>, request: HttpRequest): void {
    const { reactor } = this.#host;
    this.isReusable = false;
    this.#reader.release(this.#host.workspace, request);
    this.#state = "handling";
    reactor.expireAt(this, Infinity);
    const resume = (respond: () => void) => {
      this.#host.workspace.gatherLength = 0;
      this.#state = "reading";
      respond();
      if (!this.#closeAfter) this.#process();
      this.#settle();
    };
    reactor.suspend(
      this,
      Promise.resolve(promise),
      (response) => resume(() => this.#respond(response, request)),
      (error) => resume(() => this.#handlerFailed(error, request)),
    );
  }

  /** The answer to what is no request: the connection ends, since nobody knows where the next one would begin. */
  #refuse(status: number): void {
    this.#lingerAfter = true;
    this.#respond(errorResponse(status, [], true), this.#host.workspace.request);
  }

  /** Sends a response, or as much of it as the socket takes. */
  #respond(response: HttpResponse, request: HttpRequest): void {
    const { reactor, transport, workspace, clock, keepAlive, isDraining } = this.#host;
    response.stamp(clock);
    const isHead = request.method === "HEAD";
    const closes = response.closes || !request.keepAlive || !keepAlive || isDraining;
    this.#closeAfter ||= closes;
    const persistence = closes ? "close" : request.minorVersion === 0 ? "keep-alive" : "default";
    let sent = 0;
    if (this.#input.isEmpty && !isHead && persistence === "default") {
      sent = this.#output.sendAlone(transport, this.fd, workspace, response);
      if (sent === response.bytes.length) return;
      if (sent < 0) return reactor.retire(this);
    }
    this.#output.appendResponse(workspace, response, isHead, persistence, sent);
  }

  /** Sends what is waiting; false when the connection must wait for the socket, or is gone. */
  #flush(): boolean {
    const { reactor, transport, workspace } = this.#host;
    const isFirst = this.#state !== "writing";
    const flushed = this.#output.flush(transport, this.fd, workspace);
    if (flushed === Flushed.ALL) return true;
    if (flushed < 0) {
      reactor.retire(this);
      return false;
    }
    this.#reader.isReadable = true; // a level is not asked about input meanwhile
    if (this.#state === "handling") return false; // it goes on together with the response that is pending
    this.#state = "writing";
    if (isFirst || this.#output.progressed) reactor.expireAt(this, reactor.now + SEND_STALL_TIMEOUT_MS);
    this.#output.progressed = false;
    if (this.#watch(Interest.WRITABLE) && flushed === Flushed.BUDGET) reactor.again(this);
    return false;
  }

  /** Asks the poller for `interest`; false when that failed, and this is the end. */
  #watch(interest: Interest): boolean {
    const status = this.#host.reactor.rearm(this, interest);
    if (status < 0) this.#keeper.refused(this, status);
    return status >= 0;
  }

  /** Ends a turn's work: sends what was gathered, and gets ready for what comes next. */
  #settle(): void {
    const { reactor, workspace, isDraining } = this.#host;
    if (this.retired) return;
    const isBlocked = (workspace.gatherLength > 0 || !this.#output.isEmpty) && !this.#flush();
    if (this.retired) return;
    this.#input.keep();
    if (isBlocked || this.#state === "handling") return;
    if (this.#closeAfter) return this.#finish();
    if (this.#state === "reading" && this.isQueued) {
      reactor.expireAt(this, reactor.now + KEEP_ALIVE_TIMEOUT_MS); // it has requests that wait for their turn
    } else if (this.#state === "reading") {
      const isIdle = this.#input.isEmpty;
      // Nothing more will come, or nothing more is wanted; a head that has begun may end while we drain.
      if (
        (this.#reader.isEnded && !this.#input.isUnread) || (isDraining && isIdle && !this.#reader.isReadable)
      ) {
        return reactor.retire(this);
      }
      if (isIdle) {
        this.#inHead = false;
        reactor.expireAt(this, Infinity);
        if (!this.#reader.isReadable) {
          return this.#watch(Interest.READABLE) ? this.#keeper.rest(this) : undefined;
        }
      } else if (!this.#inHead) {
        this.#inHead = true;
        reactor.expireAt(this, reactor.now + HEAD_TIMEOUT_MS);
      }
    } else if (this.#reader.isEnded && this.#state === "reading-body") {
      return reactor.retire(this);
    }
    if (this.#watch(Interest.READABLE) && (this.#reader.isReadable || this.#input.isUnread)) {
      reactor.again(this);
    }
  }

  /**
   * Everything is sent and the connection is to end. Closing while the client's bytes are unread makes the kernel
   * send a reset, which can destroy the response on its way (RFC 9112 §9.6): then only our half is ended, and
   * what still comes is dropped until the client ends, too, or the deadline.
   */
  #finish(): void {
    const { reactor, transport } = this.#host;
    if (!this.#input.isEmpty) this.#lingerAfter = true;
    const mayHaveUnread = this.#lingerAfter || this.#reader.isReadable;
    if (this.#reader.isEnded || !mayHaveUnread || transport.shutdownWrite(this.fd) < 0) {
      return reactor.retire(this);
    }
    this.#state = "lingering";
    this.#input.clear();
    reactor.expireAt(this, reactor.now + LINGER_TIMEOUT_MS);
    if (!this.#watch(Interest.READABLE)) return;
    reactor.again(this);
    this.#reader.isReadable = true;
  }

  #linger(): void {
    this.#input.clear();
    if (this.#reader.isEnded || (!this.#reader.isReadable && !this.#lingerAfter)) {
      this.#host.reactor.retire(this);
    } else if (this.#reader.isReadable) this.#host.reactor.again(this);
  }
}
