/**
 * HTTP/2: the fields that leave: interim responses, heads of any size, trailers, and none about a connection.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Fields, type Handler, type HandlerContext, HttpResponse } from "../../mod.ts";
import { Flag, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { withTrailers, withWire } from "../support/http2_serving.ts";
import { frame, getFields, headers, Http2Wire, post, setting } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const { HEADERS, CONTINUATION, DATA } = FrameType;
const encoder = new TextEncoder();
const LINK = "</style.css>; rel=preload; as=style";

onAll(
  "HTTP/2: early hints come before the response, at once or later, as often as they are sent",
  async (poller) => {
    let kept: HandlerContext | null = null;
    const handler: Handler = (request, context) => {
      context.earlyHints([["Link", LINK]]);
      context.earlyHints([]);
      if (request.path === "/now") return HttpResponse.text("now");
      kept = context;
      return sleep(20).then(() => {
        context.earlyHints([["Link", "</b.js>; rel=preload"], ["X-Size", "größer"]]);
        return HttpResponse.text("later");
      });
    };
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields("/now")));
      const now = await wire.message(1);
      assertEquals(now.sections.map((section) => section[":status"]), ["103", "200"]);
      assertEquals([now.sections[0], now.body], [{ ":status": "103", link: LINK }, "now"]);
      await wire.send(headers(3, getFields("/later")));
      const later = await wire.message(3);
      assertEquals(later.sections.map((section) => section[":status"]), ["103", "103", "200"]);
      assertEquals(later.sections[1]!["link"], "</b.js>; rel=preload");
      kept!.earlyHints([["Link", "too late"]]);
      await wire.send(post(5, "/now"), headers(5, [["x", "y"]]));
      assertEquals((await wire.message(5)).sections.length, 2);
      await sleep(20);
      await wire.send(headers(7, getFields("/now")));
      assertEquals((await wire.message(7)).sections.length, 2);
      assert(
        !wire.frames.some(({ stream, type }, i) =>
          stream === 3 && type === HEADERS &&
          wire.frames.slice(0, i).some((one) => one.stream === 3 && one.type === DATA)
        ),
        "nothing follows the response",
      );
      assertEquals(errors, []);
    }, poller);
  },
);

Deno.test("HTTP/2: the context of a request that waits is its own: its signal, its client, its hints", async () => {
  const contexts: HandlerContext[] = [];
  const signals: AbortSignal[] = [];
  const handler: Handler = async (request, context) => {
    contexts.push(context);
    await sleep(request.path === "/slow" ? 60 : 20);
    signals.push(context.signal);
    assert(!context.signal.aborted, "a request that is handled is not aborted");
    assert(context.remoteAddress !== null && context.localAddress !== null);
    return HttpResponse.text(request.path);
  };
  await withWire(handler, async (wire, errors) => {
    await wire.send(headers(1, getFields("/slow")), headers(3, getFields("/a")), headers(5, getFields("/b")));
    assertEquals((await wire.message(1)).body, "/slow");
    assertEquals(new Set(contexts).size, 3);
    assertEquals(new Set(signals).size, 3);
    assertEquals(errors, []);
  });
});

Deno.test(
  "HTTP/2: a head of any size is sent, in frames of 16 KB, with the table's size before it and a body after it",
  async () => {
    const lines = (count: number, size: number): Fields =>
      Array.from({ length: count }, (_, i) => [`X-${i}`, `${i}`.padEnd(size, "~")]);
    const handler: Handler = ({ path }, context) => {
      const [, count, size, kind] = path.split("/");
      const fields = lines(Number(count), Number(size));
      if (kind === "hints") context.earlyHints(fields);
      if (kind !== "trailers") return HttpResponse.text("body", { fields });
      return withTrailers("body", () => fields);
    };
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      let stream = 1;
      const shapes = [[1, 16_300], [1, 16_384], [2, 16_000], [100, 1000], [66, 4000]] as const; // up to 264 KB, more than the buffer
      for (const [count, size] of shapes) {
        for (const kind of ["head", "hints", "trailers"]) {
          if (stream === 15) await wire.send(setting(1, 0));
          await wire.send(headers(stream, getFields(`/${count}/${size}/${kind}`)));
          const { sections, body } = await wire.message(stream);
          const large = sections[kind === "trailers" ? 1 : 0]!;
          assertEquals(
            large[`x-${count - 1}`],
            `${count - 1}`.padEnd(size, "~"),
            `${count} × ${size} ${kind}`,
          );
          assertEquals([sections.length, body], [kind === "head" ? 1 : 2, "body"]);
          stream += 2;
        }
      }
      for (const { type, payload } of wire.frames) {
        if (type === HEADERS || type === CONTINUATION) assert(payload.length <= 16_384);
      }
      assert(wire.frames.some(({ type }) => type === CONTINUATION));
      assertEquals(errors, []);
    });
  },
);

Deno.test("HTTP/2: a head over 16 KB is sent again with the date of its second, for another stream", async () => {
  const response = HttpResponse.text("body", { fields: [["X-Large", "~".repeat(40_000)]] });
  await withWire(() => response, async (wire) => {
    await wire.send(headers(1, getFields("/")));
    const first = await wire.message(1);
    await sleep(1100);
    await wire.send(
      headers(3, getFields("/")),
      headers(5, [[":method", "HEAD"], ...getFields("/").slice(1)]),
    );
    const second = await wire.message(3);
    const head = await wire.message(5);
    assert(first.sections[0]!["date"] !== second.sections[0]!["date"]);
    assertEquals(head.sections[0], second.sections[0]!);
    assertEquals([second.body, head.body], ["body", ""]);
  });
});

Deno.test("HTTP/2: a table that the client has made smaller is acknowledged in whatever block comes next", async () => {
  const handler: Handler = (request, context) => {
    if (request.path === "/hints") context.earlyHints([["Link", LINK]]);
    return request.bytes().then(() => HttpResponse.text("body"));
  };
  for (const path of ["/hints", "/continue"]) {
    await withWire(handler, async (wire) => {
      await wire.send(setting(1, 0));
      if (path === "/hints") await wire.send(headers(1, getFields(path)));
      else await wire.send(post(1, path, ["expect", "100-continue"]));
      const interim = await wire.expect(HEADERS);
      assertEquals(interim.payload[0], 0x20);
      assertEquals(interim.flags & Flag.END_STREAM, 0);
    });
  }
});

Deno.test("HTTP/2: no field about a connection leaves, values are bytes without spaces around, names are in lower case", async () => {
  const fields: Fields = [
    ["Upgrade", "websocket"],
    ["Proxy-Connection", "keep-alive"],
    ["TE", "trailers"],
    ["X-UPPER", "  Value \t"],
    ["X-City", "Alcalà"], // ends in the byte 0xA0 in UTF-8
    ["Date", "today"],
    ["X-Empty", ""],
  ];
  const shown = {
    ":status": "200",
    "x-upper": "Value",
    "x-city": "Alcal\u00c3\u00a0",
    date: "today",
    "x-empty": "",
    "content-length": "4",
  };
  const handler: Handler = ({ path }) => {
    if (path === "/head") return new HttpResponse(200, fields, encoder.encode("body"));
    // An encoding of the program's own may change names.
    const encode = (text: string) => encoder.encode(text.replace("X-Renamed", "Connection"));
    try {
      return new HttpResponse(
        200,
        [["X-Renamed", "close"]],
        encoder.encode("body"),
        false,
        undefined,
        encode,
      );
    } catch {
      return HttpResponse.text("refused");
    }
  };
  await withWire(handler, async (wire, errors) => {
    await wire.send(headers(1, getFields("/head")));
    assertEquals((await wire.message(1)).sections, [shown]);
    await wire.send(headers(3, getFields("/renamed")));
    const { sections: [head] } = await wire.message(3);
    for (const name of ["connection", "keep-alive", "transfer-encoding"]) {
      assertEquals(head![name], undefined);
    }
    assertEquals(errors, []);
  });
});

Deno.test("a request tells the version in which it came", async () => {
  const handler: Handler = async (request) => {
    const { protocol } = request;
    await sleep(1);
    return HttpResponse.text(`${protocol} ${request.protocol}`);
  };
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/HTTP/1.0")), headers(3, getFields("/HTTP/1.0")), post(5, "/"));
    for (const stream of [1, 3]) assertEquals((await wire.message(stream)).body, "HTTP/2 HTTP/2");
    for (
      const [line, version] of [
        ["GET /HTTP/2 HTTP/1.1", "HTTP/1.1"],
        ["GET /HTTP/2 HTTP/1.0", "HTTP/1.0"],
        ["GET / HTTP/1.2", "HTTP/1.1"],
      ]
    ) {
      const plain = await Deno.connect({ port });
      await plain.write(encoder.encode(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`));
      const text = await new Response(plain.readable).text();
      assertEquals(text.split("\r\n\r\n")[1], `${version} ${version}`, line);
    }
  });
});

Deno.test("HTTP/2: an unknown expectation is 417, whatever length the head before it had", async () => {
  await withWire(() => HttpResponse.text("never"), async (wire) => {
    const malformed = headers(1, getFields("/", ["content-length", "3"])); // it has ended, and no body
    await wire.send(malformed, headers(3, getFields("/", ["expect", "x"])));
    assertEquals((await wire.response(3))?.fields[":status"], "417");
    await wire.send(
      headers(5, getFields("/", ["content-length", "3"])),
      post(7, "/", ["expect", "x"]),
      frame(DATA, Flag.END_STREAM, 7, encoder.encode("more than 3")),
    );
    assertEquals((await wire.response(7))?.fields[":status"], "417");
  });
});
