/**
 * The reactor beside Deno's own event loop: work from outside, promises, timers, signals, sleep, and the end.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { isOpen } from "../../ffi/libc/multiplexers.ts";
import { eventually, openDescriptors } from "../support/descriptors.ts";
import { Bench, type Probe, testOnAll } from "../support/probe.ts";
import { sleep } from "../support/sleep.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** Longer than the few milliseconds after which an idle reactor is parked. */
const PARKED_AFTER_MS = 30;

/** A source that always has more work, as under an endless load. */
function busySource(bench: Bench): Probe {
  const busy = bench.probe({ ready: (self) => bench.reactor.again(self) });
  bench.reactor.again(busy);
  return busy;
}

testOnAll("posted work wakes a parked reactor, and is done in order", async (bench) => {
  const log: string[] = [];
  bench.reactor.post(() => void log.push("before it ran"));
  await bench.run(async () => {
    for (let round = 1; round <= 2; round++) {
      await sleep(PARKED_AFTER_MS);
      log.length = 0;
      bench.reactor.post(() => {
        log.push("first");
        bench.reactor.post(() => void log.push("third"));
      });
      bench.reactor.post(() => void log.push("second"));
      await eventually(() => log.length === 3, "the work was not done");
      assertEquals(log, ["first", "second", "third"]);
    }
  });
});

testOnAll("work posted from a source's callback is done without waiting for an event", async (bench) => {
  let isDone = false;
  const probe = bench.probe({ ready: () => bench.reactor.post(() => void (isDone = true)) });
  await bench.run(async () => {
    await sleep(PARKED_AFTER_MS);
    probe.signal();
    await eventually(() => isDone, "the work was not done");
  });
});

testOnAll("a parked reactor is woken by readiness", async (bench) => {
  let received = 0;
  const probe = bench.probe({ ready: () => void received++ });
  await bench.run(async () => {
    for (let round = 1; round <= 2; round++) {
      await sleep(PARKED_AFTER_MS);
      probe.signal();
      await eventually(() => received === round, "the signal was not received");
    }
  });
});

testOnAll("deadlines pass while parked, and so does an earlier one that is posted", async (bench) => {
  const passed: string[] = [];
  const first = bench.probe({ deadline: () => void passed.push("first") });
  const second = bench.probe({ deadline: () => void passed.push("second") });
  const startMs = performance.now();
  bench.reactor.expireAt(first, startMs + 150);
  bench.reactor.expireAt(second, startMs + 100_000);
  await bench.run(async () => {
    await eventually(() => passed.length === 1, "the deadline did not pass");
    assert(performance.now() >= startMs + 150);
    await sleep(PARKED_AFTER_MS);
    bench.reactor.post(() => bench.reactor.expireAt(second, bench.reactor.now + 20));
    await eventually(() => passed.length === 2, "the deadline that was moved did not pass");
  });
  assertEquals(passed, ["first", "second"]);
});

for (const isLoaded of [false, true]) {
  const when = isLoaded ? "under unbroken load" : "while idle";

  testOnAll(`timers run ${when}`, async (bench) => {
    const busy = isLoaded ? busySource(bench) : null;
    let ticks = 0;
    const timer = setInterval(() => void ticks++, 10);
    try {
      await bench.run(async () => {
        await eventually(() => ticks >= 5, `${ticks} ticks`);
      });
    } finally {
      clearInterval(timer);
    }
    if (busy) assert(busy.wakeUps > 20, `the load had ${busy.wakeUps} turns`);
  });

  testOnAll(`signals are delivered ${when}`, async (bench) => {
    if (isLoaded) busySource(bench);
    let heard = 0;
    const listener = () => void heard++;
    Deno.addSignalListener("SIGUSR2", listener);
    try {
      await bench.run(async () => {
        for (let round = 1; round <= 3; round++) {
          await sleep(PARKED_AFTER_MS);
          Deno.kill(Deno.pid, "SIGUSR2");
          await eventually(() => heard === round, "the signal was not heard");
        }
      });
    } finally {
      Deno.removeSignalListener("SIGUSR2", listener);
    }
    assertEquals(bench.errors, []);
  });

  testOnAll(`a suspended source continues when its promise is settled, ${when}`, async (bench) => {
    const { reactor, errors } = bench;
    if (isLoaded) busySource(bench);
    const probe = bench.probe();
    const log: string[] = [];
    const fail = () => {
      throw new Error("must not be called");
    };
    await bench.run(async () => {
      for (const ms of [0, PARKED_AFTER_MS]) {
        reactor.post(() => {
          const fulfilled = sleep(ms).then(() => "value");
          const rejected = sleep(ms).then(() => Promise.reject(new Error("reason")));
          reactor.suspend(probe, fulfilled, (value) => void log.push(value), fail);
          reactor.suspend(probe, rejected, fail, (error) => void log.push(String(error)));
        });
        await eventually(() => log.length === 2, "the source did not go on");
        assertEquals(log.sort(), ["Error: reason", "value"]);
        log.length = 0;
      }
      await sleep(PARKED_AFTER_MS);
    });
    assertEquals(errors, []);
  });
}

testOnAll("the promise of a suspended source is ignored once the source is retired", async (bench) => {
  const { reactor, errors } = bench;
  const probe = bench.probe();
  let calls = 0;
  const count = () => void calls++;
  const [kept, broken] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await bench.run(async () => {
    reactor.post(() => {
      reactor.suspend(probe, kept.promise, count, count);
      reactor.suspend(probe, broken.promise, count, count);
    });
    reactor.post(() => reactor.retire(probe));
    await eventually(() => !isOpen(probe.fd), "the descriptor was not closed");
    kept.resolve();
    broken.reject(new Error("reason"));
    await sleep(PARKED_AFTER_MS);
  });
  assertEquals([calls, errors.length], [0, 0]);
});

testOnAll("a settled callback that throws costs its own source", async (bench) => {
  const { reactor, errors } = bench;
  const [bad, good] = [bench.probe(), bench.probe()];
  const failure = new Error("thrown on purpose");
  const fail = () => {
    throw failure;
  };
  let isFine = false;
  await bench.run(async () => {
    reactor.post(() => {
      reactor.suspend(bad, Promise.resolve(), fail, () => {});
      reactor.suspend(good, Promise.resolve(), () => void (isFine = true), () => {});
    });
    await eventually(() => isFine && errors.length > 0, "not both were settled");
    assertEquals(errors, [[failure, bad]]);
    assertEquals([...reactor.sources()], [good]);
  });
});

for (const name of USABLE_POLLERS) {
  Deno.test(`${name}: at the end every descriptor is closed and every source is told`, async () => {
    const cycle = async (stop: (bench: Bench) => void | Promise<void>) => {
      const bench = new Bench(name);
      let closed = 0;
      for (let i = 0; i < 20; i++) bench.probe({ closed: () => void closed++ });
      bench.reactor.retire([...bench.reactor.sources()][3]!);
      await stop(bench);
      assertEquals([closed, [...bench.reactor.sources()].length], [20, 0]);
      assertEquals(bench.errors, []);
    };
    const whileParked = (bench: Bench) => bench.run(() => sleep(PARKED_AFTER_MS));
    const beforeItRuns = (bench: Bench) => {
      bench.reactor.stop();
      return bench.reactor.run();
    };
    const byACallback = (bench: Bench) => {
      const last = bench.probe({ ready: () => bench.reactor.stop() });
      last.signal();
      return bench.reactor.run();
    };
    await cycle(whileParked); // opens what the runtime opens only once
    const before = openDescriptors();
    for (const way of [whileParked, beforeItRuns, byACallback]) await cycle(way);
    assertEquals(openDescriptors(), before);
  });
}

/** Returns the CPU time of this process, all threads together, in milliseconds. */
function processorMs(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // in ticks, of which Linux counts 100 per second
}

for (const name of USABLE_POLLERS) {
  if (name === "naive") continue; // naive polls all the time instead of sleeping
  Deno.test(`${name}: an idle reactor sleeps, with deadlines far away and a promise pending`, async () => {
    const bench = new Bench(name);
    const probe = bench.probe();
    bench.reactor.expireAt(probe, performance.now() + 30_000);
    let resolve = () => {};
    bench.reactor.suspend(probe, new Promise<void>((settle) => resolve = settle), () => {}, () => {});
    await bench.run(async () => {
      await sleep(PARKED_AFTER_MS);
      // The smallest of several, because other threads of the runtime compile and collect garbage at any time.
      let leastMs = Infinity;
      for (let i = 0; i < 4 && leastMs > 50; i++) {
        const startMs = processorMs();
        await sleep(500);
        leastMs = Math.min(leastMs, processorMs() - startMs);
      }
      assertLess(leastMs, 100, "it used the processor while nothing happened");
      resolve();
    });
  });
}
