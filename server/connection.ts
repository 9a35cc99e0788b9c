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

/** Where a connection stands; "closed" is one that the reactor has retired. */
type State = "reading" | "reading-body" | "handling" | "writing" | "lingering";

/** See the module's comment. */
export class Connection extends Source {
  readonly #host: ConnectionHost;
  #state: State = "reading";
  readonly #reader = new RequestReader();
  readonly #input = this.#reader.input;
  /** recv may have something to say other than EAGAIN. */
  #readable = false;
  /** The poller told of a hang-up: a short read does not mean that nothing follows. */
  #hungUp = false;
  /** The client ended its half: those requests that came are answered. */
  #ended = false;
  /** The first bytes of a request are here: its head's deadline runs. */
  #inHead = false;
  #closeAfter = false;
  /** More is to come from the client, whatever we do: its end is waited for. */
  #lingerAfter = false;
  readonly #output = new Output();

  constructor(fd: number, host: ConnectionHost) {
    super(fd);
    this.#host = host;
  }

  get state(): State | "closed" {
    return this.retired ? "closed" : this.#state;
  }
  /** Called once it is registered. */
  open(): void {
    this.#host.reactor.expireAt(this, this.#host.reactor.now + KEEP_ALIVE_TIMEOUT_MS);
  }

  /** The server is to stop: an idle connection is closed, after a last look for a request that arrived just now. */
  drain(): void {
    if (this.#state !== "reading") return;
    this.#readable = true;
    this.#host.reactor.again(this);
  }

  override onReady(readiness: Readiness): void {
    if (readiness & ~Readiness.WRITABLE) this.#readable = true;
    if (readiness & (Readiness.HANGUP | Readiness.ERROR)) this.#hungUp = true;
    switch (this.#state) {
      case "reading":
      case "reading-body":
      case "lingering":
        if (this.#readable && !this.#input.isUnread) this.#receive(); // else what it pipelines would pile up
        if (readiness === Readiness.NONE) this.#host.reactor.defer(this);
        break;
      case "writing":
        this.#host.reactor.defer(this);
        break;
      case "handling": // nothing to do until the promise settles; a level would be told again and again
        this.#host.reactor.rearm(this, Interest.NONE);
        break;
    }
  }

  #receive(): void {
    const { reactor, transport, workspace } = this.#host;
    const slot = workspace.takeSlot(reactor.batch);
    if (slot === null) return reactor.again(this);
    const count = transport.recv(this.fd, slot.bytes);
    if (count > 0) {
      this.#readable = count === slot.bytes.length || this.#hungUp;
      this.#input.take(slot, count);
      return reactor.defer(this);
    }
    workspace.returnSlot();
    if (count === -EINTR) return reactor.again(this);
    this.#readable = false;
    if (count === -EAGAIN) return;
    if (count < 0) return reactor.retire(this);
    this.#ended = true;
    reactor.defer(this);
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
    this.#input.clear();
    this.#host.onConnectionClosed();
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
    const isAlone = this.#input.isEmpty && workspace.gatherLength === 0 && this.#output.isEmpty;
    if (isAlone && !isHead && response.tail === null && persistence === "default") {
      sent = transport.send(this.fd, response.bytes, response.bytes.length, false);
      if (sent === response.bytes.length) return;
      if (sent < 0 && sent !== -EAGAIN && sent !== -EINTR) return reactor.retire(this);
    }
    this.#output.appendResponse(workspace, response, isHead, persistence, Math.max(sent, 0));
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
    this.#readable = true; // a level is not asked about input meanwhile
    if (this.#state === "handling") return false; // it goes on together with the response that is pending
    this.#state = "writing";
    if (isFirst || this.#output.progressed) reactor.expireAt(this, reactor.now + SEND_STALL_TIMEOUT_MS);
    this.#output.progressed = false;
    reactor.rearm(this, Interest.WRITABLE);
    if (flushed === Flushed.BUDGET) reactor.again(this);
    return false;
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
      if ((this.#ended && !this.#input.isUnread) || (isDraining && isIdle && !this.#readable)) {
        return reactor.retire(this);
      }
      if (isIdle) {
        this.#inHead = false;
        reactor.expireAt(this, reactor.now + KEEP_ALIVE_TIMEOUT_MS);
      } else if (!this.#inHead) {
        this.#inHead = true;
        reactor.expireAt(this, reactor.now + HEAD_TIMEOUT_MS);
      }
    } else if (this.#ended && this.#state === "reading-body") {
      return reactor.retire(this);
    }
    reactor.rearm(this, Interest.READABLE);
    if (this.#readable || this.#input.isUnread) reactor.again(this);
  }

  /**
   * Everything is sent and the connection is to end. Closing while the client's bytes are unread makes the kernel
   * send a reset, which can destroy the response on its way (RFC 9112 §9.6): then only our half is ended, and
   * what still comes is dropped until the client ends, too, or the deadline.
   */
  #finish(): void {
    const { reactor, transport } = this.#host;
    if (!this.#input.isEmpty) this.#lingerAfter = true;
    const mayHaveUnread = this.#lingerAfter || this.#readable;
    if (this.#ended || !mayHaveUnread || transport.shutdownWrite(this.fd) < 0) return reactor.retire(this);
    this.#state = "lingering";
    this.#input.clear();
    reactor.expireAt(this, reactor.now + LINGER_TIMEOUT_MS);
    reactor.rearm(this, Interest.READABLE);
    reactor.again(this);
    this.#readable = true;
  }

  #linger(): void {
    this.#input.clear();
    if (this.#ended || (!this.#readable && !this.#lingerAfter)) this.#host.reactor.retire(this);
    else if (this.#readable) this.#host.reactor.again(this);
  }
}
