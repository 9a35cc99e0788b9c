/**
 * States of streams and of a connection of HTTP/2 that take several steps to reach, and what both sides remember.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Handler, HttpResponse } from "../../mod.ts";
import { concat } from "../../server/http/bytes.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FRAME_HEAD_BYTES, FrameType, readUint32 } from "../../server/protocols/http2/frames/frame.ts";
import {
  blockOf,
  frame,
  getFields,
  headers,
  Http2Wire,
  post,
  setting,
  update,
} from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const { DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION } = FrameType;

const handler: Handler = Object.assign((request: Parameters<Handler>[0]) => {
  if (request.path === "/never") return new Promise<HttpResponse>(() => {});
  if (request.path === "/body") return request.bytes().then(({ length }) => HttpResponse.text(`${length}`));
  if (request.path === "/early") return HttpResponse.text("before the body");
  if (request.path === "/window") { // the window of a connection, and the end later
    const stream = new ReadableStream({
      async start(controller) {
        controller.enqueue(new Uint8Array(65_535));
        await sleep(50);
        controller.close();
      },
    });
    return new HttpResponse(200, [], { stream, length: null });
  }
  return HttpResponse.text(`hello ${request.header("x-own") ?? ""}`);
});

const textOf = (body: Uint8Array | undefined) => new TextDecoder().decode(body);
const codeOf = ({ payload }: { payload: Uint8Array }, at = 0) => readUint32(payload, at);

Deno.test("HTTP/2: a response before the body's end asks for no more, and drops what still comes", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(post(1, "/early"));
    const reset = await wire.expect(RST_STREAM);
    assertEquals([reset.stream, codeOf(reset)], [1, ErrorCode.NO_ERROR]);
    await wire.send(frame(DATA, 0, 1, new Uint8Array(100)));
    await wire.send(headers(1, [["x-sum", "1"]])); // trailers, which the table has to know
    await wire.send(frame(DATA, 1, 1), update(1, 5), headers(3, getFields("/")));
    assertEquals(textOf((await wire.response(3))?.body), "hello ");
    assertEquals(wire.frames.filter(({ type }) => type === RST_STREAM || type === GOAWAY).length, 1);
  });
});

Deno.test("HTTP/2: a block on a stream that is refused changes the table all the same", async () => {
  // `x-own: yes` with incremental indexing, then its entry
  const added = [0x40, 5, ...new TextEncoder().encode("x-own"), 3, ...new TextEncoder().encode("yes")];
  const blocks: Record<string, Uint8Array[]> = {
    "half-closed": [headers(1, getFields("/never")), frame(HEADERS, 5, 1, added)],
    "reset by the client": [
      headers(1, getFields("/never")),
      frame(RST_STREAM, 0, 1, [0, 0, 0, 8]),
      frame(HEADERS, 5, 1, added),
    ],
    malformed: [frame(HEADERS, 5, 1, [...added, ...blockOf(getFields("/"))])],
    "too large": [frame(HEADERS, 5, 1, [...blockOf(getFields("/", ["y", "z".repeat(17_000)])), ...added])],
  };
  for (const [name, sent] of Object.entries(blocks)) {
    await withServer({ http2: true, handler }, async ({ port }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(...sent, frame(HEADERS, 5, 3, [...blockOf(getFields("/")), 0xbe]));
      assertEquals(textOf((await wire.response(3))?.body), "hello yes", name);
    });
  }
});

Deno.test("HTTP/2: a block that changes the table does so each time it comes", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];
    const block = [...blockOf(getFields("/")), 0x40, ...text("x-own"), ...text("a")];
    for (let i = 0; i < 5; i++) {
      await wire.send(frame(HEADERS, 5, 1 + 2 * i, block));
      assertEquals(textOf((await wire.response(1 + 2 * i))?.body), "hello a");
    }
    await wire.send(frame(HEADERS, 5, 11, [...blockOf(getFields("/")), 0x80 | 66])); // the first of the five entries
    assertEquals(textOf((await wire.response(11))?.body), "hello a");
  });
});

Deno.test("HTTP/2: 100 (Continue) tells the size of a table that the client has made smaller", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(1, 100));
    await wire.send(post(1, "/body", ["expect", "100-continue"]));
    const hundred = await wire.expect(HEADERS);
    assertEquals(hundred.payload[0], 0x20);
    assertEquals(wire.decode(hundred.payload)[":status"], "100");
    await wire.send(frame(DATA, Flag.END_STREAM, 1, new Uint8Array(3)));
    const head = await wire.expect(HEADERS);
    assert(head.payload[0] !== 0x20);
    assertEquals(wire.decode(head.payload)[":status"], "200");
  });
});

onAll("HTTP/2: a window of 1 byte, and one below zero, are kept", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(4, 1));
    await wire.send(headers(1, getFields("/")));
    assertEquals(textOf((await wire.expect(DATA)).payload), "h");
    await wire.send(setting(4, 3));
    assertEquals(textOf((await wire.expect(DATA)).payload), "el");
    await wire.send(setting(4, 0)); // −3
    await wire.send(update(1, 3), frame(PING, 0, 0, new Uint8Array(8)));
    await wire.expect(PING);
    await sleep(20);
    await wire.send(update(1, 1));
    assertEquals(textOf((await wire.expect(DATA)).payload), "l");
    await wire.send(update(1, 100));
    const last = await wire.expect(DATA);
    assertEquals([textOf(last.payload), last.flags], ["o ", Flag.END_STREAM]);
  }, poller);
});

Deno.test("HTTP/2: the end of a response needs no window", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port, setting(4, 1_000_000));
    await wire.send(headers(1, getFields("/window")));
    let received = 0;
    for (;;) {
      const { payload, flags } = await wire.expect(DATA);
      received += payload.length;
      if (flags & Flag.END_STREAM) break;
    }
    assertEquals(received, 65_535);
  });
});

onAll("HTTP/2: a client that has ended its half gets all responses", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(concat(Array.from({ length: 100 }, (_, i) => headers(1 + 2 * i, getFields("/"))))); // at once
    await wire.end();
    let ended = 0;
    for (let one = await wire.next(); one !== null; one = await wire.next()) {
      if (one.type === DATA && one.flags & Flag.END_STREAM) ended++;
    }
    assertEquals(ended, 100);
  }, poller);
});

Deno.test("HTTP/2: after a client's GOAWAY its streams are served, also new ones, and then the connection ends", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    const goAway = frame(GOAWAY, 0, 0, [
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      99,
      ...new TextEncoder().encode("unknown code"),
    ]);
    await wire.send(post(1, "/body"), goAway, headers(3, getFields("/")));
    assertEquals(textOf((await wire.response(3))?.body), "hello ");
    await wire.send(frame(DATA, Flag.END_STREAM, 1, new Uint8Array(7)));
    assertEquals(textOf((await wire.response(1))?.body), "7");
    const answer = await wire.expect(GOAWAY);
    assertEquals([codeOf(answer), codeOf(answer, 4)], [3, ErrorCode.NO_ERROR]);
    assertEquals(await wire.next(), null);
  });
});

Deno.test("HTTP/2: after a connection's error nothing of it is answered, and it ends", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/never")), headers(3, getFields("/")));
    await wire.expect(DATA);
    await wire.send(frame(PING, 0, 0, new Uint8Array(7)), headers(5, getFields("/")), frame(SETTINGS, 0, 0));
    const answer = await wire.expect(GOAWAY);
    assertEquals([codeOf(answer), codeOf(answer, 4)], [3, ErrorCode.FRAME_SIZE_ERROR]);
    assertEquals(await wire.next(), null);
  });
});

Deno.test("HTTP/2: what comes first is SETTINGS of either side", async () => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    for (
      const first of [
        frame(SETTINGS, Flag.ACK, 0),
        frame(PING, 0, 0, new Uint8Array(8)),
        headers(1, getFields("/")),
      ]
    ) {
      using wire = await Http2Wire.connect(port, first);
      assertEquals(await wire.goAwayCode(), ErrorCode.PROTOCOL_ERROR);
      assertEquals([wire.frames[0]!.type, wire.frames[0]!.flags, wire.frames[0]!.stream], [SETTINGS, 0, 0]);
    }
  });
});

onAll("HTTP/2: bytes that come one by one are the same frames", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    const parts = [
      post(1, "/body"),
      frame(DATA, Flag.PADDED, 1, [2, 1, 2, 3, 0, 0]),
      frame(HEADERS, Flag.END_STREAM, 1, blockOf([["x-sum", "1"]])),
      frame(CONTINUATION, Flag.END_HEADERS, 1),
      frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
      headers(3, getFields("/", ["x-own", "w".repeat(50)])),
    ];
    for (const part of parts) {
      for (const [i, byte] of part.entries()) {
        await wire.send(Uint8Array.of(byte));
        if (i < FRAME_HEAD_BYTES || i % 8 === 0) await sleep(1);
      }
    }
    assertEquals(textOf((await wire.response(3))?.body), `hello ${"w".repeat(50)}`);
    const types = wire.frames.map(({ type, stream }) => `${type} ${stream}`);
    assert(types.includes(`${PING} 0`) && types.includes(`${DATA} 1`), types.join());
  }, poller);
});
