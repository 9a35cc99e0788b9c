/**
 * What a client may send by RFC 9113, and what it may not: each case with a handler that answers at once, and with one
 * that answers later. `http2_errors_test.ts` has more errors.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Handler, HttpResponse } from "../../mod.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { Flag, FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { CONNECTION_ERRORS, RIGHT, STREAM_ERRORS } from "../support/http2_cases.ts";
import { frame, getFields, headers, Http2Wire, update } from "../support/http2_wire.ts";
import { withServer } from "../support/serving.ts";

const { DATA, HEADERS, RST_STREAM, PING, GOAWAY } = FrameType;
const get = (id: number) => headers(id, getFields("/"));

const HANDLERS: Readonly<Record<string, Handler>> = {
  "at once": Object.assign(() => HttpResponse.text("hello"), { ignoresBodies: true }),
  later: async (request) => {
    await request.bytes();
    return HttpResponse.text("hello");
  },
};

for (const [when, handler] of Object.entries(HANDLERS)) {
  /** Registers a case, after which another connection is served as before. */
  const test = (name: string, work: (wire: Http2Wire) => Promise<void>) =>
    Deno.test(`§${name} (answers come ${when})`, async () => {
      await withServer({ http2: true, handler }, async ({ port, errors }) => {
        using wire = await Http2Wire.connect(port);
        await work(wire);
        using other = await Http2Wire.connect(port);
        await other.send(get(1));
        assertEquals((await other.response(1))?.fields[":status"], "200");
        assertEquals(errors, []);
      });
    });

  for (const [section, streams, ...frames] of RIGHT) {
    test(`${section}: nothing is wrong`, async (wire) => {
      await wire.send(...frames, frame(PING, 0, 0, [8, 7, 6, 5, 4, 3, 2, 1]), get(201), update(201, 100));
      const ended = await statusesOf(wire, [...streams, 201]);
      for (const id of [...streams, 201]) assertEquals(ended.get(id), "200", `stream ${id}`);
      const pong = wire.frames.findLast(({ type }) => type === PING)!;
      assertEquals([pong.flags, ...pong.payload], [Flag.ACK, 8, 7, 6, 5, 4, 3, 2, 1]);
      assert(wire.frames.every(({ type }) => type !== GOAWAY));
    });
  }

  for (const [section, code, ...frames] of CONNECTION_ERRORS) {
    test(`${section}: ${code} for the connection`, async (wire) => {
      await wire.send(...frames).catch(() => {});
      assertEquals(await wire.goAwayCode(), ErrorCode[code]);
    });
  }

  for (const [section, code, ...frames] of STREAM_ERRORS) {
    test(`${section}: ${code} for the stream`, async (wire) => {
      await wire.send(...frames);
      const { payload, stream } = await wire.expect(RST_STREAM);
      assertEquals([stream, payload[3]], [1, ErrorCode[code]]);
      await wire.send(get(201));
      assertEquals((await wire.response(201))?.fields[":status"], "200");
      assertEquals(wire.frames.filter(({ type }) => type === RST_STREAM).length, 1, "one RST_STREAM");
      assert(wire.frames.every(({ type }) => type !== GOAWAY));
    });
  }
}

/** Waits until `ids` have ended. Returns the status of each, or how it was reset. */
async function statusesOf(wire: Http2Wire, ids: readonly number[]): Promise<Map<number, string>> {
  const statuses = new Map<number, string>();
  const ended = new Set<number>();
  while (!ids.every((id) => ended.has(id))) {
    const one = await wire.next();
    assert(one !== null, "the server has ended");
    assert(one.type !== GOAWAY, `GOAWAY ${one.payload}`);
    if (one.type === HEADERS) statuses.set(one.stream, wire.decode(one.payload)[":status"]!);
    if (one.type === RST_STREAM) statuses.set(one.stream, `reset ${one.payload}`);
    const isEnd = one.type === RST_STREAM ||
      ((one.type === DATA || one.type === HEADERS) && (one.flags & Flag.END_STREAM) !== 0);
    if (isEnd) ended.add(one.stream);
  }
  return statuses;
}
