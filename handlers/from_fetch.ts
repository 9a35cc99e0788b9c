/**
 * An adapter for handlers that take a `Request` and return a `Response`, such as those of Hono and other frameworks.
 * Source: the Fetch standard.
 * @module
 */
import { UNIX_PREFIX } from "../ffi/socket/socket_address.ts";
import { bytesOf } from "../ffi/libc/bytes.ts";
import type { Handler, HandlerContext } from "../server/connection/handler.ts";
import type { Fields } from "../server/http/field_lines.ts";
import { HttpError } from "../server/http/http_error.ts";
import type { HttpRequest } from "../server/http/request.ts";
import { errorResponse } from "../server/exchange/error_response.ts";
import { type Body, HttpResponse } from "../server/http/response.ts";
import { mayHaveContent } from "../server/http/status.ts";
import type { Forwarded } from "../server/clients/forwarded.ts";

/** The address of a TCP client. */
export interface FetchTcpAddress {
  /** Tells a TCP address from the address of a UNIX socket. */
  readonly transport: "tcp";
  /** An IPv4 or IPv6 address. */
  readonly hostname: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** The address of a client of a UNIX socket. */
export interface FetchUnixAddress {
  /** Tells the address of a UNIX socket from a TCP address. */
  readonly transport: "unix";
  /** The path of the client's socket; empty when that socket has no name, as with nearly all clients. */
  readonly path: string;
}

/** The address of a client, in the form that `Deno.serve` passes to its handlers. */
export type FetchAddress = FetchTcpAddress | FetchUnixAddress;

/** The second argument of a fetch handler: what `Deno.serve` passes, and what sends early hints. */
export interface FetchInfo<Address extends FetchAddress = FetchTcpAddress> {
  /**
   * The client's address. For a request that a trusted proxy has forwarded, the address that the proxy names, with
   * port 0.
   */
  readonly remoteAddr: Address;
  /**
   * Sends an interim response 103 (Early Hints, RFC 8297) with `fields`, usually `Link` lines. Does nothing for an HTTP/1.0
   * client, and once the head of the response is sent.
   * @throws {TypeError} for a field that is invalid, or that no interim response has
   */
  earlyHints(fields: Fields): void;
}

/** Options for {@linkcode fromFetch}. */
export interface FetchOptions {
  /**
   * Returns the response when the handler has failed with `error`. The client gets 500 when this function throws, or
   * returns something other than a `Response`.
   */
  readonly onError?: (error: unknown, request: Request) => Response | Promise<Response>;
}

/** A handler as `Deno.serve` takes it. `Address` matches the server's sockets: TCP, UNIX, or either. */
export type FetchHandler<Address extends FetchAddress = FetchTcpAddress> = (
  request: Request,
  info: FetchInfo<Address>,
) => Response | Promise<Response>;

/** Rounds of microtasks that a read of a body's stream may take, when its bytes are in memory already. */
const PEEK_ROUNDS = 8;

/**
 * The `Request` made with each context's signal, kept alive as long as that signal. `request.signal` is another signal,
 * which follows the context's. Deno up to 2.4 holds it weakly: when the handler keeps only listeners on it, they would
 * be garbage-collected together with the `Request`.
 */
const REQUESTS = new WeakMap<AbortSignal, Request>();

/** Fields of a `Response` that are dropped: the server writes them, or they are hop-by-hop (RFC 9110 §7.6.1). */
const DROPPED_FIELDS = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const FORBIDDEN_METHODS = ["CONNECT", "TRACE", "TRACK"];
/** Methods that `Request` changes to upper case (Fetch standard, "normalize a method"). */
const NORMALIZED_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

/**
 * Content codings that Deno's `fetch` decodes while it leaves Content-Encoding and Content-Length in the response
 * (2.4.2 to 2.9.6). Bodies with other codings stay encoded.
 */
const DECODED_BY_FETCH = new Set(["gzip", "br"]);

/**
 * Returns a handler that calls a fetch handler. Bodies are streamed in both directions. `request.signal` is aborted
 * when the client leaves before its answer is complete.
 *
 * ```ts
 * serve({ port: 8000, handler: fromFetch((request) => new Response(`You asked for ${request.url}\n`)) });
 * ```
 * @throws {TypeError} when `handler` or `onError` is not a function.
 */
export function fromFetch<Address extends FetchAddress = FetchTcpAddress>(
  handler: FetchHandler<Address>,
  options: FetchOptions = {},
): Handler {
  if (typeof handler !== "function") {
    throw new TypeError(`A fetch handler must be a function, not ${typeof handler}`);
  }
  const { onError } = options;
  if (onError !== undefined && typeof onError !== "function") {
    throw new TypeError(`onError must be a function, not ${typeof onError}`);
  }
  return async (request, context) => {
    if (!isForFetch(request.method)) return errorResponse(501);
    const forwarded = context.forwarded(request);
    const made = toRequest(request, context, forwarded);
    const info = {
      remoteAddr: toFetchAddress(forwarded?.client ?? null, context) as Address,
      earlyHints: (fields: Fields) => context.earlyHints(fields),
    };
    const isHead = request.method === "HEAD";
    try {
      return await toHttpResponse(await handler(made, info), isHead, context);
    } catch (error) {
      if (onError === undefined) throw error;
      return await toHttpResponse(await onError(error, made), isHead, context);
    }
  };
}

/**
 * Returns false for methods that `Request` forbids, and for those that it would change to another one (`get` to GET).
 */
function isForFetch(method: string): boolean {
  const upper = method.toUpperCase();
  return !FORBIDDEN_METHODS.includes(upper) && (method === upper || !NORMALIZED_METHODS.includes(upper));
}

function toFetchAddress(client: string | null, { remoteAddress }: HandlerContext): FetchAddress {
  if (client !== null) return { transport: "tcp", hostname: client, port: 0 };
  const { address, port } = remoteAddress ?? { address: "0.0.0.0", port: 0 };
  if (!address.startsWith(UNIX_PREFIX)) return { transport: "tcp", hostname: address, port };
  return { transport: "unix", path: address.slice(UNIX_PREFIX.length) };
}

function toRequest(request: HttpRequest, context: HandlerContext, forwarded: Forwarded | null): Request {
  const { signal } = context;
  const isBodiless = request.method === "GET" || request.method === "HEAD";
  const init: RequestInit = {
    method: request.method,
    headers: toHeaders(request),
    body: isBodiless ? null : request.body,
    signal,
  };
  // The path as it was sent, with raw bytes above 0x7f percent-encoded.
  const target = (request.path + request.query).replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const authority = forwarded?.host ?? request.authority ?? hostOf(context);
  const own = context.serverName === null ? "http" : "https";
  const url = `${forwarded?.scheme ?? own}://${authority}${target.startsWith("/") ? "" : "/"}${target}`;
  if (!URL.canParse(url)) throw new HttpError(400, `No URL: ${url}`);
  const made = new Request(url, init);
  REQUESTS.set(signal, made);
  return made;
}

/** Returns the field lines as they were sent. Several Cookie lines become one, joined with `; ` (RFC 9113 §8.2.3). */
function toHeaders(request: HttpRequest): [name: string, value: string][] {
  const lines = [...request.headers()];
  const isCookie = ([name]: [name: string, value: string]) => name.toLowerCase() === "cookie";
  if (lines.filter(isCookie).length < 2) return lines;
  return [...lines.filter((line) => !isCookie(line)), ["Cookie", request.header("cookie")!]];
}

/** Returns the authority for a request without a Host field: `localhost`, with the server's port for TCP. */
function hostOf({ localAddress }: HandlerContext): string {
  if (localAddress === null || localAddress.address.startsWith(UNIX_PREFIX)) return "localhost";
  return `localhost:${localAddress.port}`;
}

async function toHttpResponse(
  response: Response,
  isHead: boolean,
  context: HandlerContext,
): Promise<HttpResponse> {
  if (!(response instanceof Response)) throw new TypeError("A fetch handler must return a Response");
  if (response.type === "error") throw new TypeError("A fetch handler returned an error response");
  if (response.bodyUsed) throw new TypeError("The body of a fetch handler's response has been read already");
  if (response.status === 101) {
    context.report(new TypeError("A fetch handler cannot upgrade a connection: WebSocket is not served yet"));
    return errorResponse(501);
  }
  const { headers } = response;
  const connection = (headers.get("connection") ?? "").toLowerCase().split(",").map((name) => name.trim());
  const isDecoded = response.url !== "" &&
    DECODED_BY_FETCH.has(headers.get("content-encoding")?.toLowerCase() ?? "");
  const fields = [...headers].filter(([name]) =>
    !DROPPED_FIELDS.has(name) && !connection.includes(name) && !(isDecoded && name === "content-encoding")
  );
  const announced = isDecoded ? "" : headers.get("content-length") ?? "";
  const length = /^\d{1,15}$/.test(announced) ? Number(announced) : null;
  let body: Body;
  if (response.body !== null) body = await toBody(response.body, length, isHead, context);
  else if (!isHead || !mayHaveContent(response.status)) body = null;
  // For HEAD, frameworks drop the body themselves: its length is unknown then, not 0.
  else body = { stream: new ReadableStream(), length };
  return new HttpResponse(response.status, fields, body, connection.includes("close"), undefined, byteString);
}

/**
 * Returns the bytes of a field value: in the Fetch standard each character of one stands for a byte.
 * @throws {TypeError} for a character above U+00FF.
 */
function byteString(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (character.length > 1 || code > 0xff) {
      throw new TypeError(
        `A field has the character ${JSON.stringify(character)}: expected U+0000 to U+00FF`,
      );
    }
    return code;
  });
}

/**
 * Returns the body's bytes when the whole body is in memory already, so that it is sent in one call and with its
 * length; else a stream. `length` is the value of Content-Length; null when there is none. A wrong `length` of bytes in
 * memory is reported, and the right length is sent.
 */
async function toBody(
  source: ReadableStream<Uint8Array>,
  length: number | null,
  isHead: boolean,
  context: HandlerContext,
): Promise<Body> {
  const reader = source.getReader();
  const reads: Promise<ReadableStreamReadResult<Uint8Array>>[] = [];
  const first = await readSettledSoon(reads, reader);
  const second = first === null || first.done ? null : await readSettledSoon(reads, reader);
  const isWhole = first !== null && (first.done || second?.done === true);
  if (!isWhole) return { stream: resumed(reads, reader), length };
  const whole = first.done ? null : bytesOf(first.value, "A chunk of a fetch handler's body");
  const actual = whole?.length ?? 0;
  if (length === null || length === actual) return whole;
  // The answer to HEAD has the fields of the answer to GET, and no body (RFC 9110 §9.3.2).
  if (isHead && actual === 0) return { stream: resumed(reads, reader), length };
  context.report(
    new TypeError(`A response announced ${length} bytes, and has ${actual}: the Content-Length is corrected`),
  );
  return whole;
}

/**
 * Starts a read, adds it to `reads`, and returns its result if that is there within a few microtasks; else null. A read
 * that fails within that time throws, so that the client gets an error response and not a body that is cut off.
 */
async function readSettledSoon(
  reads: Promise<ReadableStreamReadResult<Uint8Array>>[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array> | null> {
  const read = reader.read();
  reads.push(read);
  let isSettled = false;
  read.then(() => isSettled = true, () => isSettled = true);
  for (let round = 0; round < PEEK_ROUNDS && !isSettled; round++) await null;
  return isSettled ? await read : null;
}

/** Returns a stream of the whole body: first the results of `reads`, then the rest from `reader`. */
function resumed(
  reads: Promise<ReadableStreamReadResult<Uint8Array>>[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await (reads.shift() ?? reader.read());
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
