/**
 * Work in slices: what is short is done at once, what is long waits for its turn; nobody is kept waiting by many.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type Asker, TimeSlices } from "../handlers/site/time_slices.ts";
import { LISTING_SLICE_MS, LISTINGS_AT_WORK_MAX, LISTINGS_WAITING_MAX } from "../server/limits.ts";
import { eventually } from "./support/descriptors.ts";

/** Work of so many steps, each of a millisecond at least, or that goes on for ever; it counts what is done of it. */
class Work {
  steps = 0;
  isEnded = false;
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  *run(): Generator<void, string> {
    try {
      while (this.steps < this.#count) {
        this.steps++;
        const endMs = performance.now() + 1;
        while (performance.now() < endMs);
        yield;
      }
      return "done";
    } finally {
      this.isEnded = true;
    }
  }
}

function asker(batch: number, signal: AbortSignal = new AbortController().signal): Asker {
  return { batch, signal };
}

function stepsOf(works: readonly Work[]): number {
  return works.reduce((sum, { steps }) => sum + steps, 0);
}

Deno.test("short work is done at once, and nobody's signal is asked for", () => {
  const slices = new TimeSlices();
  const asker: Asker = {
    batch: 1,
    get signal(): AbortSignal {
      throw new Error("the signal was touched");
    },
  };
  assertEquals(slices.run(new Work(1).run(), "refused", asker), "done");
});

Deno.test("of what is asked for in one turn only a slice is done in it, whether it is short or long", async () => {
  for (const length of [1, 100]) {
    const slices = new TimeSlices();
    const gone = new AbortController();
    const works = Array.from({ length: 64 }, () => new Work(length));
    const results = works.map((work) => slices.run(work.run(), "refused", asker(1, gone.signal)));
    assertLess(stepsOf(works), LISTING_SLICE_MS + 1);
    const late = new Work(1); // in another turn, but others wait
    const last = slices.run(late.run(), "refused", asker(2, gone.signal));
    assertEquals(late.steps, 0);
    if (length === 1) {
      assertEquals(new Set(await Promise.all([...results, last])), new Set(["done"]));
      assertEquals(slices.run(new Work(1).run(), "refused", asker(3)), "done");
    }
    gone.abort();
  }
});

Deno.test("only so much may wait: what is refused is not begun", async () => {
  const slices = new TimeSlices();
  const gone = new AbortController();
  const waiting: (string | Promise<string>)[] = [];
  for (let i = 0; i < LISTINGS_WAITING_MAX; i++) {
    waiting.push(slices.run(new Work(100).run(), "refused", asker(1, gone.signal)));
  }
  assert(waiting.every((result) => result instanceof Promise));
  const refused = new Work(1);
  assertEquals(slices.run(refused.run(), "refused", asker(2)), "refused");
  assertEquals(refused.steps, 0);
  gone.abort();
  assertEquals(new Set(await Promise.all(waiting)), new Set(["refused"]));
  assertEquals(slices.run(new Work(1).run(), "refused", asker(3)), "done");
});

Deno.test("short work passes long work; of long work a few take turns, and get theirs while new work comes", async () => {
  const slices = new TimeSlices();
  const gone = new AbortController();
  const works = Array.from({ length: 3 * LISTINGS_AT_WORK_MAX }, () => new Work(Infinity));
  const long = works.map((work) => slices.run(work.run(), "refused", asker(1, gone.signal)));
  assertEquals(await slices.run(new Work(1).run(), "refused", asker(1)), "done");
  assert(works.every(({ steps }) => steps > 0), "those that came before it had their first slice");
  const before = works.map(({ steps }) => steps);
  const advanced = () => works.filter(({ steps }, i) => steps > before[i]).length;
  for (let i = 0; advanced() < LISTINGS_AT_WORK_MAX; i++) {
    assertLess(i, 1000, "long work gets no turn");
    assertEquals(await slices.run(new Work(1).run(), "refused", asker(1)), "done");
  }
  for (let i = 0; i < 10; i++) await slices.run(new Work(1).run(), "refused", asker(1));
  assertEquals(advanced(), LISTINGS_AT_WORK_MAX);
  gone.abort();
  await Promise.all(long);
});

Deno.test("work that nobody waits for any longer is ended, and the others go on", async () => {
  const slices = new TimeSlices();
  const gone = new AbortController();
  const begun = new Work(Infinity);
  const fresh = new Work(Infinity);
  const results = [begun, fresh].map((work) => slices.run(work.run(), "refused", asker(1, gone.signal)));
  const kept = new Work(30);
  const other = slices.run(kept.run(), "refused", asker(1));
  const late = new Work(1);
  const steps = begun.steps;
  await eventually(() => begun.steps > steps, "it does not go on");
  gone.abort();
  assert(begun.isEnded);
  const counted = stepsOf([begun, fresh]);
  results.push(slices.run(late.run(), "refused", asker(1, gone.signal)));
  assertEquals(await Promise.all(results), ["refused", "refused", "refused"]);
  assertEquals(await other, "done");
  assertEquals([stepsOf([begun, fresh]), late.steps], [counted, 0]);
});

Deno.test("others get their turn between two slices", async () => {
  const slices = new TimeSlices();
  const work = new Work(10 * LISTING_SLICE_MS);
  let longest = 0;
  let last = 0;
  const timer = setInterval(() => {
    longest = Math.max(longest, work.steps - last);
    last = work.steps;
  }, 0);
  try {
    assertEquals(await slices.run(work.run(), "refused", asker(1)), "done");
  } finally {
    clearInterval(timer);
  }
  assertLess(longest, 5 * LISTING_SLICE_MS);
});

Deno.test("work that fails fails alone", async () => {
  const slices = new TimeSlices();
  function* failing(): Generator<void, string> {
    yield* new Work(30).run();
    throw new Error("lost");
  }
  const first = slices.run(failing(), "", asker(1));
  const second = slices.run(new Work(30).run(), "", asker(1));
  assert(first instanceof Promise);
  assertEquals(await first.catch((error: Error) => error.message), "lost");
  assertEquals(await second, "done");
});
