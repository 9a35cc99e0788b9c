/**
 * A client of HTTP/2 that sends frames of the test's own, right or wrong, and tells what comes back.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { concat } from "../../server/http/bytes.ts";
import { latin1 } from "../../server/http/characters.ts";
import {
  Flag,
  FRAME_HEAD_BYTES,
  FrameType,
  PREFACE,
  readUint31,
  readUint32,
  writeFrameHead,
  writeUint32,
} from "../../server/protocols/http2/frames/frame.ts";
import { HpackDecoder } from "../../server/protocols/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../server/protocols/http2/hpack/encoder.ts";
import { settingsPayload } from "../../server/protocols/http2/frames/settings.ts";
import { awaited } from "./waiting.ts";

/** A frame as it came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** A field; its value has a character for each byte. */
export type Line = readonly [name: string, value: string];
type Lines = readonly Line[];

/** The fields of a GET. */
export function getFields(path: string, ...more: Lines): Lines {
  return [[":method", "GET"], [":scheme", "http"], [":authority", "localhost"], [":path", path], ...more];
}

/** Returns a block of fields. */
export function blockOf(lines: Lines): Uint8Array {
  const encoder = new HpackEncoder();
  for (const [name, value] of lines) encoder.add(name, Uint8Array.from(value, (c) => c.charCodeAt(0)));
  return encoder.toBytes();
}

/** Returns a frame. `length` may lie about the payload. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array | readonly number[] = [],
  length: number = payload.length,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  writeFrameHead(bytes, 0, length, type, flags, stream);
  bytes.set(payload, FRAME_HEAD_BYTES);
  return bytes;
}

/** Returns HEADERS with a whole request; `flags` besides END_HEADERS. */
export function headers(
  stream: number,
  lines: Lines,
  flags: number = Flag.END_STREAM,
): Uint8Array<ArrayBuffer> {
  return frame(FrameType.HEADERS, flags | Flag.END_HEADERS, stream, blockOf(lines));
}

/** Returns SETTINGS with one setting. */
export function setting(id: number, value: number): Uint8Array<ArrayBuffer> {
  return frame(FrameType.SETTINGS, 0, 0, settingsPayload([[id, value]]));
}

/** Returns WINDOW_UPDATE. */
export function update(stream: number, by: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4);
  writeUint32(payload, 0, by);
  return frame(FrameType.WINDOW_UPDATE, 0, stream, payload);
}

/** Returns RST_STREAM, by default with CANCEL. */
export function reset(stream: number, code = 8): Uint8Array<ArrayBuffer> {
  return frame(FrameType.RST_STREAM, 0, stream, [0, 0, 0, code]);
}

/** Returns HEADERS of a POST whose body follows. */
export function post(stream: number, path: string, ...more: Lines): Uint8Array<ArrayBuffer> {
  return headers(stream, [[":method", "POST"], ...getFields(path).slice(1), ...more], 0);
}

/** A response. */
export interface Http2Response {
  readonly fields: Readonly<Record<string, string>>;
  /** The fields in their order, without `:status`. */
  readonly lines: readonly Line[];
  readonly body: Uint8Array;
  /** The code of RST_STREAM; null if the stream has ended by itself. */
  readonly reset: number | null;
}

/** A response with all of its field sections: interim ones, the head, trailers. */
export interface Http2Message {
  readonly sections: readonly Readonly<Record<string, string>>[];
  readonly body: string;
  /** The code of RST_STREAM; null if the stream has ended by itself. */
  readonly reset: number | null;
}

/** What moves the bytes. */
type Bytestream = Pick<Deno.Conn, "read" | "write" | "close">;

/** Returns PRIORITY_UPDATE. */
export function priorityUpdate(stream: number, value: string): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4 + value.length);
  writeUint32(payload, 0, stream);
  payload.set(new TextEncoder().encode(value), 4);
  return frame(FrameType.PRIORITY_UPDATE, 0, 0, payload);
}

/** A connection; `using` closes it. */
export class Http2Wire implements Disposable {
  readonly #connection: Bytestream;
  readonly #decoder = new HpackDecoder();
  #bytes = new Uint8Array(0);
  #hasEnded = false;
  /** Every frame that has come. */
  readonly frames: Frame[] = [];

  /** How reading has failed; null after a proper end, or before. */
  failure: Error | null = null;

  private constructor(connection: Bytestream) {
    this.#connection = connection;
  }

  /** Connects, and sends the preface and `settings`. */
  static async connect(
    port: number,
    settings: Uint8Array = frame(FrameType.SETTINGS, 0, 0),
  ): Promise<Http2Wire> {
    return await Http2Wire.over(await Deno.connect({ hostname: "127.0.0.1", port }), settings);
  }

  /** Connects with TLS to a server whose certificate `authority` (in PEM) has issued. */
  static async connectTls(port: number, authority: string): Promise<Http2Wire> {
    const connection = await Deno.connectTls({
      hostname: "localhost",
      port,
      caCerts: [authority],
      alpnProtocols: ["h2"],
    });
    assertEquals((await connection.handshake()).alpnProtocol, "h2");
    return await Http2Wire.over(connection);
  }

  /** Sends the preface and `settings` on `connection`, which is closed with the wire. `before` is sent first. */
  static async over(
    connection: Bytestream,
    settings: Uint8Array = frame(FrameType.SETTINGS, 0, 0),
    before: Uint8Array = new Uint8Array(0),
  ): Promise<Http2Wire> {
    const wire = new Http2Wire(connection);
    await wire.send(before, new TextEncoder().encode(PREFACE), settings);
    return wire;
  }

  async send(...parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      for (let at = 0; at < part.length;) at += await this.#connection.write(part.subarray(at));
    }
  }

  /** Ends the sending half. */
  async end(): Promise<void> {
    await (this.#connection as Deno.TcpConn).closeWrite();
  }

  /** Returns the next frame; null at the server's end. */
  async next(): Promise<Frame | null> {
    for (;;) {
      const bytes = this.#bytes;
      if (bytes.length >= FRAME_HEAD_BYTES) {
        const length = (bytes[0]! << 16) | (bytes[1]! << 8) | bytes[2]!;
        if (bytes.length >= FRAME_HEAD_BYTES + length) {
          const payload = bytes.slice(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + length);
          const one = { type: bytes[3]!, flags: bytes[4]!, stream: readUint31(bytes, 5), payload };
          this.#bytes = bytes.slice(FRAME_HEAD_BYTES + length);
          this.frames.push(one);
          return one;
        }
      }
      if (this.#hasEnded) return null;
      const chunk = new Uint8Array(65_536);
      const reading = this.#connection.read(chunk).catch((error) => {
        this.failure = error;
        return null;
      });
      const count = await awaited(reading, "bytes of the server");
      if (count === null) this.#hasEnded = true;
      else {
        const joined = new Uint8Array(this.#bytes.length + count);
        joined.set(this.#bytes);
        joined.set(chunk.subarray(0, count), this.#bytes.length);
        this.#bytes = joined;
      }
    }
  }

  /** Returns the next frame of one of these types. Fails at the server's end. */
  async expect(...types: number[]): Promise<Frame> {
    for (;;) {
      const one = await this.next();
      assert(one !== null, `the server has ended, and none of ${types} has come`);
      if (types.includes(one.type)) return one;
    }
  }

  /** Returns the code of the GOAWAY that comes before the server's end; −1 if none comes. */
  async goAwayCode(): Promise<number> {
    let code = -1;
    for (let one = await this.next(); one !== null; one = await this.next()) {
      if (one.type === FrameType.GOAWAY) code = readUint32(one.payload, 4);
    }
    return code;
  }

  /** Returns the response on a stream; null if the connection ends before. With `takes`, the windows are widened for all that comes. */
  async response(stream: number, takes = false): Promise<Http2Response | null> {
    const lines: Line[] = [];
    const body: Uint8Array[] = [];
    const result = (reset: number | null) => ({
      fields: Object.fromEntries(lines),
      lines: lines.filter(([name]) => name !== ":status"),
      body: concat(body),
      reset,
    });
    for (let one = await this.next(); one !== null; one = await this.next()) {
      const { type, flags, payload } = one;
      if (type === FrameType.HEADERS) {
        const block = flags & Flag.END_HEADERS ? payload : await this.#continued(payload);
        const decoded = this.decodeLines(block);
        if (one.stream === stream) lines.splice(0, lines.length, ...decoded);
      }
      if (one.stream !== stream) continue;
      if (type === FrameType.DATA) {
        body.push(payload);
        if (takes && payload.length > 0) {
          await this.send(update(0, payload.length), update(stream, payload.length));
        }
      }
      if (type === FrameType.RST_STREAM) return result(readUint32(payload, 0));
      const mayEnd = type === FrameType.DATA || type === FrameType.HEADERS;
      if (mayEnd && flags & Flag.END_STREAM) return result(null);
    }
    return null;
  }

  /** Returns what comes on a stream until its end, or until `isEnough` says so. Windows are widened as data arrives. */
  async message(
    stream: number,
    isEnough: (message: Http2Message) => boolean = () => false,
  ): Promise<Http2Message> {
    const sections: Record<string, string>[] = [];
    const parts: Uint8Array[] = [];
    let block: Uint8Array[] = [];
    let isEnd = false;
    for (;;) {
      const one = await this.next();
      assert(one !== null, `the server has ended before the response on stream ${stream}`);
      const { type, flags, payload } = one;
      if (type === FrameType.HEADERS || type === FrameType.CONTINUATION) {
        block.push(payload);
        if (type === FrameType.HEADERS && one.stream === stream) isEnd = (flags & Flag.END_STREAM) !== 0;
        if (!(flags & Flag.END_HEADERS)) continue;
        const section = this.decode(concat(block)); // of every stream: all share the table
        block = [];
        if (one.stream === stream) sections.push(section);
      }
      if (one.stream !== stream) continue;
      if (type === FrameType.DATA) {
        parts.push(payload);
        isEnd = (flags & Flag.END_STREAM) !== 0;
        if (payload.length > 0) await this.send(update(0, payload.length), update(stream, payload.length));
      }
      const reset = type === FrameType.RST_STREAM ? readUint32(payload, 0) : null;
      const message = { sections, body: new TextDecoder().decode(concat(parts)), reset };
      if (isEnd || reset !== null || isEnough(message)) return message;
    }
  }

  /** Returns a block that began with `first`, and the frames that continue it. */
  async #continued(first: Uint8Array): Promise<Uint8Array> {
    const parts = [first];
    for (let flags = 0; !(flags & Flag.END_HEADERS);) {
      const one = await this.next();
      assert(one?.type === FrameType.CONTINUATION, "CONTINUATION follows");
      parts.push(one.payload);
      flags = one.flags;
    }
    return concat(parts);
  }

  /** Decodes a block of the server's. */
  decode(block: Uint8Array): Record<string, string> {
    return Object.fromEntries(this.decodeLines(block));
  }

  /** Decodes a block of the server's into the fields in their order. */
  decodeLines(block: Uint8Array): Line[] {
    const lines: Line[] = [];
    const room = 65_536 + 2 * block.length;
    const receiver = {
      bytes: new Uint8Array(room),
      end: 0,
      limit: room,
      gap: 0,
      overflow() {},
      take(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number) {
        lines.push([latin1(this.bytes, nameStart, nameEnd), latin1(this.bytes, valueStart, valueEnd)]);
        this.end = nameStart;
      },
    };
    assert(this.#decoder.decode(block, 0, block.length, receiver), "the server's block can be decoded");
    return lines;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
