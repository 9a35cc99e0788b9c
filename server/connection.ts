/**
 * One client: the state machine reading → (handling) → writing → reading or closed.
 *
 * Three rules keep it right on every poller. On entering a state it tries the call at once, and waits only after
 * EAGAIN. Readiness is a hint; the truth comes from recv and send. Work that a budget cut short calls `again`,
 * because an edge will not remind us.
 * @module
 */
import { EAGAIN, EINTR } from "../ffi/errno.ts";
import type { Handler, HandlerContext } from "./handler.ts";
import { BodyReader } from "./http/body.ts";
import type { HttpClock } from "./http/date.ts";
import { parseRequest } from "./http/parser.ts";
import { HttpRequest } from "./http/request.ts";
import { errorResponse, HttpResponse } from "./http/response.ts";
import {
  BODY_TIMEOUT_MS,
  HEAD_BYTES_MAX,
  HEAD_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LINGER_TIMEOUT_MS,
  PIPELINED_REQUESTS_PER_TURN_MAX,
  SEND_STALL_TIMEOUT_MS,
} from "./limits.ts";
import { Flushed, Output } from "./output.ts";
import { Interest, Readiness } from "./poller.ts";
import { type Reactor, Source } from "./reactor.ts";
import type { Transport } from "./transport.ts";
import type { Workspace } from "./workspace.ts";

/** Where a connection stands. */
export type ConnectionState = "reading" | "reading-body" | "handling" | "writing" | "lingering" | "closed";

/** What all connections of a server share. */
export interface ConnectionHost {
  readonly reactor: Reactor;
  readonly transport: Transport;
  readonly workspace: Workspace;
  readonly handler: Handler;
  readonly context: HandlerContext;
  readonly clock: HttpClock;
  /** False: every response closes its connection. */
  readonly keepAlive: boolean;
  /** True once the server is to stop: no further request is waited for. */
  readonly isDraining: boolean;
  /** Filled by the parser; replaced when a handler keeps it. */
  request: HttpRequest;
  onHandlerError(error: unknown): void;
  onConnectionClosed(): void;
}

type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING: Bytes = new Uint8Array(0);
const LF = 0x0a;
const encoder = new TextEncoder();
const CONTINUE = encoder.encode("HTTP/1.1 100 Continue\r\n\r\n");
const CLOSE_AND_BLANK_LINE = encoder.encode("Connection: close\r\n\r\n");
const KEEP_ALIVE_AND_BLANK_LINE = encoder.encode("Connection: keep-alive\r\n\r\n");

/** See the module's comment. */
export class Connection extends Source {
  readonly #host: ConnectionHost;
  #state: ConnectionState = "reading";
  /** Received and not yet parsed: `#input[#start, #end)`, in a slot of this turn or, later, in a buffer of its own. */
  #input: Bytes = NOTHING;
  #start = 0;
  #end = 0;
  #ownsInput = false;
  /** How much of an incomplete head was looked at already. */
  #scanned = 0;
  /** recv may have something to say other than EAGAIN. */
  #readable = false;
  /** The poller told of a hang-up: a short read does not mean that nothing follows. */
  #hungUp = false;
  /** The client ended its half: there will be no further request, but those that came are answered. */
  #ended = false;
  /** The first bytes of a request are here: its head's deadline runs. */
  #inHead = false;
  #closeAfter = false;
  #lingerAfter = false;
  #head: Bytes = NOTHING;
  #body: BodyReader | null = null;
  readonly #output = new Output();

  constructor(fd: number, host: ConnectionHost) {
    super(fd);
    this.#host = host;
  }

  get state(): ConnectionState {
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
        if (this.#readable) this.#receive();
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
    const count = transport.recv(this.fd, slot);
    if (count > 0) {
      this.#readable = count === slot.length || this.#hungUp;
      this.#take(slot, count);
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

  #take(slot: Bytes, count: number): void {
    const kept = this.#end - this.#start;
    if (kept === 0) {
      this.#input = slot;
      this.#start = 0;
      this.#end = count;
      this.#ownsInput = false;
      return;
    }
    const joined = new Uint8Array(kept + count);
    joined.set(this.#input.subarray(this.#start, this.#end));
    joined.set(slot.subarray(0, count), kept);
    this.#input = joined;
    this.#start = 0;
    this.#end = joined.length;
    this.#ownsInput = true;
  }

  override onTurn(): void {
    if (this.#state === "lingering") return this.#linger();
    if (this.#state === "writing" && !this.#flush()) return;
    if (this.#state === "writing") this.#state = "reading";
    if (!this.#closeAfter) this.#process();
    this.#settle();
  }

  override onDeadline(): void {
    if (this.#state === "reading-body" || (this.#state === "reading" && this.#inHead)) {
      this.#refuse(408);
      this.#settle();
    } else {
      this.#host.reactor.retire(this);
    }
  }

  override onClosed(): void {
    this.#output.discard();
    this.#input = NOTHING;
    this.#host.onConnectionClosed();
  }

  /** Answers what has arrived, request by request, until one is incomplete, pending, or does not fit the socket. */
  #process(): void {
    let budget = PIPELINED_REQUESTS_PER_TURN_MAX;
    while (this.#start < this.#end && this.#output.isEmpty && !this.#closeAfter) {
      if (this.#state === "reading") {
        if (budget-- === 0) return this.#host.reactor.again(this);
        if (!this.#readHead()) return;
      } else if (this.#state === "reading-body") {
        if (!this.#readBody()) return;
      } else return;
    }
  }

  /** Parses one head and answers it, unless a body follows; false when it is incomplete. */
  #readHead(): boolean {
    const host = this.#host;
    if (this.#scanned > 0 && !this.#hasNewLine()) return false;
    const taken = parseRequest(this.#input, this.#start, this.#end, host.request);
    if (taken === 0) {
      this.#scanned = this.#end - this.#start;
      return false;
    }
    this.#scanned = 0;
    if (taken < 0) {
      this.#refuse(-taken);
      return true;
    }
    this.#start += taken;
    if (host.request.hasBody) this.#beginBody(taken);
    else this.#handle(host.request);
    return true;
  }

  /** Parsing starts anew with each line, not with each byte, of a head that drips in. */
  #hasNewLine(): boolean {
    const found = this.#input.indexOf(LF, this.#start + this.#scanned);
    this.#scanned = this.#end - this.#start;
    return (found >= 0 && found < this.#end) || this.#scanned >= HEAD_BYTES_MAX;
  }

  #beginBody(headLength: number): void {
    const { request, reactor, workspace } = this.#host;
    this.#body ??= new BodyReader();
    const status = this.#body.begin(request);
    if (status < 0) return this.#refuse(-status);
    this.#head = this.#input.slice(this.#start - headLength, this.#start);
    this.#state = "reading-body";
    reactor.expireAt(this, reactor.now + BODY_TIMEOUT_MS);
    if (request.expectsContinue && this.#start === this.#end) {
      this.#output.append(workspace, CONTINUE, 0, CONTINUE.length);
    }
  }

  /** Drops the body, and answers once it is whole; false when more is to come. */
  #readBody(): boolean {
    const taken = this.#body!.read(this.#input, this.#start, this.#end);
    if (taken < 0) {
      this.#refuse(-taken);
      return true;
    }
    this.#start += taken;
    if (!this.#body!.isDone) return false;
    this.#state = "reading";
    parseRequest(this.#head, 0, this.#head.length, this.#host.request); // the request's object served others meanwhile
    this.#head = NOTHING;
    this.#handle(this.#host.request);
    return true;
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

  /** The handler keeps the request: its bytes move out of the slot, and the parser gets another object. */
  #suspend(promise: Promise<HttpResponse>, request: HttpRequest): void {
    const { reactor } = this.#host;
    this.#host.request = new HttpRequest();
    if (request.bytes === this.#input && !this.#ownsInput) {
      this.#input = this.#input.slice(0, this.#end);
      this.#ownsInput = true;
      request.bytes = this.#input;
    }
    this.#state = "handling";
    reactor.expireAt(this, Infinity);
    const resume = (respond: () => void) => {
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
    const { request } = this.#host;
    request.method = "GET";
    this.#lingerAfter = true;
    this.#respond(errorResponse(status, [], true), request);
  }

  /** Sends a response, or as much of it as the socket takes. */
  #respond(response: HttpResponse, request: HttpRequest): void {
    const { transport, workspace, clock, keepAlive, isDraining } = this.#host;
    const output = this.#output;
    response.stamp(clock);
    const closes = response.closes || !request.keepAlive || !keepAlive || isDraining;
    const isHead = request.method === "HEAD";
    const { bytes, headLength } = response;
    const length = isHead ? headLength : bytes.length;
    const tail = isHead ? null : response.tail;
    if (isHead) response.discard();
    if (closes) this.#closeAfter = true;

    if (!closes && request.minorVersion === 1) {
      const isLast = this.#start === this.#end && workspace.gatherLength === 0 && output.isEmpty &&
        tail === null;
      if (isLast && length === bytes.length) {
        const sent = transport.send(this.fd, bytes, length, false);
        if (sent === length) return;
        if (sent < 0 && sent !== -EAGAIN && sent !== -EINTR) return this.#host.reactor.retire(this);
        // The head is everybody's, and its date will change: what is left of it is copied.
        const from = Math.max(sent, 0);
        if (from < headLength) output.append(workspace, bytes, from, headLength);
        output.appendShared(workspace, bytes.subarray(Math.max(from, headLength)));
        return;
      }
      output.append(workspace, bytes, 0, headLength);
    } else {
      const line = closes ? CLOSE_AND_BLANK_LINE : KEEP_ALIVE_AND_BLANK_LINE;
      output.append(workspace, bytes, 0, headLength - 2);
      output.append(workspace, line, 0, line.length);
    }
    if (length > headLength) output.appendShared(workspace, bytes.subarray(headLength));
    if (tail instanceof Uint8Array) output.appendShared(workspace, tail);
    else if (tail !== null) output.appendFile(workspace, tail);
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
    if (this.#state !== "handling") this.#state = "writing";
    if (isFirst || this.#output.progressed) reactor.expireAt(this, reactor.now + SEND_STALL_TIMEOUT_MS);
    this.#output.progressed = false;
    reactor.rearm(this, Interest.WRITABLE);
    if (flushed === Flushed.BUDGET) reactor.again(this);
    return false;
  }

  /** Ends a turn's work: sends what was gathered, and gets ready for what comes next. */
  #settle(): void {
    const { reactor, workspace, isDraining } = this.#host;
    if (this.retired) {
      workspace.gatherLength = 0;
      return;
    }
    const isBlocked = (workspace.gatherLength > 0 || !this.#output.isEmpty) && !this.#flush();
    if (this.retired) return;
    this.#keepInput();
    if (isBlocked || this.#state === "handling") return;
    if (this.#closeAfter) return this.#finish();
    if (this.#state === "reading" && !this.isQueued) {
      const isIdle = this.#start === this.#end;
      // Nothing more will come, or nothing more is wanted; a head that has begun may end while we drain.
      if ((this.#ended && !this.#hasWork()) || (isDraining && isIdle && !this.#readable)) {
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
    if (this.#readable || this.#hasWork()) reactor.again(this);
  }

  /** True when input waits that was not looked at, because a response had to be sent first. */
  #hasWork(): boolean {
    return this.#start < this.#end && this.#scanned === 0;
  }

  /** The slot is another's in the next turn: what is left in it moves to a buffer of this connection's own. */
  #keepInput(): void {
    if (this.#start === this.#end) {
      this.#input = NOTHING;
      this.#start = this.#end = this.#scanned = 0;
      this.#ownsInput = false;
    } else if (!this.#ownsInput) {
      this.#input = this.#input.slice(this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      this.#ownsInput = true;
    }
  }

  /**
   * Everything is sent and the connection is to end. Closing while the client's bytes are unread makes the kernel
   * send a reset, which can destroy the response on its way (RFC 9112 §9.6): then only our half is ended, and
   * what still comes is dropped until the client ends, too, or the deadline.
   */
  #finish(): void {
    const { reactor, transport } = this.#host;
    const mayHaveUnread = this.#lingerAfter || this.#start < this.#end || this.#readable;
    if (this.#ended || !mayHaveUnread || transport.shutdownWrite(this.fd) < 0) return reactor.retire(this);
    this.#state = "lingering";
    this.#start = this.#end = 0;
    reactor.expireAt(this, reactor.now + LINGER_TIMEOUT_MS);
    reactor.rearm(this, Interest.READABLE);
    reactor.again(this);
    this.#readable = true;
  }

  #linger(): void {
    this.#start = this.#end = 0;
    this.#input = NOTHING;
    if (this.#ended) return this.#host.reactor.retire(this);
    if (this.#readable) this.#host.reactor.again(this);
  }
}
