/**
 * HTTP/2: trailers of responses.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Fields, type Handler, HttpResponse } from "../../mod.ts";
import { Flag, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { withTrailers, withWire } from "../support/http2_serving.ts";
import { getFields, headers, Http2Wire } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const { HEADERS, DATA } = FrameType;
const encoder = new TextEncoder();

onAll("HTTP/2: trailers follow the body, and end the stream, also of an empty body", async (poller) => {
  const handler: Handler = ({ path }) => {
    if (path === "/later") {
      return withTrailers("later", async () => {
        await sleep(10);
        return [["Server-Timing", "total;dur=10"], ["X-Sum", "größer"]];
      });
    }
    if (path === "/none") return withTrailers("none", () => []);
    if (path === "/large") return withTrailers("x".repeat(200_000), () => [["x-sum", "1"]]);
    return withTrailers("", () => [["Grpc-Status", "0"], ["Grpc-Message", "ok"]]);
  };
  await withServer({ http2: true, handler }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/later")));
    const later = await wire.message(1);
    assertEquals([later.body, later.sections.length], ["later", 2]);
    assertEquals(later.sections[0]!["trailer"], "Server-Timing");
    assertEquals(later.sections[1]!["server-timing"], "total;dur=10");
    assertEquals(encoder.encode("größer").length, later.sections[1]!["x-sum"]!.length, "as UTF-8");
    await wire.send(headers(3, getFields("/none")));
    assertEquals((await wire.message(3)).sections.length, 1);
    await wire.send(headers(5, getFields("/empty")));
    const empty = await wire.message(5);
    assertEquals(empty.sections[1], { "grpc-status": "0", "grpc-message": "ok" });
    assertEquals(
      wire.frames.filter(({ stream, type }) => stream === 5 && type === DATA),
      [],
      "no data for an empty body",
    );
    await wire.send(headers(7, getFields("/large")));
    const large = await wire.message(7);
    assertEquals([large.body.length, large.sections[1]], [200_000, { "x-sum": "1" }]);
    await wire.send(headers(9, [[":method", "HEAD"], ...getFields("/empty").slice(1)]));
    assertEquals((await wire.message(9)).sections.length, 1);
    assertEquals(errors, []);
  }, poller);
});

Deno.test("HTTP/2: the end of a response needs no window, with trailers or without", async () => {
  const size = 65_535;
  const handler: Handler = ({ path }) => {
    const trailers = path === "/trailers" ? { trailers: (): Fields => [["x-sum", "1"]] } : {};
    const stream = ReadableStream.from([new Uint8Array(size)]);
    return new HttpResponse(200, [], { stream, length: null, ...trailers });
  };
  for (const path of ["/plain", "/trailers"]) {
    await withWire(handler, async (wire) => {
      await wire.send(headers(1, getFields(path))); // the windows are used up by the body
      let received = 0;
      for (let isEnd = false; !isEnd;) {
        const one = await wire.expect(DATA, HEADERS);
        if (one.type === DATA) received += one.payload.length;
        isEnd = (one.flags & Flag.END_STREAM) !== 0;
      }
      assertEquals(received, size);
    });
  }
});

Deno.test("trailers that may be none, or that fail, cut the response off, or make it a 500 before its head", async () => {
  const wrong: [() => unknown, RegExp][] = [
    [() => [["Content-Length", "5"]], /Content-Length is the server's to write/],
    [() => [["Set-Cookie", "a=b"]], /Set-Cookie may not be among trailers/],
    [() => [["if-match", "a"]], /if-match may not be among trailers/],
    [() => [["X-A", "b\r\nX-C: d"]], /Invalid value of X-A/],
    [() => [["X A", "b"]], /Invalid field name/],
    [() => ({ "X-A": "b" }), /trailers must be a list of \[name, value\]/],
    [() => Promise.reject(new Error("on purpose")), /on purpose/],
  ];
  const handler: Handler = ({ path }) => {
    const [make] = wrong[Number(path.slice(2))]!;
    return withTrailers(path.startsWith("/e") ? "" : "body", make as () => Fields);
  };
  await withWire(handler, async (wire, errors) => {
    for (const [i, [, message]] of wrong.entries()) {
      errors.length = 0;
      await wire.send(headers(1 + 4 * i, getFields(`/b${i}`)));
      const { sections, reset } = await wire.message(1 + 4 * i);
      assertEquals([sections[0]![":status"], reset], ["200", 2]);
      assert(message.test(errors.join()), `${errors}`);
      await wire.send(headers(3 + 4 * i, getFields(`/e${i}`)));
      assertEquals((await wire.message(3 + 4 * i)).sections[0]![":status"], "500");
    }
  });
  const stream = new ReadableStream<Uint8Array>();
  let message = "";
  try {
    new HttpResponse(200, [], { stream, length: null, trailers: [] as unknown as () => Fields });
  } catch (error) {
    message = String(error);
  }
  assert(/TypeError: The trailers of a response must be a function/.test(message), message);
});
