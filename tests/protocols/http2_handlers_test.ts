/**
 * Handlers over HTTP/2 and over HTTP/1.1: each kind of response is the same by both.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Handler, HttpError, HttpResponse } from "../../mod.ts";
import { askEach, BothVersions, type Reply } from "../support/both_versions.ts";
import type { Line } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { exchange } from "../support/wire.ts";

const LARGE = 2_000_000;

/** A handler with a response of each kind. */
const everyKind: Handler = (request, context) => {
  const { path } = request;
  const pieces = ["one ", "two ", "three"].map((text) => new TextEncoder().encode(text));
  switch (path) {
    case "/json":
      return HttpResponse.json({ path, query: request.query, host: request.authority });
    case "/redirect":
      return HttpResponse.redirect("/elsewhere/\u00e4", { status: 307 });
    case "/echo":
      return request.bytes().then((bytes) => HttpResponse.bytes(bytes, { type: "x/y" }));
    case "/stream":
      return new HttpResponse(200, [["Content-Type", "x/y"]], ReadableStream.from(pieces));
    case "/stream-of-length":
      return new HttpResponse(200, [], { stream: ReadableStream.from(pieces), length: 13 });
    case "/empty":
      return new HttpResponse(204, [["X", "y"]], null);
    case "/unchanged":
      return new HttpResponse(304, [["ETag", '"x"']], null);
    case "/later":
      return sleep(1).then(() => HttpResponse.text("later"));
    case "/refused":
      throw new HttpError(409, "on purpose");
    case "/refused-later":
      return sleep(1).then(() => Promise.reject(new HttpError(410, "on purpose")));
    case "/throws":
      throw new Error("on purpose");
    case "/fails-at-once":
      return new HttpResponse(
        200,
        [],
        ReadableStream.from((async function* () {
          yield* [];
          await sleep(1);
          throw new Error("on purpose");
        })()),
      );
    case "/who":
      return HttpResponse.text(
        `${context.remoteAddress?.address} ${context.serverName} ${context.signal.aborted}`,
      );
    case "/fields":
      return HttpResponse.text(
        [...request.headers()].filter(([name]) => /^x|cookie/i.test(name)).join("\n").toLowerCase(),
      );
    case "/large":
      return HttpResponse.bytes(new Uint8Array(LARGE).fill(7));
  }
  return undefined as unknown as HttpResponse;
};

onAll(
  "handlers answer the same over HTTP/2 as over HTTP/1.1: at once, later, by streams, and by errors",
  async (poller) => {
    const paths = [
      ..."/json?a=b /redirect /echo /stream /stream-of-length /empty /unchanged /later /refused /refused-later"
        .split(" "),
      ..."/throws /who /fields /large /nothing".split(" "),
    ];
    await withServer({ http2: true, handler: everyKind, bodyBytesMax: 100_000 }, async ({ port, errors }) => {
      const asked = async (both: BothVersions, target: string) => {
        const fields: Line[] = [["X-A", "1"], ["X-A", "2"], ["Cookie", "a=b"]];
        for (const method of ["GET", "HEAD", "OPTIONS"]) await both.same({ target, method, fields }, 3);
        for (const body of ["", "hello", "x".repeat(60_000)]) {
          for (const isChunked of [false, true]) {
            await both.same({ target, method: "POST", body, isChunked, fields });
          }
        }
      };
      await askEach({ port }, paths, asked);
      // Alone: the head of a stream waits for its first chunk, or its error, but no longer than a second.
      await askEach({ port }, ["/fails-at-once"], asked);
      using both = await BothVersions.connect({ port });
      assertEquals(
        (await both.same({ target: "/echo", method: "POST", body: "x".repeat(100_001) })).status,
        413,
      );
      assert(
        errors.every((line) => /on purpose|must return/.test(line)),
        errors.join("\n"),
      );
    }, poller);
  },
);

Deno.test("429 and 503 are the same over HTTP/2 as over HTTP/1.1", async () => {
  const handler: Handler = ({ path }) =>
    path === "/never" ? new Promise(() => {}) : HttpResponse.text("hello");
  await withServer({ http2: true, handler, handlerTimeoutMs: 30 }, async ({ port }) => {
    using both = await BothVersions.connect({ port });
    assertEquals((await both.same({ target: "/never" })).status, 503);
  });
  const limits = { requestRateMax: { requests: 1, periodMs: 3_600_000 }, requestBurstMax: 2 };
  await withServer({ http2: true, handler, ...limits }, async ({ port }) => {
    using both = await BothVersions.connect({ port });
    assertEquals((await both.same({ target: "/" })).status, 200);
    const [first, second] = [
      await both.askHttp2({ target: "/" }) as Reply,
      await exchange(port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ];
    assertEquals([first.status, first.body], [429, second.text]);
    assertEquals(second.status, 429);
    assert(first.lines.some((line) => /^retry-after: \d+$/.test(line)));
  });
});
