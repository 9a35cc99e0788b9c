/**
 * Helpers for exchanges that take more than a turn, on a scripted socket: promises, bodies, streams.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ByteConnection } from "../../server/protocols/bytes/bytes.ts";
import type { Handler, HandlerContext } from "../../server/connection/handler.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import type { ServerLimits } from "../../server/server_limits.ts";
import { RATE_STEP_MS_MAX } from "../../server/limits.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Protocol } from "../../server/protocols/bytes/session.ts";
import { Scripted } from "./scripted.ts";

/** Microtasks that a turn's promises may need among themselves. */
const MICROTASKS = 40;

/** Lets promises settle and the loop do what they bring, until neither has anything left to do. */
export async function calm(scripted: Scripted): Promise<void> {
  const { reactor, socket } = scripted;
  let quiet = 0;
  for (let rounds = 0; quiet < 4; rounds++) {
    assert(rounds < 100_000, "the connection keeps the reactor busy for ever");
    const before = socket.sent.length;
    for (let i = 0; i < MICROTASKS; i++) await null;
    quiet = reactor.turn(0) > 0 || socket.sent.length !== before ? 0 : quiet + 1; // tasks wake nobody
  }
}

/** Runs `test` under a clock that stands still until told: `advance(ms)`. */
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

/** Time goes by as the loop sees it: `ms` in steps in which it looks at what is due. */
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

/** One call of the handler, to be answered by the test. */
export interface Call {
  readonly request: HttpRequest;
  readonly context: HandlerContext;
  resolve(response: HttpResponse): void;
  reject(error: unknown): void;
}

/** A handler whose every answer is a promise that the test settles. */
export class Calls {
  readonly all: Call[] = [];
  readonly handler: Handler = (request, context) => {
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    this.all.push({ request, context, resolve, reject });
    return promise;
  };
}

/** A response of text. */
export function says(text: string): HttpResponse {
  return new HttpResponse(200, [], encodeUtf8(text));
}

/** Counts what happens to a stream of `pieces`; without end unless `ends`. */
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

/** A descriptor that no process of ours has. */
export const NOT_OPEN = 987_654_321;

/** A file's body, and how often it was closed. */
export class CountedFile {
  closed = 0;
  readonly body: FileBody;

  constructor(length = 10) {
    this.body = new FileBody({ fd: NOT_OPEN, offset: 0, length, close: () => void this.closed++ });
  }
}

/** A POST whose body comes by its length. */
export function post(body: string, ...lines: string[]): string {
  return ["POST /p HTTP/1.1", "Host: x", `Content-Length: ${body.length}`, ...lines, "", body].join("\r\n");
}

/** A POST whose body comes in `pieces`. */
export function postChunked(pieces: readonly string[], ...lines: string[]): string {
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("");
  return ["POST /p HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", ...lines, "", `${chunks}0\r\n\r\n`]
    .join("\r\n");
}

/** `pieces` as a chunked body. */
export function chunked(pieces: readonly string[], isWhole = true): string {
  return pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("") +
    (isWhole ? "0\r\n\r\n" : "");
}

/** The statuses on the wire. */
export function statuses(scripted: Scripted): number[] {
  return Array.from(scripted.socket.text.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => Number(status));
}

/** Asserts that it was told of `count` errors, and names them if not. */
export function assertErrors(scripted: Scripted, count: number): void {
  assertEquals(scripted.errors.length, count, scripted.errors.map(String).join("; "));
}

/** A scripted connection that is told some limits of its own. */
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

/** A scripted connection that speaks bytes. */
export function scriptedProtocol(protocol: Protocol, trigger: "level" | "edge"): Scripted {
  return new Scripted(
    () => HttpResponse.text(""),
    trigger,
    true,
    (fd, host, keeper) => new ByteConnection(host, keeper, protocol).attach(fd, Interest.NONE),
  );
}

/** What `call` throws, or its promise rejects with; null when it does neither. */
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

/** Answers with `source`. */
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
