/**
 * Lets web-standard handlers, from `Request` to `Response`, answer: those of Hono and of other frameworks.
 * Source: the Fetch standard.
 * @module
 */
import { bytesOf } from "../server/bytes.ts";
import type { Handler, HandlerContext } from "../server/handler.ts";
import { HttpError } from "../server/http/http_error.ts";
import type { HttpRequest } from "../server/http/request.ts";
import { type Body, errorResponse, HttpResponse } from "../server/http/response.ts";
import { mayHaveContent } from "../server/http/status.ts";

/** What a web-standard handler may know beside the request, as `Deno.serve` tells it. */
export interface FetchInfo {
  /** The client's address. */
  readonly remoteAddr: { readonly transport: "tcp"; readonly hostname: string; readonly port: number };
}

/** A web-standard handler. */
export type FetchHandler = (request: Request, info: FetchInfo) => Response | Promise<Response>;

/** Rounds of microtasks in which a body that is there already shows itself. */
const PEEK_ROUNDS = 8;

/**
 * The Request of each signal that is alive. Deno up to 2.4 holds a Request's own signal, which follows that one, so weakly
 * that it is collected with its listeners when the handler keeps nothing but those.
 */
const REQUESTS = new WeakMap<AbortSignal, Request>();

/** Fields that the server writes itself. */
const OWN_FIELDS = new Set(["connection", "content-length", "date", "keep-alive", "transfer-encoding"]);

/**
 * Adapts a web-standard handler. Bodies stream both ways; `request.signal` is aborted when the client leaves.
 *
 * ```ts
 * serve({ port: 8000, handler: fromFetch((request) => new Response(`You asked for ${request.url}\n`)) });
 * ```
 */
export function fromFetch(handler: FetchHandler): Handler {
  if (typeof handler !== "function") {
    throw new TypeError(`A fetch handler must be a function, not ${typeof handler}`);
  }
  return async (request, context) => {
    // The Fetch standard knows neither: no Request can be made of them.
    if (request.method === "CONNECT" || request.method === "TRACE") return errorResponse(501);
    const { address: hostname, port } = context.remoteAddress ?? { address: "0.0.0.0", port: 0 };
    const response = await handler(
      toRequest(request, context),
      { remoteAddr: { transport: "tcp", hostname, port } },
    );
    if (!(response instanceof Response)) throw new TypeError("A fetch handler must return a Response");
    if (response.type === "error") throw new TypeError("A fetch handler returned an error response");
    if (response.bodyUsed) {
      throw new TypeError("The body of a fetch handler's response has been read already");
    }
    return await toHttpResponse(response, request.method === "HEAD");
  };
}

function toRequest(request: HttpRequest, { signal }: HandlerContext): Request {
  const isBodiless = request.method === "GET" || request.method === "HEAD";
  const init: RequestInit = {
    method: request.method,
    headers: [...request.headers()],
    body: isBodiless ? null : request.body,
    signal,
  };
  // The path as it was sent, but for bytes that stand unencoded in it.
  const target = (request.path + request.query).replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const url = `http://${request.authority ?? "localhost"}${target.startsWith("/") ? "" : "/"}${target}`;
  if (!URL.canParse(url)) throw new HttpError(400, `No URL: ${url}`);
  const made = new Request(url, init);
  REQUESTS.set(signal, made);
  return made;
}

async function toHttpResponse(response: Response, isHead: boolean): Promise<HttpResponse> {
  const fields = [...response.headers].filter(([name]) => !OWN_FIELDS.has(name));
  const closes = /\bclose\b/i.test(response.headers.get("connection") ?? "");
  const announced = response.headers.get("content-length") ?? "";
  const length = /^\d{1,15}$/.test(announced) ? Number(announced) : null;
  let body: Body;
  if (response.body !== null) body = await toBody(response.body, length);
  else if (!isHead || !mayHaveContent(response.status)) body = null;
  else body = { stream: new ReadableStream(), length }; // frameworks drop it themselves: not that it is empty
  return new HttpResponse(response.status, fields, body, closes, undefined, byteString);
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

/** Bytes, where the whole is there already, so that it goes out with its length and in one piece; else the stream. */
async function toBody(source: ReadableStream<Uint8Array>, length: number | null): Promise<Body> {
  const reader = source.getReader();
  const pieces: Promise<ReadableStreamReadResult<Uint8Array>>[] = [];
  const first = await settledSoon(pieces, reader);
  if (first?.done) {
    return length === null || length === 0 ? null : { stream: resumed(pieces, reader), length };
  }
  const second = first === null ? null : await settledSoon(pieces, reader);
  if (first === null || !second?.done) return { stream: resumed(pieces, reader), length };
  const whole = bytesOf(first.value, "A piece of a fetch handler's body");
  return (length ?? whole.length) === whole.length ? whole : { stream: resumed(pieces, reader), length };
}

/** The next piece, if it is there within a few microtasks. */
async function settledSoon(
  pieces: Promise<ReadableStreamReadResult<Uint8Array>>[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<ReadableStreamReadResult<Uint8Array> | null> {
  const piece = reader.read();
  pieces.push(piece);
  let settled: ReadableStreamReadResult<Uint8Array> | null = null;
  piece.then((result) => settled = result, () => {}); // a failure shows when the piece is read from `pieces`
  for (let round = 0; round < PEEK_ROUNDS && settled === null; round++) await null;
  return settled;
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
