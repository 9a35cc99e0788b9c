/**
 * Work in time slices: short work is done at once, long work waits for its turn, and much work does not delay others.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type SliceContext, TimeSlices } from "../../handlers/site/listing/time_slices.ts";
import {
  LISTING_MEDIUM_STEPS,
  LISTING_SHORT_STEPS,
  LISTING_SLICE_MS,
  LISTINGS_AT_WORK_MAX,
  LISTINGS_WAITING_MAX,
} from "../../handlers/site/limits.ts";
import { eventually } from "../support/descriptors.ts";

/** A clock that advances only while work is done. */
class Clock {
  ms = 0;
  /** The time of a step: on a busy machine it can be any time. */
  stepMs: number;

  constructor(stepMs: number) {
    this.stepMs = stepMs;
  }

  readonly now = (): number => this.ms;

  readonly step = (): void => void (this.ms += this.stepMs);
}

function takeMillisecond(): void {
  const endMs = performance.now() + 1;
  while (performance.now() < endMs);
}

/**
 * Work of a number of steps, each of at least a millisecond, and a number that may be infinite. It counts its steps.
 */
class Work {
  /** Steps in all runs. */
  steps = 0;
  /** Steps in the current run; 0 when it has ended. */
  held = 0;
  isEnded = false;
  readonly key: string = crypto.randomUUID();
  readonly #count: number;
  readonly #step: () => void;

  constructor(count: number, step: () => void = takeMillisecond) {
    this.#count = count;
    this.#step = step;
  }

  *run(): Generator<void, string> {
    try {
      for (let i = 0; i < this.#count; i++) {
        this.steps++;
        this.held++;
        this.#step();
        yield;
      }
      return "done";
    } finally {
      this.isEnded = true;
      this.held = 0;
    }
  }
}

function contextOf(turn: number, signal: AbortSignal = new AbortController().signal): SliceContext {
  return { turn, signal };
}

function stepsOf(works: readonly Work[]): number {
  return works.reduce((sum, { steps }) => sum + steps, 0);
}

Deno.test("short work is done at once, and its signal is not read", () => {
  const clock = new Clock(1);
  const slices = new TimeSlices(clock.now);
  const context: SliceContext = {
    turn: 1,
    get signal(): AbortSignal {
      throw new Error("the signal was touched");
    },
  };
  assertEquals(slices.run(new Work(1, clock.step).run(), "refused", context), "done");
});

Deno.test("of all work in one turn only a slice is done in it, whether it is short or long", async () => {
  for (const length of [1, 100]) {
    const clock = new Clock(1);
    const slices = new TimeSlices(clock.now);
    const gone = new AbortController();
    const works = Array.from({ length: 64 }, () => new Work(length, clock.step));
    const results = works.map((work) => slices.run(work.run(), "refused", contextOf(1, gone.signal)));
    assertLess(stepsOf(works), LISTING_SLICE_MS + 1);
    const late = new Work(1, clock.step); // in another turn, but other work waits
    const last = slices.run(late.run(), "refused", contextOf(2, gone.signal));
    assertEquals(late.steps, 0);
    if (length === 1) {
      assertEquals(new Set(await Promise.all([...results, last])), new Set(["done"]));
      assertEquals(slices.run(new Work(1, clock.step).run(), "refused", contextOf(3)), "done");
    }
    gone.abort();
  }
});

Deno.test("a bounded amount of work may wait: work beyond that is not started", async () => {
  const slices = new TimeSlices();
  const gone = new AbortController();
  const waiting: (string | Promise<string>)[] = [];
  for (let i = 0; i < LISTINGS_WAITING_MAX; i++) {
    waiting.push(slices.run(new Work(100).run(), "refused", contextOf(1, gone.signal)));
  }
  assert(waiting.every((result) => result instanceof Promise));
  const refused = new Work(1);
  assertEquals(slices.run(refused.run(), "refused", contextOf(2)), "refused");
  assertEquals(refused.steps, 0);
  gone.abort();
  assertEquals(new Set(await Promise.all(waiting)), new Set(["refused"]));
  assertEquals(await slices.run(new Work(1).run(), "refused", contextOf(3)), "done");
});

Deno.test("short work passes long work; long work runs in turn, also while new work comes", async () => {
  const slices = new TimeSlices();
  const gone = new AbortController();
  const works = Array.from({ length: 3 * LISTINGS_AT_WORK_MAX }, () => new Work(Infinity));
  const long = works.map((work) => slices.run(work.run(), "refused", contextOf(1, gone.signal)));
  assertEquals(await slices.run(new Work(1).run(), "refused", contextOf(1)), "done");
  assert(works.every(({ steps }) => steps > 0), "those that came before it had their first slice");
  const before = works.map(({ steps }) => steps);
  const advanced = () => works.filter(({ steps }, i) => steps > before[i]!).length;
  for (let i = 0; advanced() < LISTINGS_AT_WORK_MAX; i++) {
    assertLess(i, 1000, "long work gets no turn");
    assertEquals(await slices.run(new Work(1).run(), "refused", contextOf(1)), "done");
  }
  for (let i = 0; i < 10; i++) await slices.run(new Work(1).run(), "refused", contextOf(1));
  assertEquals(advanced(), LISTINGS_AT_WORK_MAX);
  gone.abort();
  await Promise.all(long);
});

Deno.test("work is ended when its client is gone, and other work goes on", async () => {
  const slices = new TimeSlices();
  const gone = new AbortController();
  const begun = new Work(Infinity);
  const fresh = new Work(Infinity);
  const results = [begun, fresh].map((work) => slices.run(work.run(), "refused", contextOf(1, gone.signal)));
  const kept = new Work(30);
  const other = slices.run(kept.run(), "refused", contextOf(1));
  const late = new Work(1);
  const steps = begun.steps;
  await eventually(() => begun.steps > steps, "it does not go on");
  gone.abort();
  assert(begun.isEnded);
  const counted = stepsOf([begun, fresh]);
  results.push(slices.run(late.run(), "refused", contextOf(1, gone.signal)));
  assertEquals(await Promise.all(results), ["refused", "refused", "refused"]);
  assertEquals(await other, "done");
  assertEquals([stepsOf([begun, fresh]), late.steps], [counted, 0]);
});

Deno.test("other code runs between two slices", async () => {
  const slices = new TimeSlices();
  const work = new Work(10 * LISTING_SLICE_MS);
  let longest = 0;
  let last = 0;
  const timer = setInterval(() => {
    longest = Math.max(longest, work.steps - last);
    last = work.steps;
  }, 0);
  try {
    assertEquals(await slices.run(work.run(), "refused", contextOf(1)), "done");
  } finally {
    clearInterval(timer);
  }
  assertLess(longest, 5 * LISTING_SLICE_MS);
});

Deno.test("work that fails affects no other work", async () => {
  const slices = new TimeSlices();
  function* failing(): Generator<void, string> {
    yield* new Work(30).run();
    throw new Error("lost");
  }
  const first = slices.run(failing(), "", contextOf(1));
  const second = slices.run(new Work(30).run(), "", contextOf(1));
  assert(first instanceof Promise);
  assertEquals(await first.catch((error: Error) => error.message), "lost");
  assertEquals(await second, "done");
});

/** Returns how many steps `works` do until `result` is there. Fails when it does not come. */
async function stepsUntil(result: string | Promise<string>, works: readonly Work[]): Promise<number> {
  const before = stepsOf(works);
  let isDone = false;
  void Promise.resolve(result).then(() => isDone = true);
  await eventually(() => isDone || stepsOf(works) - before > 100_000, "nothing goes on");
  assert(isDone, "it waits for endless work");
  assertEquals(await result, "done");
  return stepsOf(works) - before;
}

const CASES = [
  { count: LISTINGS_AT_WORK_MAX, stepMs: LISTING_SLICE_MS / 32, how: "with the processor to itself" },
  { count: 3 * LISTINGS_AT_WORK_MAX, stepMs: LISTING_SLICE_MS / 32, how: "with the processor to itself" },
  { count: LISTINGS_WAITING_MAX - 1, stepMs: LISTING_SLICE_MS / 32, how: "with the processor to itself" },
  { count: LISTINGS_AT_WORK_MAX, stepMs: 1000, how: "descheduled in each step" },
];

for (const { count, stepMs, how } of CASES) {
  Deno.test(`work passes ${count} that are longer, ${how}`, async () => {
    const clock = new Clock(stepMs);
    const slices = new TimeSlices(clock.now);
    const gone = new AbortController();
    const run = (work: Work, signal?: AbortSignal) => {
      const begin = () => work.run();
      return slices.run(begin(), "refused", contextOf(1, signal), { begin, key: work.key });
    };
    const endless = Array.from({ length: count }, () => new Work(Infinity, clock.step));
    const long = endless.map((work) => run(work, gone.signal));
    // Short work that came earlier is finished first, and the work gets every second slice.
    const before = count * LISTING_SHORT_STEPS;
    const perSlice = Math.max(1, LISTING_SLICE_MS / stepMs);
    for (const length of [1, 3, LISTING_SHORT_STEPS - 1]) {
      const short = run(new Work(length, clock.step));
      assertLess(await stepsUntil(short, endless), 2 * (before + perSlice * (length + 1)), `${length} steps`);
    }
    for (const length of [LISTING_SHORT_STEPS, 3 * LISTING_SHORT_STEPS, LISTING_MEDIUM_STEPS - 1]) {
      const medium = run(new Work(length, clock.step));
      const most = 2 * before + 4 * LISTINGS_AT_WORK_MAX * LISTING_MEDIUM_STEPS;
      assertLess(await stepsUntil(medium, endless), most, `${length} steps`);
    }
    gone.abort();
    await Promise.all(long);
  });
}

Deno.test("long work is finished, too, while shorter work keeps coming, and little work holds memory", async () => {
  const clock = new Clock(LISTING_SLICE_MS / 32);
  const slices = new TimeSlices(clock.now);
  const works: Work[] = [];
  let most = 0;
  const step = () => {
    clock.step();
    const holding = works.filter(({ held }) => held > 0);
    most = Math.max(most, holding.length);
    assertLess(holding.filter(({ held }) => held > LISTING_MEDIUM_STEPS).length, LISTINGS_AT_WORK_MAX + 1);
  };
  const run = (length: number) => {
    const work = new Work(length, step);
    works.push(work);
    const begin = () => work.run();
    return slices.run(begin(), "refused", contextOf(1), { begin, key: work.key });
  };
  let left = 5 * LISTINGS_AT_WORK_MAX;
  const long = Array.from({ length: left }, async () => {
    assertEquals(await run(3 * LISTING_MEDIUM_STEPS), "done");
    left--;
  });
  const shorter = [1, LISTING_SHORT_STEPS + 1, LISTING_MEDIUM_STEPS - 1].map(async (length) => {
    for (let i = 0; left > 0; i++) {
      assertLess(i, 10_000, "long work is not finished");
      assertEquals(await run(length), "done");
    }
  });
  await Promise.all([...long, ...shorter]);
  // Work with a place, one short item that is running, and one that has just shown that it is not short.
  assertLess(most, 2 * LISTINGS_AT_WORK_MAX + 3);
  assertEquals(works.filter(({ held }) => held > 0).length, 0);
});
