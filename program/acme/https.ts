/**
 * Requests by HTTPS, each on a connection of its own, that wait for the answer.
 *
 * What a server sends is bounded in size and time. A redirect is followed only on the same host. Deno's `fetch` would need
 * the permission `--allow-net`, which neither `deno run --allow-ffi` nor the compiled program has.
 *
 * Source: RFC 9110, RFC 9112.
 * @module
 */
import { describeErrno } from "../../ffi/libc/errno.ts";
import { type ClientTrust, TlsClient, TlsClientError } from "../../ffi/openssl/client.ts";
import { awaitReadable, awaitWritable, connectAndWait } from "../../ffi/socket/client_socket.ts";
import { resolveHost } from "../../ffi/socket/resolve.ts";
import { close } from "../../ffi/socket/socket.ts";
import {
  ANSWER_BODY_BYTES_MAX,
  ANSWER_HEAD_BYTES_MAX,
  ANSWER_PATIENCE_MS,
  CONNECT_PATIENCE_MS,
  REDIRECTS_MAX,
} from "./limits.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A server that could not be asked, or whose answer cannot be used. `message` is a sentence that names the server. */
export class HttpsError extends Error {
  /** Always `"HttpsError"`. */
  override readonly name = "HttpsError";
}

/** An answer. */
export interface Answer {
  readonly status: number;
  /** By name in lower case. Of several fields with one name the last. */
  readonly fields: ReadonlyMap<string, string>;
  readonly text: string;
}

/** What to send. */
export interface Question {
  readonly method: "GET" | "HEAD" | "POST";
  readonly body?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

/** Returns the URL that `text` stands for, if it is one for HTTPS; else null. */
export function httpsUrl(text: unknown, base?: URL): URL | null {
  if (typeof text !== "string" || !URL.canParse(text, base?.href)) return null;
  const url = new URL(text, base?.href);
  return url.protocol === "https:" && url.username === "" && url.password === "" ? url : null;
}

/**
 * Sends a request to `url`, and waits for the answer.
 * @throws {HttpsError}
 */
export function ask(url: URL, trust: ClientTrust, question: Question): Answer {
  let at = url;
  for (let redirects = 0;; redirects++) {
    const answer = askOnce(at, trust, question);
    const location = answer.fields.get("location");
    const isRedirect = answer.status >= 300 && answer.status < 400 && location !== undefined;
    if (!isRedirect) return answer;
    const next = httpsUrl(location, at);
    if (next === null || next.host !== url.host) {
      throw new HttpsError(`${url.host} redirects to another host, which is not followed`);
    }
    if (question.method === "POST" || redirects === REDIRECTS_MAX) {
      throw new HttpsError(`${url.host} redirects where it must not`);
    }
    at = next;
  }
}

function askOnce(url: URL, trust: ClientTrust, question: Question): Answer {
  const endMs = performance.now() + ANSWER_PATIENCE_MS;
  const fd = connect(url, endMs);
  const checkTime = () => {
    const leftMs = endMs - performance.now();
    if (leftMs > 0) return leftMs;
    throw new HttpsError(`${url.host} takes longer than ${ANSWER_PATIENCE_MS / 1000} s to answer`);
  };
  const wait = (what: "receive" | "send") => {
    (what === "receive" ? awaitReadable : awaitWritable)(fd, checkTime()); // after EINTR the call is made again, too
  };
  try {
    const client = new TlsClient(trust, fd, hostOf(url), wait);
    try {
      client.send(encode(url, question));
      return readAnswer(client, url, question.method === "HEAD", checkTime);
    } finally {
      client.free();
    }
  } catch (error) {
    if (!(error instanceof TlsClientError)) throw error;
    const hint = error.isUntrusted
      ? " (are the authorities of the system installed, package ca-certificates? A private one is named by --acme-ca)"
      : "";
    throw new HttpsError(`Cannot ask ${url.host}: ${error.message}${hint}`);
  } finally {
    close(fd);
  }
}

/** Returns the host without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

function connect(url: URL, endMs: number): number {
  const addresses = resolveHost(hostOf(url));
  if (addresses.length === 0) throw new HttpsError(`Cannot ask ${url.host}: its name has no address in DNS`);
  let status = 0;
  for (const address of addresses) {
    const patienceMs = Math.min(CONNECT_PATIENCE_MS, endMs - performance.now());
    if (patienceMs <= 0) break;
    status = connectAndWait(address, url.port === "" ? 443 : Number(url.port), patienceMs);
    if (status >= 0) return status;
  }
  throw new HttpsError(`Cannot reach ${url.host}: ${describeErrno(-status)}`);
}

function encode(url: URL, { method, body, fields = {} }: Question): Bytes {
  const bytes = new TextEncoder().encode(body ?? "");
  const all: Record<string, string> = {
    "Host": url.host,
    "User-Agent": "epollet",
    "Accept-Language": "en",
    "Connection": "close",
    ...fields,
    ...body === undefined ? {} : { "Content-Length": String(bytes.length) },
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const text = `${method} ${url.pathname}${url.search} HTTP/1.1\r\n${head}\r\n${body ?? ""}`;
  return new TextEncoder().encode(text) as Bytes;
}

function readAnswer(client: TlsClient, url: URL, hasNoBody: boolean, beforeCall: () => void): Answer {
  const bad = (what: string) => new HttpsError(`${url.host} answers with ${what}`);
  const buffer = new Uint8Array(16 * 1024);
  let bytes = new Uint8Array(0);
  let received = 0;
  let isOver = false;
  const more = () => {
    beforeCall();
    const count = client.receive(buffer);
    isOver = count === 0;
    received += count;
    const joined = new Uint8Array(bytes.length + count);
    joined.set(bytes);
    joined.set(buffer.subarray(0, count), bytes.length);
    bytes = joined;
    if (received > ANSWER_HEAD_BYTES_MAX + 2 * ANSWER_BODY_BYTES_MAX) throw bad("too much");
  };
  const readHead = () => {
    let end = -1;
    while ((end = endOfHead(bytes)) < 0) {
      if (bytes.length > ANSWER_HEAD_BYTES_MAX) throw bad("too long a head");
      if (isOver) throw bad("less than an HTTP response");
      more();
    }
    const [first, ...lines] = latin1(bytes.subarray(0, end)).split("\r\n");
    const [, digits] = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first!) ?? [];
    if (digits === undefined) throw bad("something that is not HTTP");
    return { status: Number(digits), lines, start: end + 4 };
  };
  let head = readHead();
  while (head.status < 200) { // an interim response (RFC 9110 §15.2)
    bytes = bytes.slice(head.start);
    head = readHead();
  }
  const { status, lines, start } = head;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  if (hasNoBody || status === 204 || status === 304) return { status, fields, text: "" };
  const isChunked = fields.get("transfer-encoding")?.toLowerCase() === "chunked";
  const length = isChunked ? null : lengthOf(fields.get("content-length"));
  if (length !== null && !(length <= ANSWER_BODY_BYTES_MAX)) throw bad("too long a body");
  for (;;) {
    const body = isChunked ? unchunk(bytes.subarray(start), bad) : bytes.subarray(start);
    if (body !== null && body.length > ANSWER_BODY_BYTES_MAX) throw bad("too long a body");
    const isWhole = body !== null && (isChunked || (length === null ? isOver : body.length >= length));
    if (isWhole) {
      return {
        status,
        fields,
        text: new TextDecoder().decode(length === null ? body : body.subarray(0, length)),
      };
    }
    if (isOver) throw bad("half of a response");
    more();
  }
}

function lengthOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  return /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

function endOfHead(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}

/** Returns the content of a body in chunks; null if it is not complete. */
function unchunk(bytes: Uint8Array, bad: (what: string) => HttpsError): Uint8Array | null {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (let at = 0;;) {
    const lineEnd = bytes.indexOf(10, at);
    if (lineEnd < 0) return null;
    const [, digits] = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?\r$/.exec(latin1(bytes.subarray(at, lineEnd))) ?? [];
    if (digits === undefined) throw bad("chunks that are not well-formed");
    const size = parseInt(digits, 16);
    if (size === 0) break;
    total += size;
    if (total > ANSWER_BODY_BYTES_MAX) throw bad("too long a body");
    const end = lineEnd + 1 + size;
    if (bytes.length < end + 2) return null;
    parts.push(bytes.subarray(lineEnd + 1, end));
    at = end + 2;
  }
  const body = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
