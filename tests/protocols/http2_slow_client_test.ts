/**
 * Responses of one HTTP/2 connection to a client that reads slowly: what was written before does not delay what is more urgent.
 * @module
 */
import { assert } from "@std/assert";
import type { PollerName } from "../../mod.ts";
import { concat } from "../../server/http/bytes.ts";
import { Flag, FrameType, INT31_MAX } from "../../server/protocols/http2/frames/frame.ts";
import { getFields, headers, type Http2Wire, update } from "../support/http2_wire.ts";
import { connectNarrowly } from "../support/narrow_http2.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sizedHandler as handler } from "../support/sized_handler.ts";
import { sleep } from "../support/sleep.ts";
import { local as tls } from "../support/tls_serving.ts";

const { DATA, HEADERS } = FrameType;

/** A client with a small receive buffer, so that what it has not read is at the server. */
function narrow(port: number, isSecure = false): Promise<Http2Wire> {
  return connectNarrowly(port, { isSecure, receiveBytes: 8192, window: INT31_MAX });
}

/** Reads until the response on `stream` has begun. Returns how many bytes of other streams came before. */
async function bytesBefore(wire: Http2Wire, stream: number): Promise<number> {
  let bytes = 0;
  for (;;) {
    const one = await wire.expect(DATA, HEADERS);
    if (one.stream === stream && one.type === HEADERS) return bytes;
    if (one.type === DATA) bytes += one.payload.length;
  }
}

/** Asks for small files when `taken` bytes of a large one are read, and counts what comes before them. */
async function comesSoon(isSecure: boolean, poller: PollerName, taken = 1_500_000): Promise<void> {
  await withServer({ http2: true, handler, ...(isSecure ? { tls } : {}) }, async ({ port }) => {
    using wire = await narrow(port, isSecure);
    await wire.send(update(0, 0x7000_0000), headers(1, getFields("/8000000/video/mp4")));
    for (let read = 0; read < taken;) read += (await wire.expect(DATA)).payload.length;
    const before: number[] = [];
    for (const stream of [3, 5, 7]) {
      await sleep(50); // the socket is full
      await wire.send(headers(stream, getFields("/300/text/css")));
      before.push(await bytesBefore(wire, stream));
    }

    assert(before.every((bytes) => bytes < 128 * 1024), `${before}`);
  }, poller);
}

onAll(
  "HTTP/2: a small file that is asked for while a large one is sent comes within one write",
  async (poller) => {
    await comesSoon(false, poller);
  },
);

onAll("HTTP/2: a small file comes as soon at the beginning of the first large one", async (poller) => {
  await comesSoon(false, poller, 0);
  await comesSoon(true, poller, 0);
});

Deno.test("HTTP/2: a small file comes as soon over TLS", async () => {
  await comesSoon(true, "epoll-edge");
});

onAll("HTTP/2: many small answers that are less urgent do not hold back an urgent one", async (poller) => {
  await withServer({ http2: true, handler }, async ({ port }) => {
    for (const [urgentId, bytesMax] of [[1, 64 * 1024], [61, 256 * 1024]] as const) {
      using wire = await narrow(port);
      await wire.send(update(0, 0x7000_0000));
      const requests = Array.from({ length: 31 }, (_, i) => {
        const isUrgent = 1 + 2 * i === urgentId;
        const fields = getFields(isUrgent ? "/400000/text/css" : "/15000/image/png", [
          "priority",
          isUrgent ? "u=0" : "u=6",
        ]);
        return headers(1 + 2 * i, fields);
      });
      await wire.send(concat(requests)); // at once
      let others = 0;
      for (let isOver = false; !isOver;) {
        const { stream, flags, payload } = await wire.expect(DATA);
        if (stream !== urgentId) others += payload.length;
        else isOver = (flags & Flag.END_STREAM) !== 0;
      }
      assert(others < bytesMax, `${others} bytes of others come before the end of stream ${urgentId}`);
    }
  }, poller);
});
