/**
 * What a server of HTTP/2 has to send for the bytes that a client sends, by the text of RFC 9113: a slow model of streams,
 * windows and errors. The handler is that of `http2_program.ts`.
 *
 * How the bytes are cut decides how much of a response was sent at a given time. So of a body there are a least and a most
 * number of bytes. Where even the next state depends on it, the rest is unclear and is not judged.
 * @module
 */
import { ReferenceTable } from "./reference_hpack.ts";
import { areTrailersWrong, referenceRequest, type Request } from "./reference_http2_head.ts";
import {
  ConnectionError,
  fail,
  failIf,
  framesOf,
  isActive,
  numberOf,
  type PlainFrame,
  StreamModel,
  Unclear,
} from "./reference_http2_parts.ts";

const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const STREAM_CLOSED = 5;
const FRAME_SIZE_ERROR = 6;
const COMPRESSION_ERROR = 9;
const MOST = 2 ** 31 - 1;
/** Frames whose effects one connection may have without being sent away, and gaps in numbers that a server remembers. */
const FRAMES_MAX = 48;
const GAPS_MAX = 16;
const CONTINUATIONS_MAX = 8;
/** The largest body that is sent at once. */
const AT_ONCE_MAX = 16_384;

/** A connection, as the frames of a client have made it. */
export class Http2Model {
  readonly streams = new Map<number, StreamModel>();
  readonly pongs: string[] = [];
  /** For each acknowledgement of settings, whether the next head has to begin with the size of a smaller table. */
  readonly acknowledgements: boolean[] = [];
  /** The codes of GOAWAY, one of which comes before the end; null if the connection goes on. */
  end: readonly number[] | null = null;
  /** What comes after a certain point is not predicted. */
  isUnclear = false;
  /** All bytes were understood, and no head is incomplete. */
  isWhole = false;
  last = 0;
  /** The window of the connection, as if nothing was sent. */
  credit = 65_535;
  /** Bytes of DATA that the client has sent. */
  received = 0;
  #initial = 65_535;
  #table = new ReferenceTable();
  #tableMax = 4096;
  #gaps = 0;
  #isLeaving = false;
  /** The client ends its half behind its bytes. */
  hasHalfClosed = false;
  #head: { id: number; flags: number; text: string; count: number; isOwnParent: boolean } | null = null;

  /** `text` follows the preface. */
  constructor(text: string) {
    try {
      this.#read(text);
      if (this.#isLeaving) this.#leave(true);
    } catch (error) {
      if (error instanceof ConnectionError) this.end = error.codes;
      else if (error instanceof Unclear) this.isUnclear = true;
      else throw error;
    }
  }

  /**
   * Tells that the client ends its half, which resets what can not go on without it. Returns false if that has no effect, or
   * responses are to come that never do.
   */
  halfClose(): boolean {
    const isWaiting = [...this.streams.values()].some((one) =>
      one.state === "half" && !one.request!.isAnswered
    );
    if (this.end !== null || this.isUnclear || isWaiting) return false;
    return this.hasHalfClosed = true;
  }

  #read(text: string): void {
    let count = 0;
    for (;; count++) {
      if (text.length >= 9 && numberOf(text.slice(0, 3)) > 16_384) fail(FRAME_SIZE_ERROR);
      const [frame] = framesOf(text.slice(0, 9 + 16_384)).frames;
      if (frame === undefined) break;
      if (count === FRAMES_MAX) throw new Unclear();
      text = text.slice(9 + frame.text.length);
      if (count === 0 && (frame.type !== 4 || frame.flags % 2 === 1)) fail(PROTOCOL_ERROR);
      if (this.#head !== null && (frame.type !== 9 || frame.stream !== this.#head.id)) fail(PROTOCOL_ERROR);
      this.#take(frame);
      if (this.#isLeaving) this.#leave(text === "");
    }
    this.isWhole = count > 0 && text === "" && this.#head === null;
  }

  /** After the client's GOAWAY the connection ends with its last stream. */
  #leave(isAll: boolean): void {
    const isSure = [...this.streams.values()].some((one) => isActive(one) && !one.mayBeDone);
    if (isSure) return;
    if (!isAll || [...this.streams.values()].some(isActive)) throw new Unclear();
    fail(NO_ERROR);
  }

  #take({ type, flags, stream: id, text }: PlainFrame): void {
    const isIdle = id % 2 === 0 || id > this.last;
    const isAck = flags % 2 === 1;
    switch (type) {
      case 0:
        return this.#data(flags, id, text);
      case 1:
        return this.#headers(flags, id, text);
      case 2:
        if (id === 0) fail(PROTOCOL_ERROR);
        if (text.length !== 5) return this.#streamError(id, FRAME_SIZE_ERROR);
        if (numberOf(text.slice(0, 4)) % 2 ** 31 === id) this.#streamError(id, PROTOCOL_ERROR);
        return;
      case 3: {
        failIf([isIdle, PROTOCOL_ERROR], [text.length !== 4, FRAME_SIZE_ERROR]);
        const stream = this.streams.get(id);
        if (stream !== undefined && isActive(stream)) stream.state = stream.mayBeDone ? "gone" : "client";
        return;
      }
      case 4:
        failIf([id !== 0, PROTOCOL_ERROR], [isAck ? text !== "" : text.length % 6 !== 0, FRAME_SIZE_ERROR]);
        if (!isAck) this.#settings(text);
        return;
      case 5:
        return fail(PROTOCOL_ERROR);
      case 6:
        failIf([id !== 0, PROTOCOL_ERROR], [text.length !== 8, FRAME_SIZE_ERROR]);
        if (!isAck) this.pongs.push(text);
        return;
      case 7:
        failIf([id !== 0, PROTOCOL_ERROR], [text.length < 8, FRAME_SIZE_ERROR]);
        this.#isLeaving = true;
        return;
      case 8:
        failIf([id !== 0 && isIdle, PROTOCOL_ERROR], [text.length !== 4, FRAME_SIZE_ERROR]);
        return this.#widen(id, numberOf(text) % 2 ** 31);
      case 9: {
        const head = this.#head ?? fail(PROTOCOL_ERROR);
        if (++head.count > CONTINUATIONS_MAX) throw new Unclear();
        head.text += text;
        if (flags & 4) this.#wholeHead();
        return;
      }
      case 16: // RFC 9218 §7.1: without effect on what comes, only on its order
        return failIf(
          [id !== 0 || (text.length >= 4 && numberOf(text.slice(0, 4)) % 2 === 0), PROTOCOL_ERROR],
          [text.length < 4, FRAME_SIZE_ERROR],
        );
    }
  }

  /** RFC 9113 §5.4.2: once. On an idle stream it is an error of the connection. */
  #streamError(id: number, code: number): void {
    if (id % 2 === 0 || id > this.last) fail(code);
    const stream = this.streams.get(id) ?? this.#open(id, "ended");
    if (stream.state === "here") return;
    stream.reset = code;
    stream.state = "here";
  }

  #open(id: number, state: StreamModel["state"]): StreamModel {
    const stream = new StreamModel(this.#initial);
    stream.state = state;
    this.streams.set(id, stream);
    return stream;
  }

  /** True while an error page was or is sent before the request's body has come. */
  #isErrorPage(stream: StreamModel): boolean {
    return stream.state === "open" && stream.hasHead;
  }

  #settings(text: string): void {
    let hasShrunk = false;
    for (let at = 0; at < text.length; at += 6) {
      const value = numberOf(text.slice(at + 2, at + 6));
      switch (numberOf(text.slice(at, at + 2))) {
        case 1:
          hasShrunk ||= value < this.#tableMax;
          this.#tableMax = value;
          break;
        case 2:
        case 9:
          if (value > 1) fail(PROTOCOL_ERROR);
          break;
        case 4:
          if (value > MOST) fail(FLOW_CONTROL_ERROR);
          for (const stream of this.streams.values()) {
            if (isActive(stream)) {
              this.#credit(stream, value - this.#initial, () => fail(FLOW_CONTROL_ERROR));
            }
          }
          this.#initial = value;
          break;
        case 5:
          if (value < 16_384 || value >= 2 ** 24) fail(PROTOCOL_ERROR);
      }
    }
    this.acknowledgements.push(hasShrunk);
  }

  /** Widens a stream's window, or calls `tooWide`. */
  #credit(stream: StreamModel, by: number, tooWide: () => void): void {
    if (stream.credit + by > MOST) {
      if (stream.credit + by - stream.sentMost <= MOST || stream.mayBeDone) throw new Unclear();
      return tooWide();
    }
    stream.credit += by;
    stream.most = Math.max(stream.most, stream.credit);
  }

  #widen(id: number, by: number): void {
    if (id === 0) {
      if (by === 0) fail(PROTOCOL_ERROR);
      if (this.credit + by > MOST) {
        if (this.credit + by - this.#sentMost() > MOST) fail(FLOW_CONTROL_ERROR);
        throw new Unclear();
      }
      this.credit += by;
      return;
    }
    if (by === 0) return this.#streamError(id, PROTOCOL_ERROR);
    const stream = this.streams.get(id);
    if (stream === undefined || !isActive(stream)) return;
    this.#credit(stream, by, () => this.#streamError(id, FLOW_CONTROL_ERROR));
  }

  #sentMost(): number {
    return [...this.streams.values()].reduce((sum, stream) => sum + stream.sentMost, 0);
  }

  #headers(flags: number, id: number, text: string): void {
    const stream = this.streams.get(id);
    const fixed = (flags & 8 ? 1 : 0) + (flags & 32 ? 5 : 0);
    const padding = flags & 8 ? numberOf(text.slice(0, 1)) : 0;
    if (id <= this.last && (stream?.state === "gone" || stream?.state === "half" && stream.mayBeDone)) {
      throw new Unclear();
    }
    if (id % 2 === 1 && id <= this.last && stream === undefined && this.#gaps > GAPS_MAX) throw new Unclear();
    failIf(
      [id % 2 === 0 || (id <= this.last && stream === undefined), PROTOCOL_ERROR],
      [stream?.state === "ended", STREAM_CLOSED],
      [text.length < fixed, FRAME_SIZE_ERROR],
      [text.length >= fixed && padding > text.length - fixed, PROTOCOL_ERROR],
    );
    const parent = flags & 32 ? numberOf(text.slice(fixed - 5, fixed - 1)) % 2 ** 31 : -1;
    this.#head = {
      id,
      flags,
      text: text.slice(fixed, text.length - padding),
      count: 0,
      isOwnParent: parent === id,
    };
    if (flags & 4) this.#wholeHead();
  }

  #wholeHead(): void {
    const { id, flags, text, isOwnParent } = this.#head!;
    this.#head = null;
    const old = this.streams.get(id);
    const hasGap = id > this.last + 2;
    this.last = Math.max(this.last, id);
    const fields = this.#table.decode(Array.from(text, (c) => c.charCodeAt(0))) ?? fail(COMPRESSION_ERROR);
    const hasEnded = (flags & 1) === 1;
    if (old !== undefined) {
      if (this.#isErrorPage(old)) throw new Unclear();
      if (old.state !== "open") return this.#streamError(id, STREAM_CLOSED);
      if (!hasEnded || isOwnParent || areTrailersWrong(fields)) return this.#streamError(id, PROTOCOL_ERROR);
      return this.#bodyEnded(id, old);
    }
    if (hasGap) this.#gaps++;
    const stream = this.#open(id, hasEnded ? "half" : "open");
    const request = referenceRequest(fields, hasEnded);
    if (request === "unclear") throw new Unclear();
    if (request === null || isOwnParent) return this.#streamError(id, PROTOCOL_ERROR);
    stream.request = request;
    if (hasEnded) this.#respond(stream, true);
    else if (request.status !== 200) stream.hasHead = stream.mayBeCutShort = true;
  }

  #respond(stream: StreamModel, mayBeAtOnce: boolean): void {
    const { request: { isAnswered, body }, credit, length } = stream as { request: Request } & StreamModel;
    stream.state = "half";
    if (!isAnswered) return;
    const free = this.credit - this.#sentMost();
    stream.hasHead = true;
    stream.most = Math.max(credit, 0);
    if (body === null) return;
    stream.isWhole = length === 0 ||
      (mayBeAtOnce && length <= AT_ONCE_MAX && length <= this.#initial && length <= free);
    if (stream.isWhole) stream.state = "ended";
  }

  #data(flags: number, id: number, text: string): void {
    failIf(
      [id % 2 === 0 || id > this.last, PROTOCOL_ERROR],
      [(flags & 8) !== 0 && text === "", FRAME_SIZE_ERROR],
      [(flags & 8) !== 0 && text !== "" && numberOf(text.slice(0, 1)) >= text.length, PROTOCOL_ERROR],
    );
    this.received += text.length;
    const length = flags & 8 ? text.length - 1 - numberOf(text.slice(0, 1)) : text.length;
    const stream = this.streams.get(id);
    if (stream === undefined || stream.state !== "open") return this.#streamError(id, STREAM_CLOSED);
    if (this.#isErrorPage(stream) && flags & 1) throw new Unclear();
    stream.received += length;
    stream.returnedMost += text.length;
    const { contentLength } = stream.request!;
    if (contentLength >= 0 && stream.received > contentLength) return this.#streamError(id, PROTOCOL_ERROR);
    if (flags & 1) this.#bodyEnded(id, stream);
  }

  #bodyEnded(id: number, stream: StreamModel): void {
    const { contentLength } = stream.request!;
    if (contentLength >= 0 && stream.received !== contentLength) this.#streamError(id, PROTOCOL_ERROR);
    else this.#respond(stream, false);
  }
}
