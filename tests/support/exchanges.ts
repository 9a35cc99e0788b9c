/**
 * Helpers for exchanges that take longer than a turn, on a scripted socket: promises, bodies, streams.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Bytes } from "../../server/protocols/bytes/bytes.ts";
import type { Handler, HandlerContext } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import type { ServerLimits } from "../../server/server_limits.ts";
import { RATE_STEP_MS_MAX } from "../../server/limits.ts";
import type { Protocol } from "../../server/protocols/bytes/session.ts";
import { Scripted } from "./scripted.ts";

/** The number of microtasks that the promises of a turn may need among themselves. */
const MICROTASKS = 40;

/** Lets promises settle and runs the loop, until nothing is left to do. */
export async function calm(scripted: Scripted): Promise<void> {
  const { reactor, socket } = scripted;
  let quiet = 0;
  for (let rounds = 0; quiet < 4; rounds++) {
    assert(rounds < 100_000, "the connection keeps the reactor busy for ever");
    const before = socket.sent.length;
    for (let i = 0; i < MICROTASKS; i++) await null;
    quiet = reactor.turn(0) > 0 || socket.sent.length !== before ? 0 : quiet + 1; // tasks do not wake the poller
  }
}

/** Runs `test` with a clock that only `advance(ms)` moves. */
export async function withClock(test: (advance: (ms: number) => void) => Promise<void>): Promise<void> {
  const real = performance.now;
  let now = real.call(performance);
  performance.now = () => now;
  try {
    await test((ms) => now += ms);
  } finally {
    performance.now = real;
  }
}

/** Advances the loop's clock by `ms`, in steps, and handles deadlines in each. */
export async function pass(
  scripted: Scripted,
  ms: number,
  advance: (ms: number) => void,
): Promise<void> {
  for (let left = ms; left > 0; left -= RATE_STEP_MS_MAX) {
    advance(Math.min(left, RATE_STEP_MS_MAX));
    await calm(scripted);
  }
}

/** One call of the handler, which the test answers. */
export interface Call {
  readonly request: HttpRequest;
  readonly context: HandlerContext;
  resolve(response: HttpResponse): void;
  reject(error: unknown): void;
}

/** A handler that returns promises for the test to settle. */
export class Calls {
  readonly all: Call[] = [];
  readonly handler: Handler = (request, context) => {
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    this.all.push({ request, context, resolve, reject });
    return promise;
  };
}

/** Returns a response of text. */
export function says(text: string): HttpResponse {
  return new HttpResponse(200, [], encodeUtf8(text));
}

/** A stream of `pieces` that counts its calls. It never ends unless `ends` is true. */
export class Source {
  readonly cancels: unknown[] = [];
  pulls = 0;
  readonly stream: ReadableStream<Uint8Array>;

  constructor(pieces: readonly string[] = [], ends = true) {
    this.stream = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const piece = pieces[this.pulls++];
        if (piece !== undefined) controller.enqueue(encodeUtf8(piece));
        else if (ends) controller.close();
        else return new Promise<void>(() => {});
        return undefined;
      },
      cancel: (reason) => {
        this.cancels.push(reason);
      },
    }, { highWaterMark: 0 });
  }
}

/** A descriptor that no process has open. */
export const NOT_OPEN = 987_654_321;

/** The body of a file that counts how often it was closed. */
export class CountedFile {
  closed = 0;
  readonly body: FileBody;

  constructor(length = 10) {
    this.body = new FileBody({ fd: NOT_OPEN, offset: 0, length, close: () => void this.closed++ });
  }
}

/** Returns a POST with a Content-Length. */
export function post(body: string, ...lines: string[]): string {
  return ["POST /p HTTP/1.1", "Host: x", `Content-Length: ${body.length}`, ...lines, "", body].join("\r\n");
}

/** Returns a POST whose body comes in `pieces`. */
export function postChunked(pieces: readonly string[], ...lines: string[]): string {
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("");
  return ["POST /p HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", ...lines, "", `${chunks}0\r\n\r\n`]
    .join("\r\n");
}

/** Returns `pieces` as a chunked body. */
export function chunked(pieces: readonly string[], isWhole = true): string {
  return pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("") +
    (isWhole ? "0\r\n\r\n" : "");
}

/** Returns the statuses of the responses that were sent. */
export function statuses(scripted: Scripted): number[] {
  return Array.from(scripted.socket.text.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => Number(status));
}

/** Asserts that `count` errors were logged, and lists them if not. */
export function assertErrors(scripted: Scripted, count: number): void {
  assertEquals(scripted.errors.length, count, scripted.errors.map(String).join("; "));
}

/** Returns a scripted connection with other limits. */
export function scriptedWith(
  handler: Handler,
  trigger: "level" | "edge",
  limits: Partial<ServerLimits> = {},
  keepAlive = true,
): Scripted {
  const scripted = new Scripted(handler, trigger, keepAlive);
  Object.assign(scripted.host, { limits: { ...scripted.host.limits, ...limits } });
  return scripted;
}

/** Returns a scripted connection with a byte protocol. */
export function scriptedProtocol(protocol: Protocol, trigger: "level" | "edge"): Scripted {
  return new Scripted(
    () => HttpResponse.text(""),
    trigger,
    true,
    (connection) => new Bytes(connection, protocol).start(),
  );
}

/** Returns the error that `call` throws or rejects with, or null. */
export async function failure(call: () => unknown): Promise<Error | null> {
  try {
    await call();
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The head of a response in chunks, without its date. */
export const HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Returns a handler that answers with `source`. */
export function streams(source: Source, length: number | null = null): Handler {
  return () => new HttpResponse(200, [], length === null ? source.stream : { stream: source.stream, length });
}

/** A stream that the test writes to. */
export class Pipe {
  readonly #transform = new TransformStream<Uint8Array, Uint8Array>();
  readonly #writer = this.#transform.writable.getWriter();
  readonly stream: ReadableStream<Uint8Array> = this.#transform.readable;
  constructor() {
    this.#writer.closed.catch(() => {});
  }
  write(text: string): void {
    this.#writer.write(encodeUtf8(text)).catch(() => {});
  }
  end(): void {
    this.#writer.close().catch(() => {});
  }
}
