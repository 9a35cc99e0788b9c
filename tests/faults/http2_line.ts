/**
 * A client of HTTP/2 with the interface of one of HTTP/1.1: it is told requests of that, and sends each on a stream.
 * @module
 */
import { assert } from "@std/assert";
import { concat } from "../../server/http/bytes.ts";
import { Flag, FrameType, readUint32, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { frame, headers, Http2Wire, setting, update } from "../support/http2_wire.ts";
import type { WireResponse } from "../support/wire.ts";

/** More than the site's files but one, so that a client that has ended its half needs to open no window. */
const WINDOW_BYTES = 2 ** 21;

/** A response that is on its way. */
interface Coming {
  fields: Record<string, string>;
  readonly parts: Uint8Array[];
  /** Undefined until its end; the code of a reset, or null without one. */
  reset?: number | null;
}

/** A connection; `using` closes it. Responses are read in the order of the requests, however they come. */
export class Http2Line implements Disposable {
  readonly #wire: Http2Wire;
  readonly #connection: Deno.TcpConn | Deno.TlsConn;
  readonly #coming = new Map<number, Coming>();
  #sent = -1;
  #read = -1;
  #hasEndedInput = false;

  private constructor(wire: Http2Wire, connection: Deno.TcpConn | Deno.TlsConn) {
    this.#wire = wire;
    this.#connection = connection;
  }

  /** Connects with prior knowledge, or by ALPN if there is the certificate of an authority, as PEM text. */
  static async connect(port: number, authority: string | null = null): Promise<Http2Line> {
    const connection = authority === null
      ? await Deno.connect({ port, hostname: "127.0.0.1" })
      : await Deno.connectTls({ port, hostname: "localhost", caCerts: [authority], alpnProtocols: ["h2"] });
    const wire = await Http2Wire.over(connection, setting(Setting.INITIAL_WINDOW_SIZE, WINDOW_BYTES));
    await wire.send(update(0, WINDOW_BYTES));
    return new Http2Line(wire, connection);
  }

  /** Sends requests of HTTP/1.1 without bodies. What is no request becomes a head that cannot be decoded. */
  async send(text: string | Uint8Array): Promise<void> {
    const frames: Uint8Array[] = [];
    for (const request of (text as string).split("\r\n\r\n").slice(0, -1)) {
      const stream = this.#sent += 2;
      this.#coming.set(stream, { fields: {}, parts: [] });
      const [line, ...lines] = request.split("\r\n") as [string, ...string[]];
      const [method, target] = line.split(" ") as [string, string];
      const fields = lines.map((line) => line.split(": ", 2) as [string, string])
        .map((
          [name, value],
        ): [string, string] => [name === "Host" ? ":authority" : name.toLowerCase(), value]);
      frames.push(
        line.endsWith("HTTP/1.1")
          ? headers(stream, [[":method", method], [":scheme", "http"], [":path", target], ...fields])
          : frame(FrameType.HEADERS, 5, stream, [0x80]),
      );
    }
    await this.#wire.send(...frames);
  }

  /** Returns the next response. The end of a connection by an error of the client counts as 400. */
  async expect(): Promise<WireResponse> {
    const stream = this.#read += 2;
    const coming = this.#coming.get(stream)!;
    while (coming.reset === undefined) {
      const code = await this.#next();
      if (code === null) throw new Error("cut off: the connection has ended");
      if (code > 0) return { status: 400, statusLine: "", fields: {}, body: new Uint8Array(0), text: "" };
    }
    this.#coming.delete(stream);
    if (coming.reset !== null) throw new Error(`cut off: the stream was reset (${coming.reset})`);
    const body = concat(coming.parts);
    const length = coming.fields["content-length"];
    assert(length === undefined || Number(length) === body.length, `${body.length} of ${length} bytes`);
    const status = Number(coming.fields[":status"]);
    return { status, statusLine: "", fields: coming.fields, body, text: new TextDecoder().decode(body) };
  }

  /** Takes a frame. Returns the code of GOAWAY, 0 for any other frame, or null at the end. */
  async #next(): Promise<number | null> {
    const one = await this.#wire.next();
    if (one === null) return null;
    const { type, flags, stream, payload } = one;
    this.#wire.frames.length = 0;
    if (type === FrameType.GOAWAY) return readUint32(payload, 4);
    const lines = type === FrameType.HEADERS ? this.#wire.decode(payload) : {};
    const coming = this.#coming.get(stream);
    if (type === FrameType.DATA && payload.length > 0 && !this.#hasEndedInput) {
      await this.#wire.send(update(0, payload.length), update(stream, payload.length)).catch(() => {});
    }
    if (coming === undefined) return 0;
    Object.assign(coming.fields, lines);
    if (type === FrameType.DATA) coming.parts.push(payload);
    if (type === FrameType.RST_STREAM) coming.reset = readUint32(payload, 0);
    else if (type <= FrameType.HEADERS && flags & Flag.END_STREAM) coming.reset = null;
    return 0;
  }

  /** Waits for the first bytes of a response. */
  async arrival(): Promise<void> {
    const coming = this.#coming.get(this.#read + 2)!;
    while (coming.parts.length === 0 && await this.#next() !== null);
  }

  /** Ends the client's half. */
  async endInput(): Promise<void> {
    this.#hasEndedInput = true;
    await this.#connection.closeWrite();
  }

  /** Returns true when the server closes. */
  async isClosed(): Promise<boolean> {
    while (await this.#next() !== null);
    return true;
  }

  [Symbol.dispose](): void {
    this.#wire[Symbol.dispose]();
  }
}
