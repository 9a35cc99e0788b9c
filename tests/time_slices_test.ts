/**
 * Work in slices: what is short is done at once, what is long waits for its turn.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { TimeSlices } from "../handlers/site/time_slices.ts";
import { LISTINGS_WAITING_MAX } from "../server/limits.ts";

function* endless(ended: () => void): Generator<void, string> {
  const endMs = performance.now() + 60;
  try {
    while (performance.now() < endMs) yield;
    return "done";
  } finally {
    ended();
  }
}

Deno.test("work that is short is done at once; of long work only so much may wait, and one at a time goes on", async () => {
  const slices = new TimeSlices();
  assertEquals(
    slices.run(
      (function* () {
        yield;
        return 1;
      })(),
      0,
    ),
    1,
  );
  let ended = 0;
  const results: (string | Promise<string>)[] = [];
  for (let i = 0; i < LISTINGS_WAITING_MAX + 2; i++) {
    results.push(slices.run(endless(() => ended++), "refused"));
  }
  assertEquals(results.slice(-2), ["refused", "refused"]);
  assertEquals(ended, 2);
  assert(results[0] instanceof Promise);
  assertEquals(new Set(await Promise.all(results.slice(0, -2))), new Set(["done"]));
  assertEquals(ended, LISTINGS_WAITING_MAX + 2);
});

Deno.test("work that fails fails alone", async () => {
  const slices = new TimeSlices();
  function* failing(): Generator<void, string> {
    yield* endless(() => {});
    throw new Error("lost");
  }
  const first = slices.run(failing(), "");
  const second = slices.run(endless(() => {}), "");
  assert(first instanceof Promise);
  assertEquals(await first.catch((error: Error) => error.message), "lost");
  assertEquals(await second, "done");
});
