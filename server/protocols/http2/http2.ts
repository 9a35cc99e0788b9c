/**
 * HTTP/2 on a connection: it reads frames, lets the handler answer requests, and writes what the windows and the socket
 * allow. Requests that are answered in their turn have no object.
 *
 * Source: RFC 9113.
 * @module
 */
import type { SocketAddress } from "../../../ffi/socket/socket.ts";
import type { Connection } from "../../connection/connection.ts";
import type { Activity, Protocol } from "../../connection/protocol.ts";
import { failureResponse, sendable } from "../../exchange/answer.ts";
import { errorResponse, tooManyRequests } from "../../exchange/error_response.ts";
import { noResponse } from "../../exchange/pending_response.ts";
import { RequestContext } from "../../exchange/request_context.ts";
import { KnownRequest } from "../../http/heads/known_request.ts";
import type { HttpRequest } from "../../http/request.ts";
import { HttpResponse } from "../../http/response.ts";
import { Interest } from "../../loop/poller.ts";
import { waitSecondsOf } from "../http1/overload.ts";
import { ErrorCode } from "./errors.ts";
import {
  Flag,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  FrameType,
  PREFACE,
  readUint31,
  readUint32,
  Setting,
  writeFrameHead,
} from "./frame.ts";
import { FrameWriter } from "./frame_writer.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { MALFORMED, RequestHead } from "./request_head.ts";
import { ResponseBlock } from "./response_block.ts";
import { PeerSettings, SETTING_BYTES, settingsPayload } from "./settings.ts";
import { Stream, type StreamOwner } from "./stream.ts";
import { Window } from "./window.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Streams that a client may have open. */
const STREAMS_MAX = 100;
/** The window of the whole connection, and of each stream, for what clients send. */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
const STREAM_WINDOW_BYTES = 65_535;
/** The largest head, and the frames that it may be cut into. */
const HEAD_BYTES_MAX = 16 * 1024;
const CONTINUATIONS_MAX = 8;
/** Frames of one connection in a turn. */
const FRAMES_PER_TURN_MAX = 32;
/** Mistakes and idle talk that a client may cause at once, and how many more a second. */
const TROUBLE_MAX = 100;
const TROUBLE_PER_SECOND = 33;
const PING_BYTES = 8;

const PREFACE_BYTES = new TextEncoder().encode(PREFACE);
const OWN_SETTINGS = settingsPayload([
  [Setting.MAX_CONCURRENT_STREAMS, STREAMS_MAX],
  [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
  [Setting.MAX_HEADER_LIST_SIZE, HEAD_BYTES_MAX],
  [Setting.NO_RFC7540_PRIORITIES, 1],
]);
const NOTHING: Bytes = new Uint8Array(0);
const TABLE_SIZE_ZERO = 0x20;

/** The head that is being decoded: one at a time, of all connections. */
const head = new RequestHead(HEAD_BYTES_MAX);
const blocks = new WeakMap<HttpResponse, ResponseBlock>();

function blockOf(response: HttpResponse): ResponseBlock {
  let block = blocks.get(response);
  if (block === undefined) {
    block = new ResponseBlock(response.status, HttpResponse.http1(response));
    blocks.set(response, block);
  }
  return block;
}

/** HTTP/2 on one connection. */
export class Http2 implements Protocol, StreamOwner {
  readonly isDuplex = true;
  readonly wantsInput: Interest = Interest.READABLE;
  readonly connection: Connection;
  readonly #writer: FrameWriter;
  readonly #settings = new PeerSettings();
  readonly #decoder = new HpackDecoder();
  readonly #streams = new Map<number, Stream>();
  /** How much the client accepts on all streams together. */
  readonly #window = new Window();
  #receiveWindow = CONNECTION_WINDOW_BYTES;
  #hasPreface = false;
  #hasSettings = false;
  /** The largest number of a stream that the client has opened. */
  #lastStream = 0;
  /** The stream whose head is incomplete; 0 if there is none. */
  #headStream = 0;
  #headFlags = 0;
  #headBlock: Bytes = NOTHING;
  #continuations = 0;
  /** The last block, the state of the table behind it, and its request, which has come before. */
  #lastBlock: Bytes = NOTHING;
  #lastBlockVersion = -1;
  #lastRequest: HttpRequest | null = null;
  #isDraining = false;
  /** GOAWAY with an error was sent. */
  #hasFailed = false;
  #trouble = 0;
  #troubleMs = 0;
  readonly #requestContext: RequestContext;
  /** The stream of the request whose handler is being called, if it has asked for its signal. */
  #current: { readonly id: number; stream: Stream | null } | null = null;

  constructor(connection: Connection) {
    this.connection = connection;
    this.#writer = new FrameWriter(connection);
    this.#requestContext = new RequestContext(connection.context, this);
  }

  /** Sends the settings of this side. */
  begin(): void {
    const { connection } = this;
    connection.speak(this);
    this.#writer.frame(FrameType.SETTINGS, 0, 0, OWN_SETTINGS);
    this.#writer.number(FrameType.WINDOW_UPDATE, 0, CONNECTION_WINDOW_BYTES - 65_535);
    this.#writer.send();
    connection.expireAt(connection.context.reactor.now + connection.context.limits.headTimeoutMs);
  }

  get activity(): Activity {
    return this.#streams.size > 0 ? "handling" : "reading";
  }

  // For the context of requests

  /** The client's address; null once it is gone. */
  get address(): SocketAddress | null {
    const { retired, fd, context } = this.connection;
    return retired ? null : context.clientAddresses.address(fd);
  }

  /** The descriptor; −1 once the client is gone. */
  get openFd(): number {
    return this.connection.retired ? -1 : this.connection.fd;
  }

  /** The signal of the current request. Already aborted outside of a call of the handler. */
  get signal(): AbortSignal {
    const current = this.#current;
    if (current === null) return AbortSignal.abort();
    return (current.stream ??= this.#open(current.id)).exchange.signal;
  }

  // Protocol

  onInput(): void {
    const { input, context: { reactor } } = this.connection;
    if (this.#hasFailed) return input.clear();
    if (!this.#hasPreface && !this.#readPreface()) return this.#writer.send();
    let frames = 0;
    while (input.end - input.start >= FRAME_HEAD_BYTES && !this.#hasFailed && !this.connection.retired) {
      const { bytes, start } = input;
      const length = (bytes[start]! << 16) | (bytes[start + 1]! << 8) | bytes[start + 2]!;
      if (length > FRAME_BYTES_MAX) {
        this.#fail(ErrorCode.FRAME_SIZE_ERROR);
        break;
      }
      const at = start + FRAME_HEAD_BYTES;
      if (at + length > input.end) break;
      if (frames++ === FRAMES_PER_TURN_MAX) {
        input.scanned = 0; // the rest comes after other connections
        this.#pull();
        return reactor.again(this.connection);
      }
      input.start = at + length;
      this.#frame(bytes[start + 3]!, bytes[start + 4]!, readUint31(bytes, start + 5), bytes, at, at + length);
    }
    input.scanned = input.end - input.start;
    this.#pull();
  }

  onEnd(): void {
    if (this.#streams.size === 0) this.connection.close();
  }

  onDrained(): void {
    this.#pull();
  }

  onSettled(): void {
    const { connection, connection: { context: { reactor, limits } } } = this;
    if (this.#hasFailed || (this.#isDraining && this.#streams.size === 0)) return connection.finish(true);
    for (const { exchange } of this.#streams.values()) exchange.update();
    if (connection.retired) return;
    if (this.#streams.size > 0 || this.#headStream !== 0) return;
    connection.expireAt(reactor.now + limits.keepAliveTimeoutMs);
  }

  onDeadline(): void {
    this.#fail(ErrorCode.NO_ERROR);
    this.connection.settle();
  }

  onClosed(): void {
    for (const stream of this.#streams.values()) {
      stream.discard();
      stream.exchange.onClosed();
    }
    this.#streams.clear();
  }

  drain(): void {
    this.#isDraining = true;
    this.#writer.goAway(this.#lastStream, ErrorCode.NO_ERROR);
    this.#writer.send();
    for (const { exchange } of this.#streams.values()) exchange.drain();
    this.connection.settle();
  }

  // Reading

  #readPreface(): boolean {
    const { input } = this.connection;
    const length = Math.min(input.end - input.start, PREFACE_BYTES.length);
    for (let i = 0; i < length; i++) {
      if (input.bytes[input.start + i] === PREFACE_BYTES[i]) continue;
      this.#fail(ErrorCode.PROTOCOL_ERROR);
      return false;
    }
    input.scanned = length;
    if (length < PREFACE_BYTES.length) return false;
    input.start += length;
    return this.#hasPreface = true;
  }

  /** Ends the connection by an error (§5.4.1). */
  #fail(code: ErrorCode): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#writer.goAway(this.#lastStream, code);
    this.#writer.send();
    this.connection.input.clear();
    for (const stream of this.#streams.values()) {
      stream.discard();
      stream.exchange.onClosed();
    }
    this.#streams.clear();
  }

  /** Counts what costs this side more than the client. Returns false when there was too much of it. */
  #charge(): boolean {
    const { now } = this.connection.context.reactor;
    this.#trouble = Math.max(this.#trouble - (now - this.#troubleMs) * TROUBLE_PER_SECOND / 1000, 0) + 1;
    this.#troubleMs = now;
    if (this.#trouble <= TROUBLE_MAX) return true;
    this.#fail(ErrorCode.ENHANCE_YOUR_CALM);
    return false;
  }

  #frame(type: number, flags: number, id: number, bytes: Bytes, start: number, end: number): void {
    if (!this.#hasSettings && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)) {
      return this.#fail(ErrorCode.PROTOCOL_ERROR); // §3.4
    }
    if (this.#headStream !== 0 && (type !== FrameType.CONTINUATION || id !== this.#headStream)) {
      return this.#fail(ErrorCode.PROTOCOL_ERROR); // §6.10
    }
    switch (type) {
      case FrameType.DATA:
        return this.#data(flags, id, bytes, start, end);
      case FrameType.HEADERS:
        return this.#headers(flags, id, bytes, start, end);
      case FrameType.PRIORITY:
        if (id === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
        if (end - start !== 5) return this.#streamError(id, ErrorCode.FRAME_SIZE_ERROR);
        this.#charge();
        return;
      case FrameType.RST_STREAM:
        return this.#reset(id, end - start);
      case FrameType.SETTINGS:
        return this.#takeSettings(flags, id, bytes, start, end);
      case FrameType.PUSH_PROMISE:
        return this.#fail(ErrorCode.PROTOCOL_ERROR);
      case FrameType.PING:
        if (id !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
        if (end - start !== PING_BYTES) return this.#fail(ErrorCode.FRAME_SIZE_ERROR);
        if ((flags & Flag.ACK) === 0 && this.#charge()) {
          this.#writer.frame(FrameType.PING, Flag.ACK, 0, bytes.subarray(start, end));
        }
        return;
      case FrameType.GOAWAY:
        if (id !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
        if (end - start < 8) return this.#fail(ErrorCode.FRAME_SIZE_ERROR);
        this.#isDraining = true;
        return;
      case FrameType.WINDOW_UPDATE:
        return this.#widen(id, bytes, start, end);
      case FrameType.CONTINUATION:
        return this.#continueHead(flags, bytes, start, end);
      case FrameType.PRIORITY_UPDATE:
        if (id !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
        if (end - start < 4) return this.#fail(ErrorCode.FRAME_SIZE_ERROR);
        this.#charge();
        return;
      default: // §5.5: unknown ones are ignored
        this.#charge();
    }
  }

  /** Ends a stream by an error (§5.4.2), or the connection if the stream was never opened. */
  #streamError(id: number, code: ErrorCode): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return this.resetStream(stream, code);
    if (this.#charge()) this.#writer.number(FrameType.RST_STREAM, id, code);
  }

  #takeSettings(flags: number, id: number, bytes: Bytes, start: number, end: number): void {
    if (id !== 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
    if ((flags & Flag.ACK) !== 0) {
      if (end > start) this.#fail(ErrorCode.FRAME_SIZE_ERROR);
      return;
    }
    if ((end - start) % SETTING_BYTES !== 0) return this.#fail(ErrorCode.FRAME_SIZE_ERROR);
    if (this.#hasSettings && !this.#charge()) return;
    this.#hasSettings = true;
    const before = this.#settings.initialWindowBytes;
    const code = this.#settings.take(bytes, start, end);
    if (code !== ErrorCode.NO_ERROR) return this.#fail(code);
    for (const { window } of this.#streams.values()) {
      if (!window.widen(this.#settings.initialWindowBytes - before)) {
        return this.#fail(ErrorCode.FLOW_CONTROL_ERROR);
      }
    }
    this.#writer.frame(FrameType.SETTINGS, Flag.ACK, 0, NOTHING);
  }

  #widen(id: number, bytes: Bytes, start: number, end: number): void {
    if (end - start !== 4) return this.#fail(ErrorCode.FRAME_SIZE_ERROR);
    const by = readUint31(bytes, start);
    if (id === 0) {
      if (by === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
      if (!this.#window.widen(by)) this.#fail(ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    if (this.#isIdle(id)) return this.#fail(ErrorCode.PROTOCOL_ERROR);
    const stream = this.#streams.get(id);
    if (by === 0) return this.#streamError(id, ErrorCode.PROTOCOL_ERROR);
    if (stream === undefined) return void this.#charge(); // it has ended meanwhile
    if (!stream.window.widen(by)) this.resetStream(stream, ErrorCode.FLOW_CONTROL_ERROR);
  }

  /** True for a stream that the client has not opened. */
  #isIdle(id: number): boolean {
    return id % 2 === 0 || id > this.#lastStream;
  }

  #reset(id: number, length: number): void {
    if (id === 0 || this.#isIdle(id)) return this.#fail(ErrorCode.PROTOCOL_ERROR);
    if (length !== 4) return this.#fail(ErrorCode.FRAME_SIZE_ERROR);
    const stream = this.#streams.get(id);
    if (!this.#charge() || stream === undefined) return;
    this.#drop(stream);
    stream.exchange.onClosed();
  }

  // Requests

  #headers(flags: number, id: number, bytes: Bytes, start: number, end: number): void {
    if (id % 2 === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
    if (flags & Flag.PADDED) {
      const padding = bytes[start] ?? 0;
      if (end === start || padding >= end - start) return this.#fail(ErrorCode.PROTOCOL_ERROR);
      start++;
      end -= padding;
    }
    if (flags & Flag.PRIORITY) {
      if (end - start < 5) return this.#fail(ErrorCode.FRAME_SIZE_ERROR);
      if ((readUint32(bytes, start) & 0x7fff_ffff) === id) return this.#fail(ErrorCode.PROTOCOL_ERROR);
      start += 5;
    }
    if (id <= this.#lastStream) {
      const stream = this.#streams.get(id);
      if (stream === undefined || stream.hasClientEnded) return this.#fail(ErrorCode.STREAM_CLOSED);
      if ((flags & Flag.END_STREAM) === 0) return this.resetStream(stream, ErrorCode.PROTOCOL_ERROR);
    }
    if (flags & Flag.END_HEADERS) return this.#head(flags, id, bytes, start, end);
    this.#headStream = id;
    this.#headFlags = flags;
    this.#headBlock = bytes.slice(start, end);
    this.#continuations = 0;
    const { reactor, limits } = this.connection.context;
    this.connection.expireAt(reactor.now + limits.headTimeoutMs);
  }

  #continueHead(flags: number, bytes: Bytes, start: number, end: number): void {
    const id = this.#headStream;
    if (id === 0) return this.#fail(ErrorCode.PROTOCOL_ERROR);
    if (end === start && !this.#charge()) return;
    if (++this.#continuations > CONTINUATIONS_MAX) return this.#fail(ErrorCode.ENHANCE_YOUR_CALM);
    const joined = new Uint8Array(this.#headBlock.length + end - start);
    joined.set(this.#headBlock);
    joined.set(bytes.subarray(start, end), this.#headBlock.length);
    this.#headBlock = joined;
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#headStream = 0;
    this.#headBlock = NOTHING;
    this.#head(this.#headFlags, id, joined, 0, joined.length);
  }

  /** Takes a whole block. */
  #head(flags: number, id: number, bytes: Bytes, start: number, end: number): void {
    const hasEnded = (flags & Flag.END_STREAM) !== 0;
    if (id <= this.#lastStream) return this.#trailers(this.#streams.get(id)!, bytes, start, end);
    this.#lastStream = id;
    const { buffers, limits } = this.connection.context;
    if (hasEnded && this.#isLastBlock(bytes, start, end)) return this.#admit(id, this.#lastRequest!, true);
    const scratch = buffers.scratchFor(limits.fieldsMax);
    head.begin(scratch, Math.min(limits.headBytesMax, HEAD_BYTES_MAX), limits.fieldsMax);
    if (!this.#decoder.decode(bytes, start, end, head)) return this.#fail(ErrorCode.COMPRESSION_ERROR);
    const status = head.finish(hasEnded);
    if (status === MALFORMED) return this.#streamError(id, ErrorCode.PROTOCOL_ERROR);
    buffers.request = scratch;
    if (status < 0) return this.#answer(id, scratch, errorResponse(-status), hasEnded);
    let request: HttpRequest = scratch;
    if (hasEnded) {
      const length = head.end - head.start;
      const known = buffers.heads.find(head.view, head.start, length);
      if (known !== null) request = known;
      else buffers.heads.learn(scratch, head.view, head.start, length);
      this.#keepBlock(request, bytes, start, end);
    }
    this.#admit(id, request, hasEnded);
  }

  #isLastBlock(bytes: Bytes, start: number, end: number): boolean {
    const last = this.#lastBlock;
    if (this.#lastRequest === null || last.length !== end - start) return false;
    if (this.#lastBlockVersion !== this.#decoder.table.version) return false;
    for (let i = 0; i < last.length; i++) if (last[i] !== bytes[start + i]) return false;
    return true;
  }

  #keepBlock(request: HttpRequest, bytes: Bytes, start: number, end: number): void {
    if (!(request instanceof KnownRequest)) {
      this.#lastRequest = null;
      return;
    }
    this.#lastRequest = request;
    this.#lastBlock = bytes.slice(start, end);
    this.#lastBlockVersion = this.#decoder.table.version;
  }

  #trailers(stream: Stream, bytes: Bytes, start: number, end: number): void {
    const { limits } = this.connection.context;
    head.begin(null, Math.min(limits.headBytesMax, HEAD_BYTES_MAX), limits.fieldsMax);
    if (!this.#decoder.decode(bytes, start, end, head)) return this.#fail(ErrorCode.COMPRESSION_ERROR);
    if (head.finishTrailers() === MALFORMED) return this.resetStream(stream, ErrorCode.PROTOCOL_ERROR);
    this.#endBody(stream);
  }

  #admit(id: number, request: HttpRequest, hasEnded: boolean): void {
    const { context } = this.connection;
    if (this.#isDraining) {
      if (this.#charge()) this.#writer.number(FrameType.RST_STREAM, id, ErrorCode.REFUSED_STREAM);
      return;
    }
    if (this.#streams.size >= STREAMS_MAX) {
      if (this.#charge()) this.#writer.number(FrameType.RST_STREAM, id, ErrorCode.REFUSED_STREAM);
      return;
    }
    if (!hasEnded) {
      const stream = this.#open(id);
      this.#outlive(stream, request);
      if (request.contentLength > context.limits.bodyBytesMax) return stream.exchange.dismiss(413);
      if (context.handler.ignoresBodies) return; // it is called when the body has come
      request.incoming = stream.exchange.openBody();
      return this.#call(id, stream.exchange.request!, stream);
    }
    this.#call(id, request, null);
  }

  #open(id: number): Stream {
    const stream = new Stream(this, id, this.#settings.initialWindowBytes, STREAM_WINDOW_BYTES);
    this.#streams.set(id, stream);
    this.connection.expireAt(Infinity);
    return stream;
  }

  /** Lets a request outlive this turn. */
  #outlive(stream: Stream, request: HttpRequest): void {
    const { buffers, reactor } = this.connection.context;
    if (request === buffers.scratch) {
      buffers.renewScratch();
      request.detach(head.start, head.end);
    }
    stream.exchange.request = request;
    stream.exchange.startMs ||= reactor.turnMs;
  }

  /** Calls the handler. `stream` is null for a request without a body. */
  #call(id: number, request: HttpRequest, stream: Stream | null): void {
    const { connection: { fd, context } } = this;
    const current = this.#current = { id, stream };
    let result: HttpResponse | Promise<HttpResponse>;
    try {
      const waitSeconds = waitSecondsOf(fd, request, context);
      result = waitSeconds > 0
        ? tooManyRequests(waitSeconds)
        : (context.handler(request, this.#requestContext) ?? Promise.reject(noResponse()));
    } catch (error) {
      result = failureResponse(error, context);
    } finally {
      this.#current = null;
    }
    const opened = current.stream;
    if (result instanceof HttpResponse) {
      if (opened === null) return this.#answer(id, request, result, true);
      if (opened.exchange.request === null) {
        opened.hasClientEnded = true;
        this.#outlive(opened, request);
      }
      return opened.exchange.respond(result);
    }
    const waiting = opened ?? this.#open(id);
    if (waiting.exchange.request === null) {
      waiting.hasClientEnded = true;
      this.#outlive(waiting, request);
    }
    waiting.exchange.wait(result);
  }

  /** Answers a request that has no object: at once, if the windows allow it. */
  #answer(id: number, request: HttpRequest, response: HttpResponse, hasEnded: boolean): void {
    const { connection: { fd, context } } = this;
    if (!hasEnded || this.connection.isBlocked || !this.#fits(response)) {
      const stream = this.#open(id);
      stream.hasClientEnded = hasEnded;
      this.#outlive(stream, request);
      return stream.exchange.respond(response);
    }
    const sent = sendable(response, request, context);
    const form = HttpResponse.http1(sent);
    const bodyLength = form.bytes.length - form.headLength;
    const isHead = request.method === "HEAD";
    const isEmpty = isHead || bodyLength === 0;
    this.#writeHead(sent, id, isEmpty);
    if (!isEmpty) {
      const writer = this.#writer;
      if (!writer.hasRoom) writer.send();
      writeFrameHead(writer.bytes, writer.length, bodyLength, FrameType.DATA, Flag.END_STREAM, id);
      writer.bytes.set(form.bytes.subarray(form.headLength), writer.length + FRAME_HEAD_BYTES);
      writer.advance(FRAME_HEAD_BYTES + bodyLength);
      this.#window.bytes -= bodyLength;
    }
    context.accounting.sent(fd, request, sent.status, isEmpty ? 0 : bodyLength, 0, context.reactor.turnMs);
  }

  /** True if all of the response may be written at once. */
  #fits(response: HttpResponse): boolean {
    const { tail, bytes, headLength } = HttpResponse.http1(response);
    const bodyLength = bytes.length - headLength;
    return tail === null && bodyLength <= FRAME_BYTES_MAX && bodyLength <= this.#window.bytes &&
      bodyLength <= this.#settings.initialWindowBytes;
  }

  #writeHead(response: HttpResponse, id: number, isEnd: boolean): void {
    const block = blockOf(response);
    block.stamp(id, isEnd, this.connection.context.clock);
    if (!this.#settings.hasShrunkTable) return this.#writer.whole(block.bytes);
    this.#settings.hasShrunkTable = false; // RFC 7541 §4.2: the next block begins with the new size
    const { bytes } = block;
    const payload = new Uint8Array(bytes.length - FRAME_HEAD_BYTES + 1);
    payload[0] = TABLE_SIZE_ZERO;
    payload.set(bytes.subarray(FRAME_HEAD_BYTES), 1);
    this.#writer.frame(FrameType.HEADERS, bytes[4]!, id, payload);
  }

  // Bodies of requests

  #data(flags: number, id: number, bytes: Bytes, start: number, end: number): void {
    const length = end - start;
    if (id === 0 || this.#isIdle(id)) return this.#fail(ErrorCode.PROTOCOL_ERROR);
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) return this.#fail(ErrorCode.FLOW_CONTROL_ERROR);
    if (flags & Flag.PADDED) {
      const padding = bytes[start] ?? 0;
      if (length === 0 || padding >= length) return this.#fail(ErrorCode.PROTOCOL_ERROR);
      start++;
      end -= padding;
    }
    this.#returnWindow();
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.hasClientEnded) {
      if (stream !== undefined) return this.resetStream(stream, ErrorCode.STREAM_CLOSED);
      return void this.#charge(); // it was reset or answered meanwhile
    }
    const hasEnded = (flags & Flag.END_STREAM) !== 0;
    if (start === end && !hasEnded && !this.#charge()) return;
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return this.resetStream(stream, ErrorCode.FLOW_CONTROL_ERROR);
    stream.receivedBytes += end - start;
    stream.unreturnedBytes += length;
    const { request, exchange } = stream;
    const { contentLength } = request;
    if (
      contentLength >= 0 &&
      (stream.receivedBytes > contentLength || (hasEnded && stream.receivedBytes < contentLength))
    ) {
      return this.resetStream(stream, ErrorCode.PROTOCOL_ERROR); // §8.1.1
    }
    if (stream.receivedBytes > this.connection.context.limits.bodyBytesMax) {
      if (exchange.isOpen) exchange.dismiss(413);
      return;
    }
    exchange.body?.push(bytes.subarray(start, end));
    if (hasEnded) this.#endBody(stream);
    else if (exchange.body === null || exchange.body.hasRoom) this.wantBody(stream);
  }

  #endBody(stream: Stream): void {
    const { contentLength } = stream.request;
    if (contentLength >= 0 && stream.receivedBytes !== contentLength) {
      return this.resetStream(stream, ErrorCode.PROTOCOL_ERROR);
    }
    stream.hasClientEnded = true;
    const { body } = stream.exchange;
    if (body !== null) body.end();
    else if (stream.exchange.isOpen) this.#call(stream.id, stream.request, stream); // the handler ignores bodies
    this.#endIfOver(stream);
  }

  wantBody(stream: Stream): void {
    const { unreturnedBytes } = stream;
    if (stream.hasClientEnded || stream.isOver || unreturnedBytes === 0) return;
    if (stream.exchange.body?.hasRoom === false) return;
    stream.unreturnedBytes = 0;
    stream.receiveWindow += unreturnedBytes;
    this.#writer.number(FrameType.WINDOW_UPDATE, stream.id, unreturnedBytes);
  }

  /** Lets the client send more on the whole connection. */
  #returnWindow(): void {
    const used = CONNECTION_WINDOW_BYTES - this.#receiveWindow;
    if (used < CONNECTION_WINDOW_BYTES / 2) return;
    this.#receiveWindow = CONNECTION_WINDOW_BYTES;
    this.#writer.number(FrameType.WINDOW_UPDATE, 0, used);
  }

  // Responses of streams

  sendHead(stream: Stream, response: HttpResponse, isEnd: boolean): void {
    this.#writeHead(response, stream.id, isEnd);
    if (isEnd) this.#complete(stream);
  }

  wantToSend(_stream: Stream): void {
    // `#pull` follows at the end of this turn's work.
  }

  resetStream(stream: Stream, code: ErrorCode): void {
    if (stream.isOver || !this.#charge()) return;
    this.#writer.number(FrameType.RST_STREAM, stream.id, code);
    this.#drop(stream);
    stream.exchange.onClosed();
  }

  #drop(stream: Stream): void {
    stream.discard();
    this.#streams.delete(stream.id);
  }

  /** The response is complete. */
  #complete(stream: Stream): void {
    const { connection: { fd, context } } = this;
    const { exchange, status, sentBytes } = stream;
    context.accounting.sent(fd, stream.request, status, sentBytes, 0, exchange.startMs);
    stream.isOver = true;
    this.#endIfOver(stream);
  }

  #endIfOver(stream: Stream): void {
    if (!stream.isOver) return;
    if (!stream.hasClientEnded) { // §8.1: the rest of the body is not needed
      this.#writer.number(FrameType.RST_STREAM, stream.id, ErrorCode.NO_ERROR);
    }
    this.#drop(stream);
  }

  /** Writes data while the windows, the buffer and the socket allow it. */
  #pull(): void {
    const writer = this.#writer;
    const { connection } = this;
    if (connection.retired) return;
    if (connection.isBlocked || this.#hasFailed) return writer.send();
    let isMore = true;
    while (isMore && writer.hasRoom && this.#window.bytes > 0) {
      isMore = false;
      for (const stream of this.#streams.values()) {
        if (!stream.isReady || !writer.hasRoom) continue;
        this.#writeData(stream);
        isMore = true;
        break; // one stream after the other
      }
    }
    const isFull = !writer.hasRoom;
    writer.send();
    if (isFull && !connection.isBlocked) connection.context.reactor.again(connection);
  }

  #writeData(stream: Stream): void {
    const writer = this.#writer;
    const at = writer.length + FRAME_HEAD_BYTES;
    const count = stream.take(writer.bytes, at, Math.min(FRAME_BYTES_MAX, this.#window.bytes));
    if (count < 0) return this.resetStream(stream, ErrorCode.INTERNAL_ERROR);
    this.#window.bytes -= count;
    const isEnd = stream.isWritten;
    writeFrameHead(
      writer.bytes,
      writer.length,
      count,
      FrameType.DATA,
      isEnd ? Flag.END_STREAM : 0,
      stream.id,
    );
    writer.advance(FRAME_HEAD_BYTES + count);
    if (isEnd) this.#complete(stream);
  }
}
