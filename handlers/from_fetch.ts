/**
 * Lets web-standard handlers, from `Request` to `Response`, answer: those of Hono and of other frameworks.
 * Source: the Fetch standard.
 * @module
 */
import { UNIX_PREFIX } from "../ffi/socket/socket_address.ts";
import { bytesOf } from "../ffi/libc/bytes.ts";
import type { Handler, HandlerContext } from "../server/connection/handler.ts";
import { HttpError } from "../server/http/http_error.ts";
import type { HttpRequest } from "../server/http/request.ts";
import { errorResponse } from "../server/exchange/error_response.ts";
import { type Body, HttpResponse } from "../server/http/response.ts";
import { mayHaveContent } from "../server/http/status.ts";
import type { Forwarded } from "../server/clients/forwarded.ts";

/** Where a client of TCP is. */
export interface FetchTcpAddress {
  /** TCP. */
  readonly transport: "tcp";
  /** An IPv4 or IPv6 address. */
  readonly hostname: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** Where a client of a UNIX socket is. */
export interface FetchUnixAddress {
  /** A UNIX socket. */
  readonly transport: "unix";
  /** The client's path; empty for a socket without a name, as nearly all clients have. */
  readonly path: string;
}

/** Where a client is, as `Deno.serve` tells it. */
export type FetchAddress = FetchTcpAddress | FetchUnixAddress;

/** What a web-standard handler may know beside the request, as `Deno.serve` tells it. */
export interface FetchInfo<Address extends FetchAddress = FetchTcpAddress> {
  /** The client's address: of a request that a trusted proxy has forwarded, the one that the proxy names, with port 0. */
  readonly remoteAddr: Address;
}

/** How a web-standard handler is adapted. */
export interface FetchOptions {
  /** Answers in place of a handler that has failed with `error`. What it throws, or returns wrongly, is a 500. */
  readonly onError?: (error: unknown, request: Request) => Response | Promise<Response>;
}

/** A web-standard handler; `Address` is of the kind that the server's sockets have. */
export type FetchHandler<Address extends FetchAddress = FetchTcpAddress> = (
  request: Request,
  info: FetchInfo<Address>,
) => Response | Promise<Response>;

/** Rounds of microtasks in which a body that is there already shows itself. */
const PEEK_ROUNDS = 8;

/**
 * The Request of each signal that is alive. Deno up to 2.4 holds a Request's own signal, which follows that one, so weakly
 * that it is collected with its listeners when the handler keeps nothing but those.
 */
const REQUESTS = new WeakMap<AbortSignal, Request>();

/** Fields that the server writes itself, and those of one connection only (RFC 9110 §7.6.1), which no answer passes on. */
const OWN_FIELDS = new Set([
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
/** Those that are written in upper case in a Request, however they were sent. */
const NORMALIZED_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

/** Codings that `fetch` of Deno takes off, and leaves their fields; others it passes on as they came (2.4.2 to 2.9.6). */
const DECODED_BY_FETCH = new Set(["gzip", "br"]);

/**
 * Adapts a web-standard handler. Bodies stream both ways; `request.signal` is aborted when the client leaves.
 *
 * ```ts
 * serve({ port: 8000, handler: fromFetch((request) => new Response(`You asked for ${request.url}\n`)) });
 * ```
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
    const info = { remoteAddr: toFetchAddress(forwarded?.client ?? null, context) as Address };
    const isHead = request.method === "HEAD";
    try {
      return await toHttpResponse(await handler(made, info), isHead, context);
    } catch (error) {
      if (onError === undefined) throw error;
      return await toHttpResponse(await onError(error, made), isHead, context);
    }
  };
}

/** False for methods that the Fetch standard forbids, and for those that it would take for others: `get` for GET. */
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
  // The path as it was sent, but for bytes that stand unencoded in it.
  const target = (request.path + request.query).replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const authority = forwarded?.host ?? request.authority ?? hostOf(context);
  const url = `${forwarded?.scheme ?? "http"}://${authority}${target.startsWith("/") ? "" : "/"}${target}`;
  if (!URL.canParse(url)) throw new HttpError(400, `No URL: ${url}`);
  const made = new Request(url, init);
  REQUESTS.set(signal, made);
  return made;
}

/** Each line as it was sent, but for cookies: several lines of them are one (RFC 9113 §8.2.3), joined as no other field. */
function toHeaders(request: HttpRequest): [name: string, value: string][] {
  const lines = [...request.headers()];
  const isCookie = ([name]: [name: string, value: string]) => name.toLowerCase() === "cookie";
  if (lines.filter(isCookie).length < 2) return lines;
  return [...lines.filter((line) => !isCookie(line)), ["Cookie", request.header("cookie")!]];
}

/** Where a request was sent that names no host: the server itself. */
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
    !OWN_FIELDS.has(name) && !connection.includes(name) && !(isDecoded && name === "content-encoding")
  );
  const announced = isDecoded ? "" : headers.get("content-length") ?? "";
  const length = /^\d{1,15}$/.test(announced) ? Number(announced) : null;
  let body: Body;
  if (response.body !== null) body = await toBody(response.body, length, isHead, context);
  else if (!isHead || !mayHaveContent(response.status)) body = null;
  else body = { stream: new ReadableStream(), length }; // frameworks drop it themselves: not that it is empty
  return new HttpResponse(response.status, fields, body, connection.includes("close"), undefined, byteString);
}

/** The Fetch standard's strings in fields stand for bytes, one each. @throws {TypeError} for one that stands for none */
function byteString(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (character.length > 1 || code > 0xff) {
      throw new TypeError(`A field holds ${JSON.stringify(character)}, which is no byte`);
    }
    return code;
  });
}

/**
 * Bytes, where the whole is there already, so that it goes out with its length and in one piece; else the stream. `length` is
 * what was announced: where it is wrong of bytes that are there, the right one is sent.
 */
async function toBody(
  source: ReadableStream<Uint8Array>,
  length: number | null,
  isHead: boolean,
  context: HandlerContext,
): Promise<Body> {
  const reader = source.getReader();
  const pieces: Promise<ReadableStreamReadResult<Uint8Array>>[] = [];
  const first = await settledSoon(pieces, reader);
  const second = first === null || first.done ? null : await settledSoon(pieces, reader);
  const isWhole = first !== null && (first.done || second?.done === true);
  if (!isWhole) return { stream: resumed(pieces, reader), length };
  const whole = first.done ? null : bytesOf(first.value, "A piece of a fetch handler's body");
  const actual = whole?.length ?? 0;
  if (length === null || length === actual) return whole;
  // HEAD tells what GET would get, without the bytes.
  if (isHead && actual === 0) return { stream: resumed(pieces, reader), length };
  context.report(new TypeError(`A response announced ${length} bytes, and has ${actual}: those are sent`));
  return whole;
}

/** The next piece, if it is there within a few microtasks. What fails by then is an error yet, and not a body that is cut. */
async function settledSoon(
  pieces: Promise<ReadableStreamReadResult<Uint8Array>>[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array> | null> {
  const piece = reader.read();
  pieces.push(piece);
  let isSettled = false;
  piece.then(() => isSettled = true, () => isSettled = true);
  for (let round = 0; round < PEEK_ROUNDS && !isSettled; round++) await null;
  return isSettled ? await piece : null;
}

/** The stream from its beginning: first what was read already. */
function resumed(
  pieces: Promise<ReadableStreamReadResult<Uint8Array>>[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await (pieces.shift() ?? reader.read());
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
