/**
 * Waits in tests have an end, and name what they wait for.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { wholeCalls } from "../support/trace.ts";
import { awaited, eventually, PATIENCE_MS } from "../support/waiting.ts";

/** Runs `test` while all timers of many seconds expire at once. */
async function impatiently(test: () => Promise<void>): Promise<void> {
  const { setTimeout } = globalThis;
  const now = performance.now;
  let passedMs = 0;
  performance.now = () => now.call(performance) + passedMs;
  globalThis.setTimeout = ((callback: () => void, ms = 0) =>
    setTimeout(() => {
      passedMs += ms >= PATIENCE_MS ? 0 : PATIENCE_MS / 4;
      callback();
    }, ms >= PATIENCE_MS ? 20 : ms)) as typeof setTimeout;
  try {
    await test();
  } finally {
    globalThis.setTimeout = setTimeout;
    performance.now = now;
  }
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(() => "none", (error) => (error as Error).message);
}

Deno.test("a call that strace prints in two parts becomes one line", () => {
  assertEquals(
    wholeCalls([
      '12  openat2(5, "out", {resolve=RESOLVE_BENEATH}, 24 <unfinished ...>',
      "13  statx(1) = 0",
      "12  <... openat2 resumed>)           = -1 EXDEV (Invalid cross-device link)",
    ]),
    [
      "13  statx(1) = 0",
      '12  openat2(5, "out", {resolve=RESOLVE_BENEATH}, 24)           = -1 EXDEV (Invalid cross-device link)',
    ],
  );
});

Deno.test("the error names what did not happen", async () => {
  await impatiently(async () => {
    const failure = await failureOf(awaited(new Promise(() => {}), "the morning"));
    assertEquals(failure, "waited in vain for the morning");
    assertEquals(await failureOf(eventually(() => false, "it does not come")), "it does not come");
    assertEquals(await failureOf(eventually(() => Promise.resolve(false), "nor this")), "nor this");
  });
});

Deno.test("the awaited result is returned, and an error is thrown on", async () => {
  assertEquals(await awaited(Promise.resolve(7), "a number"), 7);
  assertEquals(await failureOf(awaited(Promise.reject(new Error("its own")), "a number")), "its own");
  let looks = 0;
  await eventually(() => Promise.resolve(++looks === 3), "three looks");
  assert(looks === 3);
});
