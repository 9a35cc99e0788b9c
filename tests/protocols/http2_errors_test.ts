/**
 * What is wrong in HTTP/2, by the code and the scope that RFC 9113 names.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { HttpResponse } from "../../mod.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FrameType } from "../../server/protocols/http2/frames/frame.ts";
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
import { sleep } from "../support/sleep.ts";
import { withServer } from "../support/serving.ts";

const {
  DATA,
  HEADERS,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  PUSH_PROMISE,
  PING,
  GOAWAY,
  WINDOW_UPDATE,
  CONTINUATION,
} = FrameType;
const handler = async (request: { path: string; bytes(): Promise<Uint8Array> }) => {
  const { length } = await request.bytes();
  return HttpResponse.text(`hello ${request.path} ${length}`);
};
const zeros = (count: number) => new Uint8Array(count);

/** The connection ends with this code (§5.4.1). */
const CONNECTION_ERRORS: readonly [section: string, code: keyof typeof ErrorCode, ...frames: Uint8Array[]][] =
  [
    ["4.2: a frame that is larger than allowed", "FRAME_SIZE_ERROR", frame(DATA, 0, 1, zeros(20_000))],
    ["4.3: a block that cannot be decoded", "COMPRESSION_ERROR", frame(HEADERS, 5, 1, [0x80])],
    ["5.1: DATA on an idle stream", "PROTOCOL_ERROR", frame(DATA, 0, 1, zeros(1))],
    ["5.1: RST_STREAM on an idle stream", "PROTOCOL_ERROR", frame(RST_STREAM, 0, 1, zeros(4))],
    ["5.1: WINDOW_UPDATE on an idle stream", "PROTOCOL_ERROR", update(1, 100)],
    ["5.1.1: a stream of the server's", "PROTOCOL_ERROR", headers(2, getFields("/"))],
    [
      "5.1.1: a smaller number than before, which was never used",
      "PROTOCOL_ERROR",
      headers(5, getFields("/")),
      headers(3, getFields("/")),
    ],
    [
      "5.5: another frame within a head",
      "PROTOCOL_ERROR",
      frame(HEADERS, 1, 1, blockOf(getFields("/"))),
      frame(PING, 0, 0, zeros(8)),
    ],
    ["6.1: DATA on stream 0", "PROTOCOL_ERROR", frame(DATA, 0, 0, zeros(1))],
    [
      "6.1: more padding than there is",
      "PROTOCOL_ERROR",
      post(1, "/p"),
      frame(DATA, Flag.PADDED, 1, [5, 0, 0, 0, 0]),
    ],
    ["6.2: HEADERS on stream 0", "PROTOCOL_ERROR", headers(0, getFields("/"))],
    ["6.2: more padding than there is", "PROTOCOL_ERROR", frame(HEADERS, 5 | Flag.PADDED, 1, [9, 0x82])],
    ["6.3: PRIORITY on stream 0", "PROTOCOL_ERROR", frame(PRIORITY, 0, 0, zeros(5))],
    ["6.4: RST_STREAM on stream 0", "PROTOCOL_ERROR", frame(RST_STREAM, 0, 0, zeros(4))],
    [
      "6.4: RST_STREAM of another length",
      "FRAME_SIZE_ERROR",
      post(1, "/p"),
      frame(RST_STREAM, 0, 1, zeros(3)),
    ],
    [
      "6.5: SETTINGS with an acknowledgement and a payload",
      "FRAME_SIZE_ERROR",
      frame(SETTINGS, Flag.ACK, 0, zeros(6)),
    ],
    ["6.5: SETTINGS on a stream", "PROTOCOL_ERROR", frame(SETTINGS, 0, 1)],
    ["6.5: SETTINGS of another length", "FRAME_SIZE_ERROR", frame(SETTINGS, 0, 0, zeros(5))],
    ["6.5.2: ENABLE_PUSH other than 0 and 1", "PROTOCOL_ERROR", setting(2, 2)],
    ["6.5.2: a window of more than 2³¹−1", "FLOW_CONTROL_ERROR", setting(4, 0x8000_0000)],
    ["6.5.2: frames of less than 16,384", "PROTOCOL_ERROR", setting(5, 16_383)],
    ["6.5.2: frames of more than 2²⁴−1", "PROTOCOL_ERROR", setting(5, 0x0100_0000)],
    ["6.6: PUSH_PROMISE", "PROTOCOL_ERROR", frame(PUSH_PROMISE, 4, 1, zeros(5))],
    ["6.7: PING on a stream", "PROTOCOL_ERROR", frame(PING, 0, 1, zeros(8))],
    ["6.7: PING of another length", "FRAME_SIZE_ERROR", frame(PING, 0, 0, zeros(6))],
    ["6.8: GOAWAY on a stream", "PROTOCOL_ERROR", frame(GOAWAY, 0, 1, zeros(8))],
    ["6.9: WINDOW_UPDATE by 0", "PROTOCOL_ERROR", update(0, 0)],
    ["6.9: WINDOW_UPDATE of another length", "FRAME_SIZE_ERROR", frame(WINDOW_UPDATE, 0, 0, zeros(3))],
    ["6.9.1: a window of more than 2³¹−1", "FLOW_CONTROL_ERROR", update(0, 0x7fff_ffff), update(0, 1)],
    [
      "6.9.2: SETTINGS that widen a stream past 2³¹−1",
      "FLOW_CONTROL_ERROR",
      post(1, "/p"),
      update(1, 0x7fff_ffff - 65_535),
      setting(4, 65_536),
    ],
    ["6.10: CONTINUATION without a head", "PROTOCOL_ERROR", frame(CONTINUATION, 4, 1, [0x82])],
    [
      "6.10: CONTINUATION on another stream",
      "PROTOCOL_ERROR",
      frame(HEADERS, 1, 1, [0x82]),
      frame(CONTINUATION, 4, 3, [0x84]),
    ],
    [
      "6.10: HEADERS within a head",
      "PROTOCOL_ERROR",
      frame(HEADERS, 1, 1, [0x82]),
      headers(3, getFields("/")),
    ],
  ];

for (const [section, code, ...frames] of CONNECTION_ERRORS) {
  Deno.test(`§${section}: ${code} for the connection`, async () => {
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(...frames).catch(() => {});
      assertEquals(await wire.goAwayCode(), ErrorCode[code]);
      using other = await Http2Wire.connect(port);
      await other.send(headers(1, getFields("/after")));
      assertEquals(new TextDecoder().decode((await other.response(1))?.body), "hello /after 0");
      assertEquals(errors, []);
    });
  });
}

/** The stream ends with this code, and the connection goes on (§5.4.2). */
const STREAM_ERRORS: readonly [section: string, code: keyof typeof ErrorCode, ...frames: Uint8Array[]][] = [
  [
    "5.1: DATA on a half-closed stream",
    "STREAM_CLOSED",
    headers(1, getFields("/slow")),
    frame(DATA, 0, 1, zeros(1)),
  ],
  [
    "5.1: HEADERS on a half-closed stream",
    "STREAM_CLOSED",
    headers(1, getFields("/slow")),
    headers(1, getFields("/slow")),
  ],
  ["6.3: PRIORITY of another length", "FRAME_SIZE_ERROR", post(1, "/p"), frame(PRIORITY, 0, 1, zeros(4))],
  ["6.9: WINDOW_UPDATE by 0", "PROTOCOL_ERROR", post(1, "/p"), update(1, 0)],
  ["6.9.1: a window of more than 2³¹−1", "FLOW_CONTROL_ERROR", post(1, "/p"), update(1, 0x7fff_ffff)],
  [
    "8.1: a second head that does not end the stream",
    "PROTOCOL_ERROR",
    post(1, "/p"),
    headers(1, [["x", "y"]], 0),
  ],
  ["8.1: trailers with a pseudo-field", "PROTOCOL_ERROR", post(1, "/p"), headers(1, [[":path", "/"]])],
  [
    "8.1.1: more data than Content-Length",
    "PROTOCOL_ERROR",
    post(1, "/p", ["content-length", "1"]),
    frame(DATA, 1, 1, zeros(2)),
  ],
  [
    "8.1.1: less data than Content-Length",
    "PROTOCOL_ERROR",
    post(1, "/p", ["content-length", "3"]),
    frame(DATA, 1, 1, zeros(2)),
  ],
  [
    "8.1.1: less before trailers",
    "PROTOCOL_ERROR",
    post(1, "/p", ["content-length", "3"]),
    frame(DATA, 0, 1, zeros(2)),
    headers(1, [["x", "y"]]),
  ],
  ["8.2: an upper-case name", "PROTOCOL_ERROR", headers(1, getFields("/", ["Accept", "x"]))],
  ["8.2.2: a field of a connection", "PROTOCOL_ERROR", headers(1, getFields("/", ["connection", "close"]))],
  ["8.3: an unknown pseudo-field", "PROTOCOL_ERROR", headers(1, getFields("/", [":x", "y"]))],
  ["8.3.1: no path", "PROTOCOL_ERROR", headers(1, getFields("/").slice(0, 3))],
  ["8.3.1: no method", "PROTOCOL_ERROR", headers(1, getFields("/").slice(1))],
];

const slow = async (request: { path: string; bytes(): Promise<Uint8Array> }) => {
  if (request.path === "/slow") await sleep(300);
  return await handler(request);
};

for (const [section, code, ...frames] of STREAM_ERRORS) {
  Deno.test(`§${section}: ${code} for the stream`, async () => {
    await withServer({ http2: true, handler: slow }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(...frames);
      assertEquals((await wire.response(1))?.reset, ErrorCode[code]);
      await wire.send(headers(3, getFields("/after")));
      assertEquals(new TextDecoder().decode((await wire.response(3))?.body), "hello /after 0");
      assert(wire.frames.every(({ type }) => type !== GOAWAY));
      assertEquals(errors, []);
    });
  });
}

Deno.test("§5.1: HEADERS on a stream that both sides have ended: STREAM_CLOSED for the connection", async () => {
  await withServer({ http2: true, handler }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/")));
    assertEquals((await wire.response(1))?.reset, null);
    await wire.send(headers(1, getFields("/")));
    assertEquals(await wire.goAwayCode(), ErrorCode.STREAM_CLOSED);
    assertEquals(errors, []);
  });
});
