/**
 * One connection of HTTP/2, from its beginning to its end, as its plan says: several requests at once, each on a stream.
 * @module
 */
import { Buffer } from "node:buffer";
import { errnoName } from "../../ffi/libc/errno.ts";
import { shutdownWrite } from "../../ffi/socket/socket.ts";
import {
  DEFAULT_WINDOW_BYTES,
  Flag,
  FRAME_HEAD_BYTES,
  FrameType,
  INT31_MAX,
  PREFACE,
  readUint31,
  readUint32,
  Setting,
} from "../../server/protocols/http2/frames/frame.ts";
import { HpackDecoder } from "../../server/protocols/http2/hpack/decoder.ts";
import { frame, reset, setting, update } from "../support/http2_wire.ts";
import { answerOf, fieldsOf, framesOf, type Open } from "./http2_messages.ts";
import { PATIENCE_MS, SocketClient } from "./socket_client.ts";

type Bytes = Buffer<ArrayBuffer>;

/** A client of HTTP/2. */
export class Http2Client extends SocketClient {
  readonly #decoder = new HpackDecoder();
  readonly #open = new Map<number, Open>();
  /** DATA that waits for a window: of the connection, or of its stream. */
  readonly #held: { readonly stream: number; readonly frames: Uint8Array[] }[] = [];
  readonly #windows = new Map<number, number>();
  #window = DEFAULT_WINDOW_BYTES;
  #next = 0;
  #stream = -1;
  #in: Bytes = Buffer.alloc(0) as Bytes;
  #hasEndedHalf = false;

  start(): void {
    const { windowBytes, halfCloses } = this.plan;
    const window = windowBytes ?? DEFAULT_WINDOW_BYTES;
    const acknowledgement = frame(FrameType.SETTINGS, Flag.ACK, 0);
    const parts = [Buffer.from(PREFACE), setting(Setting.INITIAL_WINDOW_SIZE, window), acknowledgement];
    if (halfCloses) parts.push(update(0, INT31_MAX - DEFAULT_WINDOW_BYTES)); // it can open none later
    this.write(Buffer.concat(parts) as Bytes);
    this.#sendSome();
    if (!this.isOver && this.plan.receiveBytes !== undefined) this.mute();
  }

  onWake(): void {
    this.wakeMs = Infinity;
    this.receive();
  }

  onOverdue(): void {
    this.finish(`nothing came for ${PATIENCE_MS} ms; ${this.#open.size} answers are missing`);
  }

  #sendSome(): void {
    const { exchanges, atOnce, cancelsAfterBytes = Infinity } = this.plan;
    while (!this.isOver && this.#next < exchanges.length && this.#open.size < atOnce) {
      const exchange = exchanges[this.#next++]!;
      const stream = this.#stream += 2;
      exchange.begin();
      this.host.sent();
      this.#open.set(stream, {
        exchange,
        cancelsAfterBytes: this.#next % 4 === 0 ? cancelsAfterBytes : Infinity,
        fields: null,
        body: [],
        bodyBytes: 0,
        isContinued: false,
      });
      this.#windows.set(stream, DEFAULT_WINDOW_BYTES);
      const [head, ...data] = framesOf(exchange, stream) as [Uint8Array, ...Uint8Array[]];
      if (data.length > 0) this.#held.push({ stream, frames: data }); // before `onSent` can be called
      this.write(Buffer.from(head) as Bytes);
    }
    this.#sendHeld();
    this.#endHalf();
  }

  /** Ends the client's half once everything is sent, if the plan says so. */
  #endHalf(): void {
    const isSent = this.#next === this.plan.exchanges.length && this.#held.length === 0 && this.out === null;
    if (!isSent || this.isOver || this.#hasEndedHalf || !this.plan.halfCloses) return;
    this.#hasEndedHalf = true;
    shutdownWrite(this.fd);
  }

  /** Sends bodies as far as the windows allow. */
  #sendHeld(): void {
    for (const held of this.#held.slice()) {
      while (!this.isOver && held.frames.length > 0) {
        const length = held.frames[0]!.length - FRAME_HEAD_BYTES;
        const own = this.#windows.get(held.stream) ?? Infinity; // it has ended: the rest is not sent
        if (own === Infinity) held.frames.length = 0;
        else if (length > own || length > this.#window) break;
        else {
          this.#windows.set(held.stream, own - length);
          this.#window -= length;
          this.write(Buffer.from(held.frames.shift()!) as Bytes);
        }
      }
      if (held.frames.length === 0) this.#held.splice(this.#held.indexOf(held), 1);
    }
  }

  proceed(): void {
    this.#sendSome();
    const isDone = this.#open.size === 0 && this.#next === this.plan.exchanges.length;
    if (isDone && !this.plan.halfCloses) this.finish(null);
  }

  leave(): void {
    this.finish(null);
  }

  onSent(): void {
    this.#endHalf();
  }

  /** Takes whole frames, and keeps the rest. @throws {Error} for one that is not expected */
  take(received: Bytes): void {
    const bytes = Buffer.concat([this.#in, received]) as Bytes;
    let at = 0;
    while (bytes.length - at >= FRAME_HEAD_BYTES && !this.isOver) {
      const end = at + FRAME_HEAD_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#frame(
        bytes[at + 3]!,
        bytes[at + 4]!,
        readUint31(bytes, at + 5),
        bytes.subarray(at + 9, end) as Bytes,
      );
      at = end;
    }
    this.#in = Buffer.from(bytes.subarray(at)) as Bytes;
  }

  #frame(type: number, flags: number, stream: number, payload: Bytes): void {
    const open = this.#open.get(stream);
    switch (type) {
      case FrameType.SETTINGS:
        return; // acknowledged in advance, because the client's half may have ended by now
      case FrameType.PING:
        if (this.plan.halfCloses) return; // it finds out whether the client is there, which can not answer
        throw new Error("a PING");
      case FrameType.WINDOW_UPDATE:
        if (stream === 0) this.#window += readUint32(payload, 0);
        else if (open !== undefined) {
          this.#windows.set(stream, this.#windows.get(stream)! + readUint32(payload, 0));
        }
        return this.#sendHeld();
      case FrameType.HEADERS: {
        const fields = fieldsOf(this.#decoder, payload);
        if (open === undefined) return; // the client has reset it meanwhile
        if (fields[":status"] === "100") {
          open.isContinued = true;
          return;
        }
        open.fields = fields;
        break;
      }
      case FrameType.DATA:
        if (payload.length > 0 && !this.plan.halfCloses) {
          this.write(Buffer.from(update(0, payload.length)) as Bytes);
          const isEnd = open === undefined || (flags & Flag.END_STREAM) !== 0;
          if (!isEnd) this.write(Buffer.from(update(stream, payload.length)) as Bytes);
        }
        if (open === undefined) return;
        open.body.push(Buffer.from(payload));
        open.bodyBytes += payload.length;
        break;
      case FrameType.RST_STREAM:
        if (open === undefined || readUint32(payload, 0) === 0) return; // the response was complete before the request
        throw new Error(`${open.exchange.kind} was reset: ${readUint32(payload, 0)}`);
      case FrameType.GOAWAY:
        throw new Error(`GOAWAY: ${readUint32(payload, 4)}`);
      default:
        throw new Error(`a frame of type ${type}`);
    }
    if (flags & Flag.END_STREAM) return this.#answered(stream, open);
    if (open.bodyBytes < open.cancelsAfterBytes) return;
    this.write(Buffer.from(reset(stream)) as Bytes);
    this.#abandon(stream, open);
  }

  #answered(stream: number, open: Open): void {
    const answer = answerOf(open, true);
    const { exchange } = open;
    const length = answer.fields["content-length"];
    const isShort = !exchange.isHead && length !== undefined && answer.status !== 304 &&
      Number(length) !== answer.body.length;
    const wrong = isShort ? `${answer.body.length} of ${length} bytes` : exchange.judge(answer);
    exchange.end();
    this.#close(stream);
    this.host.judged(exchange, answer, wrong);
  }

  /** Ends a request whose response is not complete. The part that has arrived is checked. */
  #abandon(stream: number, open: Open): void {
    const { exchange } = open;
    if (open.fields !== null) {
      const answer = answerOf(open, false);
      const wrong = exchange.judge(answer);
      if (wrong !== null) this.host.judged(exchange, answer, wrong);
    }
    exchange.end();
    this.#close(stream);
    this.host.left(exchange);
  }

  #close(stream: number): void {
    this.#open.delete(stream);
    this.#windows.delete(stream);
  }

  ended(count: number): void {
    const isDone = this.#open.size === 0 && this.#next === this.plan.exchanges.length;
    const how = count === 0 ? "the end" : errnoName(-count);
    this.finish(isDone && this.plan.halfCloses && count === 0 ? null : `${how} came early`);
  }

  abandonAll(): void {
    for (const [stream, open] of [...this.#open]) this.#abandon(stream, open);
  }
}
