/**
 * HTTP/2: bodies that are sent again and again are sent from where their frames are.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { HttpResponse, type PollerName } from "../../mod.ts";
import {
  FRAMED_BODIES_BYTES_MAX,
  FRAMED_BODY_BYTES_MAX,
  FRAMED_BODY_IDLE_MS,
} from "../../server/http2_limits.ts";
import { concat } from "../../server/http/bytes.ts";
import {
  Flag,
  FRAME_BYTES_MAX,
  FrameType,
  INT31_MAX,
  Setting,
} from "../../server/protocols/http2/frames/frame.ts";
import { FramedBodies, type FramedBody } from "../../server/protocols/http2/frames/framed_body.ts";
import { getFields, headers, Http2Wire, setting, update } from "../support/http2_wire.ts";
import { Random, SEED } from "../support/random.ts";
import { connectNarrowly } from "../support/narrow_http2.ts";
import { withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { local as tls } from "../support/tls_serving.ts";

const { DATA, HEADERS } = FrameType;
const SIZES = [
  ...[100, 49_152, 60_000, 6 * FRAME_BYTES_MAX, 6 * FRAME_BYTES_MAX + 1, 100_000],
  ...[10 * FRAME_BYTES_MAX, 300_001],
];

/** Returns `length` bytes that differ from place to place, and from those of other lengths. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + length) & 0xff);
}

const bodies = SIZES.map(pattern);
const responses = bodies.map((body) => HttpResponse.bytes(body));
const handler = ({ path }: { path: string }) => responses[Number(path.slice(1))]!;

async function arrives(
  poller: PollerName,
  isSecure: boolean,
  isSlow: boolean,
  random: Random,
): Promise<void> {
  await withServer({ http2: true, handler, ...(isSecure ? { tls } : {}) }, async ({ port }) => {
    const window = random.pick([INT31_MAX, 65_535, 200_000]);
    using wire = await (isSecure || isSlow
      ? connectNarrowly(port, { isSecure, receiveBytes: isSlow ? 8192 : undefined, window })
      : Http2Wire.connect(port, setting(Setting.INITIAL_WINDOW_SIZE, window)));
    if (random.oneIn(2)) {
      await wire.send(update(0, INT31_MAX - 65_535));
    }
    let first = 1;
    for (let round = 0; round < 3; round++) {
      const asked = Array.from({ length: 1 + random.below(4) }, () =>
        random.below(SIZES.length));
      await wire.send(...asked.map((number, i) => headers(first + 2 * i, getFields(`/${number}`))));
      const parts = asked.map((): Uint8Array[] => []);
      for (let left = asked.length; left > 0;) {
        const { type, flags, stream, payload } = await wire.expect(DATA, HEADERS);
        if (type === HEADERS) continue;
        parts[(stream - first) / 2]!.push(payload);
        if (flags & Flag.END_STREAM) left--;
        else if (payload.length > 0) {
          await wire.send(update(0, payload.length), update(stream, payload.length));
        }
      }
      asked.forEach((number, i) => {
        const body = concat(parts[i]!);
        assertEquals(body.length, SIZES[number], `seed ${SEED}`);
        assert(
          body.every((byte, at) => byte === bodies[number]![at]),
          `seed ${SEED}, ${SIZES[number]} bytes`,
        );
      });
      first += 2 * asked.length;
    }
  }, poller);
}

for (const isSecure of [false, true]) {
  const speech = isSecure ? "over TLS" : "plain";
  Deno.test(`HTTP/2: a body that is sent many times arrives whole, whatever windows and room the client has (${speech})`, async () => {
    const random = new Random();
    await arrives("epoll-edge", isSecure, false, random);
    await arrives("poll", isSecure, true, random);
  });
}

Deno.test("HTTP/2: a small file that is asked for while bodies are sent again comes soon to a client that reads slowly", async () => {
  for (const isSecure of [false, true]) {
    await withServer({ http2: true, handler, ...(isSecure ? { tls } : {}) }, async ({ port }) => {
      const large = SIZES.indexOf(300_001);
      using wire = await connectNarrowly(port, { isSecure, receiveBytes: 8192, window: INT31_MAX });
      await wire.send(update(0, 0x7000_0000));
      for (let stream = 1; stream < 20; stream += 2) await wire.send(headers(stream, getFields(`/${large}`)));
      for (let read = 0; read < 1_000_000;) read += (await wire.expect(DATA)).payload.length;
      for (const stream of [21, 23, 25]) {
        await sleep(50); // the socket is full
        await wire.send(headers(stream, getFields("/0", ["priority", "u=0"])));
        let before = 0;
        for (let one = await wire.expect(DATA); one.stream !== stream; one = await wire.expect(DATA)) {
          before += one.payload.length;
        }
        assert(before < 128 * 1024, `${before} bytes`);
      }
    }, "epoll-edge");
  }
});

Deno.test("frames of bodies take a bounded memory: those that are in use stay, others make room", () => {
  const framed = new FramedBodies();
  const body = pattern(FRAMED_BODY_BYTES_MAX);
  const made: FramedBody[] = [];
  let nowMs = 1000;
  for (let one = framed.make(body, nowMs); one !== null; one = framed.make(body, nowMs)) made.push(one);
  assertEquals(made.length, Math.floor(FRAMED_BODIES_BYTES_MAX / FRAMED_BODY_BYTES_MAX));
  nowMs += FRAMED_BODY_IDLE_MS;
  const [first, second] = made as [FramedBody, FramedBody];
  assert(framed.uses(first, nowMs));
  assert(framed.make(body, nowMs) !== null);
  assert(framed.uses(first, nowMs));
  assert(!framed.uses(second, nowMs), "the one that was not used for longest has made room");
  assertEquals(second.bytes.length, 0);
  assertEquals(framed.make(body.subarray(1, 100), nowMs), null);
});
