/**
 * A client that sends each request by HTTP/1.1 and by HTTP/2 to the same server, and compares the responses.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { latin1 } from "../../server/http/characters.ts";
import { FrameType, Setting } from "../../server/protocols/http2/frames/frame.ts";
import { frame, headers, Http2Wire, type Line, setting, update } from "./http2_wire.ts";
import { Wire } from "./wire.ts";

/** A request. Texts have a character for each byte. */
export interface Ask {
  /** Default GET. */
  readonly method?: string;
  readonly target: string;
  /** Host, or `:authority`. Default `localhost`. */
  readonly host?: string;
  readonly fields?: readonly Line[];
  readonly body?: string;
  /** True if the body's length is not told. */
  readonly isChunked?: boolean;
}

/** What came back, without what one version alone has. */
export interface Reply {
  readonly status: number;
  /** `name: value`, names in lower case, without the date; a boundary is `BOUNDARY`. */
  readonly lines: readonly string[];
  /** A character for each byte. */
  readonly body: string;
}

/** Fields about one connection, which leave by HTTP/1.1 only. */
const OF_CONNECTION = /^(connection|keep-alive|transfer-encoding)$/;
const DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
/** The boundary of several ranges, which is another one each time. */
const BOUNDARY = /^multipart\/byteranges; boundary=(.+)$/;
const BODY_FRAME_BYTES = 16_384;
const WINDOW_BYTES = 1 << 30;
/** Connections of {@linkcode askEach}. */
const ASKERS = 8;

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Returns the reply of a head's fields and a body. Both versions have one date. */
function replyOf(status: number, lines: readonly Line[], body: string): Reply {
  const dates = lines.filter(([name]) => name.toLowerCase() === "date");
  assert(dates.length === 1 && DATE.test(dates[0]![1]), `one date: ${JSON.stringify(dates)}`);
  const boundary = lines.map(([, value]) => BOUNDARY.exec(value)?.[1]).find((found) => found !== undefined);
  const named = (text: string) => boundary === undefined ? text : text.replaceAll(boundary, "BOUNDARY");
  return {
    status,
    lines: lines.map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name !== "date" && !OF_CONNECTION.test(name))
      .map(([name, value]) => `${name}: ${named(value)}`),
    body: named(body),
  };
}

/** Returns the data of a chunked body. */
function withoutChunks(text: string): string {
  let data = "";
  for (let at = 0;;) {
    const lineEnd = text.indexOf("\r\n", at);
    const length = parseInt(text.slice(at, lineEnd), 16);
    assert(length >= 0, "a chunk has a length");
    if (length === 0) {
      assertEquals(text.slice(lineEnd), "\r\n\r\n", "nothing follows the last chunk");
      return data;
    }
    data += text.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 2 + length + 2;
  }
}

/** Reads the response to a request of HTTP/1.1 with `Connection: close`. */
function readHttp1(text: string, isHead: boolean): Reply {
  while (text.startsWith("HTTP/1.1 100 ")) text = text.slice(text.indexOf("\r\n\r\n") + 4);
  const headEnd = text.indexOf("\r\n\r\n");
  assert(headEnd > 0, `there is no head: ${JSON.stringify(text.slice(0, 200))}`);
  const [statusLine, ...rest] = text.slice(0, headEnd).split("\r\n") as [string, ...string[]];
  const lines = rest.map((line): Line => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  const value = (wanted: string) => lines.find(([name]) => name.toLowerCase() === wanted)?.[1];
  let body = text.slice(headEnd + 4);
  if (value("transfer-encoding") === "chunked" && !isHead) body = withoutChunks(body);
  const status = Number(statusLine.split(" ")[1]);
  const length = value("content-length");
  if (length !== undefined) assertEquals(body.length, isHead ? 0 : Number(length), "the body's length");
  return replyOf(status, lines, body);
}

/** The bytes of a request of HTTP/1.1, which is the last one of its connection. */
export function http1Of(
  { method = "GET", target, host = "localhost", fields = [], body, isChunked }: Ask,
): string {
  const framing = body === undefined
    ? ""
    : isChunked
    ? "Transfer-Encoding: chunked\r\n"
    : `Content-Length: ${body.length}\r\n`;
  const data = body === undefined
    ? ""
    : !isChunked
    ? body
    : (body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`) + "0\r\n\r\n";
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines}Connection: close\r\n${framing}\r\n${data}`;
}

/** How to reach a server. */
export interface Place {
  readonly port: number;
  /** The certificate to trust, as PEM text; undefined without TLS. */
  readonly authority?: string;
}

/** Connects. With TLS, `protocol` is what ALPN offers. */
export async function connect({ port, authority }: Place, protocol: "h2" | "http/1.1"): Promise<Deno.Conn> {
  if (authority === undefined) {
    const plain = await Deno.connect({ port, hostname: "127.0.0.1" });
    plain.setNoDelay();
    return plain;
  }
  const options = { port, hostname: "localhost", caCerts: [authority], alpnProtocols: [protocol] };
  const connection = await Deno.connectTls(options);
  const { alpnProtocol } = await connection.handshake();
  assertEquals(alpnProtocol, protocol);
  return connection;
}

/** Connects by HTTP/2, with windows that hold nothing back. */
export async function connectHttp2(place: Place): Promise<Http2Wire> {
  const wire = await Http2Wire.over(
    await connect(place, "h2"),
    setting(Setting.INITIAL_WINDOW_SIZE, WINDOW_BYTES),
  );
  await wire.send(update(0, WINDOW_BYTES));
  return wire;
}

/** Asks by HTTP/1.1, on a connection of its own. */
export async function askHttp1(place: Place, ask: Ask): Promise<Reply> {
  using wire = Wire.on(await connect(place, "http/1.1") as Deno.TcpConn | Deno.TlsConn);
  await wire.send(bytesOf(http1Of(ask)));
  const bytes = await wire.readToEnd();
  return readHttp1(latin1(bytes, 0, bytes.length), ask.method === "HEAD");
}

/** Both kinds of connections to one server; `using` ends them. */
export class BothVersions implements Disposable {
  readonly #place: Place;
  readonly #wire: Http2Wire;
  #stream = -1;

  private constructor(place: Place, wire: Http2Wire) {
    this.#place = place;
    this.#wire = wire;
  }

  static async connect(place: Place): Promise<BothVersions> {
    return new BothVersions(place, await connectHttp2(place));
  }

  /** Asks by HTTP/2. Returns the code of RST_STREAM if the stream is reset. */
  async askHttp2(ask: Ask): Promise<Reply | number> {
    const { method = "GET", target, host = "localhost", fields = [], body, isChunked = false } = ask;
    const scheme = this.#place.authority === undefined ? "http" : "https";
    const lines: Line[] = [
      [":method", method],
      [":scheme", scheme],
      [":authority", host],
      [":path", target],
      ...fields.map(([name, value]): Line => [name.toLowerCase(), value]),
    ];
    if (body !== undefined && !isChunked) lines.push(["content-length", String(body.length)]);
    const stream = this.#stream += 2;
    const hasBody = body !== undefined && (body !== "" || isChunked);
    const frames = [headers(stream, lines, hasBody ? 0 : 1)];
    if (hasBody) {
      for (let at = 0; at === 0 || at < body.length; at += BODY_FRAME_BYTES) {
        const isLast = at + BODY_FRAME_BYTES >= body.length;
        frames.push(
          frame(FrameType.DATA, isLast ? 1 : 0, stream, bytesOf(body.slice(at, at + BODY_FRAME_BYTES))),
        );
      }
    }
    await this.#wire.send(...frames);
    const response = await this.#wire.response(stream);
    assert(response !== null, "the connection has ended");
    if (response.reset !== null) return response.reset;
    const reply = replyOf(
      Number(response.fields[":status"]),
      response.lines,
      latin1(response.body, 0, response.body.length),
    );
    const names = response.lines.map(([name]) => name);
    assertEquals(names.filter((name) => OF_CONNECTION.test(name) || name !== name.toLowerCase()), []);
    const length = response.fields["content-length"];
    if (length !== undefined && method !== "HEAD") assertEquals(response.body.length, Number(length));
    return reply;
  }

  /** Asks by both versions, `times` times. Returns the reply, which is the same by both. */
  async same(ask: Ask, times = 1): Promise<Reply> {
    let last: Reply | null = null;
    for (let i = 0; i < times; i++) {
      const [first, second] = [await askHttp1(this.#place, ask), await this.askHttp2(ask)];
      const what = JSON.stringify(ask).slice(0, 300);
      assert(typeof second !== "number", `reset with ${second}, HTTP/1.1 has ${first.status}: ${what}`);
      assertEquals([second.status, second.lines], [first.status, first.lines], what);
      assert(second.body === first.body, `other bytes: ${what}`);
      last = second;
    }
    return last!;
  }

  [Symbol.dispose](): void {
    this.#wire[Symbol.dispose]();
  }
}

/**
 * Calls `ask` for each item, for several at a time, each time with connections of their own. A server in this process takes
 * turns with its clients, so one request after the other would mostly wait.
 */
export async function askEach<Item>(
  place: Place,
  items: readonly Item[],
  ask: (both: BothVersions, item: Item) => Promise<unknown>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  await Promise.all(Array.from({ length: Math.min(ASKERS, items.length) }, async () => {
    using both = await BothVersions.connect(place);
    for (const item of left) await ask(both, item);
  }));
}
