/**
 * The waits of pollers: their time, signals, waits on another thread, and more descriptors than one wait can report.
 * The guarantees are those of `Poller` in server/loop/poller.ts, as in poller_contract_test.ts.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { EBADF, EEXIST, EINVAL, ENOENT } from "../../ffi/libc/errno.ts";
import { eventfdClear, eventfdSignal } from "../../ffi/libc/multiplexers.ts";
import { Interest, type Poller, Readiness, ReadyList } from "../../server/loop/poller.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Descriptors, eventually, openDescriptors, read } from "../support/descriptors.ts";
import { DENO, REPOSITORY } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { PATIENCE_MS } from "../support/waiting.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

const { NONE, READABLE, WRITABLE } = Interest;
const ready = new ReadyList();

/** Returns the descriptors of the first `count` entries. */
function named(count: number, list: ReadyList = ready): number[] {
  return Array.from(list.fds.subarray(0, count));
}

/** Returns the duration of `call`, in milliseconds. */
function duration(call: () => void): number {
  const startMs = performance.now();
  call();
  return performance.now() - startMs;
}

/** Sends SIGUSR1 to this thread after a while. A signal to the process could reach another thread. */
function signalThisThread(): Deno.ChildProcess {
  const thread = Deno.readTextFileSync("/proc/thread-self/stat").split(" ")[0];
  return new Deno.Command("sh", { args: ["-c", `sleep 0.2; kill -USR1 ${thread}`] }).spawn();
}

for (const name of USABLE_POLLERS) {
  const isNaive = name === "naive";

  /** Registers a test of the contract. `body` gets a new poller, and descriptors that are closed afterwards. */
  const contract = (sentence: string, body: (poller: Poller, fds: Descriptors) => void | Promise<void>) =>
    Deno.test(`${name}: ${sentence}`, async () => {
      using fds = new Descriptors();
      const poller = createPoller(name);
      try {
        await body(poller, fds);
      } finally {
        poller.close();
      }
    });

  contract("a wait of 0 does not block, and one of 50 ms ends soon after them", (poller, fds) => {
    poller.add(fds.eventfd(), isNaive ? NONE : READABLE);
    // The shortest of several waits, because other work on the machine can only make a wait longer.
    const shortest = Math.min(...[1, 2, 3, 4, 5].map(() => duration(() => poller.wait(ready, 0))));
    assertLess(shortest, 20);
    if (isNaive) return;
    for (let i = 0; i < 3; i++) {
      const tookMs = duration(() => assertEquals(poller.wait(ready, 50), 0));
      assert(tookMs >= 49, `returned after ${tookMs} ms`); // epoll_wait(2) uses another clock
      assertLess(tookMs, 1500);
    }
  });

  contract("a wait without a timeout lasts until a descriptor is ready", async (poller, fds) => {
    const { reader, writer } = fds.pipe();
    poller.add(reader, READABLE);
    const child = new Deno.Command("sh", {
      args: ["-c", `sleep 0.1; printf hello > /proc/${Deno.pid}/fd/${writer}`],
    }).spawn();
    let bytes = read(reader);
    while (typeof bytes === "number") { // naive does not wait
      poller.wait(ready, -1);
      bytes = read(reader);
    }
    assertEquals(bytes, "hello");
    await child.status;
  });

  contract("a signal ends a wait early, with 0 and without an error", async (poller, fds) => {
    if (isNaive) return assertEquals(poller.wait(ready, 10_000), 0); // it never waits
    let isHeard = false;
    const heard = () => {
      isHeard = true;
    };
    Deno.addSignalListener("SIGUSR1", heard);
    try {
      const fd = fds.eventfd();
      poller.add(fd, READABLE);
      const child = signalThisThread();
      const tookMs = duration(() => assertEquals(poller.wait(ready, 10_000), 0));
      assertLess(tookMs, 8000, "the signal did not end the wait");
      await child.status;
      await eventually(() => isHeard, "the listener was not called");
      eventfdSignal(fd);
      assertEquals(named(poller.wait(ready, 1000)), [fd], "it goes on as before");
    } finally {
      Deno.removeSignalListener("SIGUSR1", heard);
    }
  });

  contract("each ready descriptor of 1,000 is found", (poller, fds) => {
    const all = watchMany(poller, fds);
    const written = all.filter((_fd, i) => i % 7 === 3);
    for (const fd of written) eventfdSignal(fd);
    const found = new Set<number>();
    for (let waits = 0; waits < 50 && found.size < written.length; waits++) {
      for (const fd of named(poller.wait(ready, 100))) if (eventfdClear(fd) === 8) found.add(fd);
    }
    assertEquals([...found].sort((a, b) => a - b), written);
    for (const fd of all) assertEquals(poller.remove(fd), 0);
    assertEquals(poller.wait(ready, 0), 0);
  });

  contract(
    "when 1,000 descriptors are ready and none is handled, each is reported before long",
    (poller, fds) => {
      const all = watchMany(poller, fds);
      for (const fd of all) eventfdSignal(fd);
      const found = new Set<number>();
      // A poller that always starts from the same end would never get past the first list.
      const lists = Math.ceil(all.length / ready.capacity);
      for (let waits = 0; waits < 2 * lists; waits++) {
        for (const fd of named(poller.wait(ready, 0))) found.add(fd);
      }
      assertEquals(found.size, all.length);
    },
  );

  contract("a list that is too short for all ready descriptors loses none", (poller, fds) => {
    const short = new ReadyList(3);
    const all = Array.from({ length: 10 }, () => fds.eventfd());
    for (const fd of all) poller.add(fd, READABLE);
    for (const fd of all) eventfdSignal(fd);
    const found = new Set<number>();
    for (let waits = 0; waits < 8; waits++) {
      const count = poller.wait(short, 0);
      assert(count <= 3);
      for (const fd of named(count, short)) found.add(fd);
    }
    assertEquals(found.size, all.length);
  });

  contract("a number that no wait could report is refused, and the others are reported", (poller, fds) => {
    const low = fds.eventfd();
    const high = fds.duplicate(low, 1024);
    const highest = fds.duplicate(low, 3000);
    assertEquals(poller.add(low, READABLE), 0);
    for (const fd of [high, highest]) {
      assertEquals(poller.add(fd, READABLE), name === "select" ? -EINVAL : 0);
    }
    assert(name !== "select" || poller.add(-1, READABLE) === -EINVAL);
    eventfdSignal(low);
    const wanted = name === "select" ? [low] : [low, high, highest];
    assertEquals(named(poller.wait(ready, 1000)).sort((a, b) => a - b), wanted);
    eventfdClear(low);
    if (!isNaive) assertEquals(poller.wait(ready, 0), 0);
    if (name === "select") { // the largest number that select(2) supports, and the end of every word of its sets
      for (const number of [31, 32, 63, 1023]) {
        const fd = fds.duplicate(low, number);
        assertEquals(poller.add(fd, READABLE), fd < 1024 ? 0 : -EINVAL);
        eventfdSignal(low);
        assert(named(poller.wait(ready, 1000)).includes(fd), `descriptor ${fd}`);
        eventfdClear(low);
        assertEquals(poller.remove(fd), 0);
      }
    }
  });

  contract("while the poller is parked timers run, and readiness ends the parking", async (poller, fds) => {
    const fd = fds.eventfd();
    poller.add(fd, READABLE);
    let ticks = 0;
    let isSignalled = false;
    const timer = setInterval(() => {
      if (++ticks === 5) isSignalled = eventfdSignal(fd) === 8;
    }, 5);
    try {
      const endMs = performance.now() + PATIENCE_MS;
      let found: number[] = [];
      while (!isSignalled && performance.now() < endMs) found = named(await poller.park(ready, 60_000));
      assert(ticks >= 5);
      assertEquals(found, [fd]);
      assertEquals(eventfdClear(fd), 8);
    } finally {
      clearInterval(timer);
    }
    if (isNaive) return;
    const startMs = performance.now();
    assertEquals(await poller.park(ready, 30), 0, "nothing is ready");
    const tookMs = performance.now() - startMs;
    assert(tookMs >= 29 && tookMs < 3000, `${tookMs} ms`);
  });

  contract(
    "earlier readiness is reported at once when parking, and silenced descriptors stay silent",
    async (poller, fds) => {
      const [loud, silent] = [fds.eventfd(), fds.eventfd()];
      poller.add(loud, READABLE);
      poller.add(silent, READABLE);
      poller.modify(silent, NONE);
      for (const fd of [loud, silent]) eventfdSignal(fd);
      assertEquals(named(await poller.park(ready, 60_000)), [loud]);
      poller.modify(silent, WRITABLE);
      const count = await poller.park(ready, 60_000);
      const at = named(count).indexOf(silent);
      assertEquals(ready.bits[at], Readiness.WRITABLE);
    },
  );

  contract("a descriptor closed under it does not end the parking of the others", async (poller, fds) => {
    const [closed, open] = [fds.eventfd(), fds.eventfd()];
    poller.add(closed, READABLE);
    poller.add(open, READABLE);
    fds.close(closed);
    eventfdSignal(open);
    let found = false;
    for (let i = 0; i < 10 && !found; i++) found = named(await poller.park(ready, 1000)).includes(open);
    assert(found);
    assertEquals(poller.remove(closed), 0);
    eventfdClear(open);
    if (!isNaive) assertEquals(await poller.park(ready, 10), 0);
  });

  contract("a descriptor that cannot be watched is refused, or costs the others nothing", (poller, fds) => {
    const closed = fds.eventfd();
    const open = fds.eventfd();
    fds.close(closed);
    const status = poller.add(closed, READABLE);
    assert([0, -EBADF].includes(status), `${status}`);
    if (status < 0) assertEquals(poller.add(closed, READABLE), status, "refused again");
    poller.add(open, READABLE);
    eventfdSignal(open);
    let found = false;
    for (let i = 0; i < 5 && !found; i++) found = named(poller.wait(ready, 100)).includes(open);
    assert(found);
  });

  contract("after a long random history it reports what a table of the requests says", (poller, fds) => {
    const random = new Random();
    const all = Array.from({ length: 20 }, () => fds.eventfd());
    const asked = new Map<number, Interest>();
    const signalled = new Set<number>();
    for (let step = 0; step < 3000; step++) {
      const where = `step ${step}; repeat with EPOLLET_SEED=${SEED}`;
      const fd = random.pick(all);
      const interest = random.below(4); // each combination of bits
      const isAsked = asked.has(fd);
      switch (random.below(6)) {
        case 0:
          assertEquals(poller.add(fd, interest), isAsked ? -EEXIST : 0, where);
          if (!isAsked) asked.set(fd, interest);
          break;
        case 1:
        case 2:
          assertEquals(poller.modify(fd, interest), isAsked ? 0 : -ENOENT, where);
          if (isAsked) asked.set(fd, interest);
          break;
        case 3:
          assertEquals(poller.remove(fd), isAsked ? 0 : -ENOENT, where);
          asked.delete(fd);
          break;
        case 4:
          eventfdSignal(fd);
          signalled.add(fd);
          break;
        default:
          eventfdClear(fd);
          signalled.delete(fd);
      }
      const told = new Map<number, number>();
      const count = poller.wait(ready, 0);
      for (let i = 0; i < count; i++) told.set(ready.fds[i]!, ready.bits[i]!);
      for (const fd of all) {
        const holds = (signalled.has(fd) ? READABLE : 0) | WRITABLE; // an eventfd is always writable
        const expected = (asked.get(fd) ?? NONE) & (isNaive ? READABLE | WRITABLE : holds);
        if (poller.trigger === "level") assertEquals(told.get(fd) ?? 0, expected, where);
        // Reported once only: see the contract's tests.
        else assertEquals((told.get(fd) ?? 0) & ~expected, 0, where);
      }
    }
  });

  Deno.test(`${name}: closing it frees its descriptor`, () => {
    createPoller(name).close(); // opens what the runtime opens only once
    const before = openDescriptors();
    for (let i = 0; i < 50; i++) createPoller(name).close();
    assertEquals(openDescriptors(), before);
  });
}

Deno.test("buffers of a parked call are not collected before it ends", async () => {
  const [deno, ...args] = DENO;
  if (args.length > 0) return console.log("SKIPPED: under an emulator this takes minutes");
  const program = `${REPOSITORY}tests/support/parked_garbage.ts`;
  const output = await new Deno.Command(deno, {
    args: [...args, "run", "--no-check", "--no-prompt", "--v8-flags=--expose-gc", "--allow-ffi", program],
    stderr: "piped",
  }).output();
  // If the buffers were not kept, Deno 2.4 would crash here; later versions keep them themselves.
  assertEquals([output.signal, output.code], [null, 0], new TextDecoder().decode(output.stderr));
});

/** Watches as many eventfds as the poller takes, up to 1,000. Some numbers are too large for select(2). */
function watchMany(poller: Poller, fds: Descriptors): number[] {
  const watched: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const fd = fds.eventfd();
    const status = poller.add(fd, READABLE);
    if (status === 0) watched.push(fd);
    else assertEquals([poller.name, status, fd >= 1024], ["select", -EINVAL, true]);
  }
  assert(watched.length > (poller.name === "select" ? 900 : 999), `${watched.length} are watched`);
  return watched.sort((a, b) => a - b);
}
