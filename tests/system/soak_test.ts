/**
 * A few seconds of the soak, see `soak/main.ts`: too few requests to judge memory, but all other checks.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { countHandshakes } from "../soak/counted.ts";
import { countHttp2 } from "../soak/counted_http2.ts";
import { SEED } from "../support/random.ts";
import { soak, type SoakOptions, type SoakResult } from "../soak/soak.ts";

const COMMON = {
  atOnce: 32,
  flags: [],
  waitsFor408: false,
  fillingHeads: 0,
  growthBytesMax: Infinity,
  restMsMax: 0,
};

async function soaked(
  options: Pick<SoakOptions, "count" | "countsConnections" | "speaksHttp2">,
): Promise<SoakResult> {
  const result = await soak({ ...COMMON, ...options });
  assertEquals(result.failures, [], `EPOLLET_SEED=${SEED}`);
  return result;
}

Deno.test("thousands of requests of every kind, while files change, get the current files, and nothing stays behind", async () => {
  const { counts, byKind, changes } = await soaked({ count: 2500, countsConnections: false });
  assert(
    counts.answers + counts.left === counts.requests,
    `${counts.answers} of ${counts.requests} answered`,
  );
  for (const status of [200, 204, 206, 301, 304, 308, 404, 405, 412, 416]) {
    assert(Array.from(byKind.keys()).some((kind) => kind.includes(`: ${status}`)), `nothing was ${status}`);
  }
  for (const coding of ["br", "gzip"]) {
    assert(byKind.has(`compressed: 200 ${coding}`), `nothing was in ${coding}`);
  }
  assert(changes.size > 5, `only ${[...changes.keys()]} happened`);
});

Deno.test("a thousand connections, most with one request, that end in every way, leave no descriptor open", async () => {
  const { byBehaviour } = await soaked({ count: 1000, countsConnections: true });
  for (const behaviour of ["half-closed", "left in an answer", "left in a request", "refused"]) {
    assert(byBehaviour.has(behaviour), `no client was ${behaviour}`);
  }
});

Deno.test("thousands of requests by HTTP/2, on many streams, while files change, get the current files, and nothing stays behind", async () => {
  const { counts, byKind, byBehaviour } = await soaked({
    count: 1500,
    countsConnections: false,
    speaksHttp2: true,
  });
  assert(
    counts.answers + counts.left === counts.requests,
    `${counts.answers} of ${counts.requests} answered, ${counts.left} left`,
  );
  for (const status of [200, 206, 301, 304, 404, 405]) {
    assert(Array.from(byKind.keys()).some((kind) => kind.includes(`: ${status}`)), `nothing was ${status}`);
  }
  for (
    const behaviour of ["streams", "streams with small windows", "streams that are reset", "left in a stream"]
  ) {
    assert(byBehaviour.has(behaviour), `no connection was ${behaviour}`);
  }
});

Deno.test("thousands of connections of HTTP/2, some of them left in the middle of streams, leave nothing behind", async () => {
  const { answered, cut, bytesEach, descriptors } = await countHttp2(2500, 6500); // until then code is compiled
  assert(answered > 500 && cut > 500, `${answered}, ${cut}`);
  assertEquals(descriptors, 0, `EPOLLET_SEED=${SEED}`);
  assert(bytesEach < 120, `EPOLLET_SEED=${SEED}: ${bytesEach.toFixed(0)} bytes stay for each connection`);
});

Deno.test("thousands of TLS handshakes, some of them aborted, leave no descriptor open, and no memory allocated", async () => {
  const { resumed, complete, memory, descriptors } = await countHandshakes(1500, 3500);
  assert(complete > 2000 && resumed > 900, `${complete}, ${resumed}`);
  assertEquals(descriptors, 0, `EPOLLET_SEED=${SEED}`);
  for (const [what, bytes] of Object.entries(memory)) { // about 10 and 60, because code is still being compiled
    assert(bytes < 120, `EPOLLET_SEED=${SEED}: ${bytes.toFixed(0)} bytes of ${what} stay for each handshake`);
  }
});
