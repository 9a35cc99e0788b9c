/**
 * A keep-alive client that says how an answer ended: whole, cut off by the end of its connection, or never completed.
 * @module
 */
import { concat } from "../../server/http/bytes.ts";
import { sleep } from "../support/sleep.ts";

/** What came for a request. */
export interface Answer {
  /** 0 if there was no answer. */
  readonly status: number;
  readonly etag: string | null;
  readonly body: Uint8Array;
  /** `cut`: the connection ended first, which a client notices. `hung`: the rest of the body never came. */
  readonly end: "whole" | "cut" | "hung";
  /** When the request was about to be sent, in milliseconds. */
  readonly sentMs: number;
  /** When the answer had been received. */
  readonly receivedMs: number;
}

/** Where a server is. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const CRLF = encoder.encode("\r\n");
const HEAD_END = encoder.encode("\r\n\r\n");
const BLOCK_BYTES = 64 * 1024;
/** The pause after a connection that was refused. */
const RETRY_MS = 100;

class Ended extends Error {}
class Hung extends Error {}

/** One client, which connects again when its connection has ended. `using` closes it. */
export class Client {
  readonly #address: Address;
  readonly #patienceMs: number;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #connection: Deno.TcpConn | null = null;
  #received = new Uint8Array(0);
  #overdue: ReturnType<typeof setTimeout> | undefined;

  /** An answer has hung once nothing of it came for `patienceMs`. */
  constructor(address: Address, patienceMs: number) {
    this.#address = address;
    this.#patienceMs = patienceMs;
  }

  /** Asks for `paths` at once, pipelined, and returns an answer for each. `etag` goes into If-None-Match. */
  async get(paths: readonly string[], etag: string | null = null): Promise<Answer[]> {
    const { hostname, port } = this.#address;
    const condition = etag === null ? "" : `If-None-Match: ${etag}\r\n`;
    const heads = paths.map((path) =>
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${condition}\r\n`
    );
    let sentMs = performance.now();
    const answers: Answer[] = [];
    try {
      const connection = this.#connection ??= await Deno.connect(this.#address);
      sentMs = performance.now();
      await connection.write(encoder.encode(heads.join("")));
    } catch {
      this.close();
      await sleep(RETRY_MS);
    }
    while (answers.length < paths.length) answers.push(await this.#answer(sentMs));
    return answers;
  }

  async #answer(sentMs: number): Promise<Answer> {
    let status = 0;
    let etag: string | null = null;
    const parts: Uint8Array[] = [];
    let end: Answer["end"] = "whole";
    let isLast = false;
    try {
      const [statusLine = "", ...lines] = decoder.decode(await this.#until(HEAD_END)).split("\r\n");
      status = Number(statusLine.split(" ")[1]);
      const fields = new Map(lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }));
      etag = fields.get("etag") ?? null;
      isLast = fields.get("connection")?.toLowerCase() === "close";
      const length = fields.get("content-length");
      if (status === 304 || status === 204) { /* no body */ }
      else if (length !== undefined) await this.#take(Number(length), parts);
      else if (fields.get("transfer-encoding") === "chunked") await this.#takeChunks(parts);
      else await this.#takeRest(parts);
    } catch (error) {
      end = error instanceof Hung ? "hung" : "cut";
    }
    if (isLast || end !== "whole") this.close();
    return { status, etag, body: concat(parts), end, sentMs, receivedMs: performance.now() };
  }

  /** Returns what comes before `delimiter`, and drops the delimiter. */
  async #until(delimiter: Uint8Array): Promise<Uint8Array> {
    let at: number;
    while ((at = indexOf(this.#received, delimiter)) < 0) await this.#more();
    const before = this.#received.subarray(0, at);
    this.#received = this.#received.subarray(at + delimiter.length);
    return before;
  }

  async #take(length: number, parts: Uint8Array[]): Promise<void> {
    for (let left = length; left > 0;) {
      if (this.#received.length === 0) await this.#more();
      const part = this.#received.subarray(0, left);
      this.#received = this.#received.subarray(part.length);
      parts.push(part);
      left -= part.length;
    }
  }

  async #takeChunks(parts: Uint8Array[]): Promise<void> {
    while (true) {
      const size = parseInt(decoder.decode(await this.#until(CRLF)), 16);
      if (!(size >= 0)) throw new Ended("not a chunk");
      await this.#take(size, parts);
      await this.#until(CRLF);
      if (size === 0) return;
    }
  }

  async #takeRest(parts: Uint8Array[]): Promise<void> {
    try {
      while (true) await this.#take(Math.max(this.#received.length, 1), parts);
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
      this.close();
    }
  }

  /** Receives once. @throws {Ended} at the end of the connection @throws {Hung} when nothing comes */
  async #more(): Promise<void> {
    const connection = this.#connection;
    if (connection === null) throw new Ended();
    let isHung = false;
    this.#overdue = setTimeout(() => {
      isHung = true;
      this.close();
    }, this.#patienceMs);
    const count = await connection.read(this.#block).catch(() => null);
    clearTimeout(this.#overdue);
    if (isHung) throw new Hung();
    if (count === null) throw new Ended();
    this.#received = concat([this.#received, this.#block.subarray(0, count)]);
  }

  close(): void {
    clearTimeout(this.#overdue);
    this.#received = new Uint8Array(0);
    try {
      this.#connection?.close();
    } catch {
      // it has ended by itself
    }
    this.#connection = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  outer: for (let at = bytes.indexOf(part[0]!); at >= 0; at = bytes.indexOf(part[0]!, at + 1)) {
    for (let i = 1; i < part.length; i++) if (bytes[at + i] !== part[i]) continue outer;
    return at;
  }
  return -1;
}
