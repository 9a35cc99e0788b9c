/**
 * A client that sends and receives raw bytes, without an HTTP library.
 * @module
 */
import { concat } from "../../server/http/bytes.ts";
import { awaited } from "./waiting.ts";

/** Fields that a response has only once (RFC 9110 §5.3). */
const SINGLE =
  /^(?:content-(?!security-policy)|x-|access-control-|date$|etag$|last-modified$|location$|server$|retry-after$|age$)/;

/** A response as it was received. */
export interface WireResponse {
  readonly status: number;
  readonly statusLine: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly text: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A connection; `using` closes it. */
export class Wire {
  readonly connection: Deno.TcpConn | Deno.UnixConn | Deno.TlsConn;
  #buffer = new Uint8Array(0);
  #ended = false;

  private constructor(connection: Deno.TcpConn | Deno.UnixConn | Deno.TlsConn) {
    this.connection = connection;
  }

  /** Uses a connection that is there already. */
  static on(connection: Deno.TcpConn | Deno.TlsConn): Wire {
    return new Wire(connection);
  }

  static async connect(port: number, hostname = "127.0.0.1"): Promise<Wire> {
    return new Wire(await Deno.connect({ port, hostname }));
  }

  /** Connects to the UNIX socket at `path`. */
  static async connectUnix(path: string): Promise<Wire> {
    return new Wire(await Deno.connect({ transport: "unix", path }));
  }

  /** Connects to `localhost` by TLS. `authority` is the certificate of the authority to trust, as PEM text. */
  static async connectTls(port: number, authority: string): Promise<Wire> {
    const options = { port, hostname: "localhost", caCerts: [authority] };
    return new Wire(await Deno.connectTls(options));
  }

  async send(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string" ? encoder.encode(data) : data;
    while (bytes.length > 0) {
      const sent = await awaited(this.connection.write(bytes), "the other end to take what is sent");
      bytes = bytes.subarray(sent);
    }
  }

  /** Ends the client's half, so that the server reads the end of input. */
  async endInput(): Promise<void> {
    await this.connection.closeWrite();
  }

  /** Reads once. Returns false at the end or after a reset. */
  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = new Uint8Array(65536);
    let count: number | null;
    try {
      count = await awaited(this.connection.read(chunk), "bytes, or the end of the connection");
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) throw new Error("connection reset");
      throw error;
    }
    if (count === null) {
      this.#ended = true;
      return false;
    }
    this.#buffer = concat([this.#buffer, chunk.subarray(0, count)]);
    return true;
  }

  /** Waits until bytes have arrived, and leaves them to be read. */
  async arrival(): Promise<void> {
    if (this.#buffer.length === 0) await this.#more();
  }

  /** Returns the next bytes, or null at the end of the connection. */
  async some(): Promise<Uint8Array | null> {
    if (this.#buffer.length === 0 && !await this.#more()) return null;
    const bytes = this.#buffer;
    this.#buffer = new Uint8Array(0);
    return bytes;
  }

  /** Returns all bytes until the end of the connection. @throws {Error} "connection reset" */
  async readToEnd(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [this.#buffer];
    this.#buffer = new Uint8Array(0);
    while (await this.#more()) {
      chunks.push(this.#buffer);
      this.#buffer = new Uint8Array(0);
    }
    return concat(chunks);
  }

  /**
   * Returns the next response, or null at the end of the connection. `isHead` says that it has no body, whatever its
   * fields say.
   */
  async read(isHead = false): Promise<WireResponse | null> {
    let end: number;
    while ((end = indexOf(this.#buffer, "\r\n\r\n")) < 0) {
      if (!await this.#more()) {
        if (this.#buffer.length > 0) throw new Error(`cut off: ${decoder.decode(this.#buffer)}`);
        return null;
      }
    }
    const [statusLine, ...lines] = decoder.decode(this.#buffer.subarray(0, end)).split("\r\n") as [
      string,
      ...string[],
    ];
    this.#buffer = this.#buffer.slice(end + 4);
    const fields: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      if (Object.hasOwn(fields, name) && SINGLE.test(name)) {
        throw new Error(`twice ${name}: ${lines.join("; ")}`);
      }
      fields[name] = line.slice(colon + 1).trim();
    }
    const status = Number(statusLine.split(" ")[1]);
    const hasBody = !isHead && status >= 200 && status !== 204 && status !== 304;
    const length = hasBody ? Number(fields["content-length"]) : 0;
    if (Number.isNaN(length)) throw new Error(`no length: ${statusLine}`);
    const body = new Uint8Array(length);
    let received = 0;
    while (true) {
      const part = this.#buffer.subarray(0, length - received);
      body.set(part, received);
      received += part.length;
      this.#buffer = this.#buffer.slice(part.length);
      if (received === length) break;
      if (!await this.#more()) throw new Error(`cut off: ${received} of ${length} bytes of body`);
    }
    return { status, statusLine, fields, body, text: decoder.decode(body) };
  }

  /** Calls {@linkcode read}, and fails at the end of the connection. */
  async expect(isHead = false): Promise<WireResponse> {
    const response = await this.read(isHead);
    if (response === null) throw new Error("the server closed the connection without an answer");
    return response;
  }

  /** Returns true when the server closes without sending anything more. */
  async isClosed(): Promise<boolean> {
    return this.#buffer.length === 0 && !await this.#more();
  }

  [Symbol.dispose](): void {
    try {
      this.connection.close();
    } catch {
      // closed already
    }
  }
}

function indexOf(bytes: Uint8Array, text: string): number {
  const wanted = encoder.encode(text);
  outer: for (let i = 0; i + wanted.length <= bytes.length; i++) {
    for (let k = 0; k < wanted.length; k++) {
      if (bytes[i + k] !== wanted[k]) continue outer;
    }
    return i;
  }
  return -1;
}

/** Sends one request on a new connection and reads one response. */
export async function exchange(port: number, request: string, isHead = false): Promise<WireResponse> {
  using wire = await Wire.connect(port);
  await wire.send(request);
  return await wire.expect(isHead);
}

/** Returns a GET of `target` with Host and further field lines. */
export function get(target: string, ...lines: string[]): string {
  return [`GET ${target} HTTP/1.1`, "Host: test", ...lines, "", ""].join("\r\n");
}

/** Returns a HEAD of `target` with Host and further field lines. */
export function head(target: string, ...lines: string[]): string {
  return [`HEAD ${target} HTTP/1.1`, "Host: test", ...lines, "", ""].join("\r\n");
}

/** Returns the output of curl. */
export function curl(...args: string[]): string {
  return decoder.decode(new Deno.Command("curl", { args: ["-sS", ...args] }).outputSync().stdout);
}
