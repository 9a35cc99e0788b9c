/**
 * The turns of the reactor: their phases, and what sources may do in them, on every poller. The reactor beside Deno's
 * own event loop is in reactor_run_test.ts.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { EEXIST } from "../../ffi/libc/errno.ts";
import { eventfdCreate, isOpen } from "../../ffi/libc/multiplexers.ts";
import { close } from "../../ffi/socket/socket.ts";
import { Interest, Readiness } from "../../server/loop/poller.ts";
import { Source } from "../../server/loop/source.ts";
import { type Probe, type ProbeCallbacks, testOnAll } from "../support/probe.ts";

testOnAll("all sources of a turn receive, then comes the step between, then all do their work", (bench) => {
  const { reactor } = bench;
  const log: string[] = [];
  const batches = new Set<number>();
  const on: ProbeCallbacks = {
    ready(self) {
      log.push("receive");
      batches.add(reactor.turnNumber);
      reactor.defer(self);
    },
    turn() {
      log.push("work");
      batches.add(reactor.turnNumber);
    },
  };
  const probes = [1, 2, 3].map(() => bench.probe(on));
  reactor.betweenPhases = () => void log.push("between");
  const before = reactor.turnNumber;
  for (let round = 1; round <= 2; round++) {
    for (const probe of probes) probe.signal();
    log.length = 0;
    reactor.turn(1000);
    assertEquals(log.join(" "), "receive receive receive between work work work");
    assertEquals([...batches], [before + 1, before + 2].slice(0, round), "one batch has one number");
  }
});

testOnAll("a source is found by its descriptor, from its registration until it is retired", (bench) => {
  const { reactor } = bench;
  const probe = bench.probe({});
  const { fd } = probe;
  assert(reactor.sourceAt(fd) === probe);
  assertEquals([reactor.sourceAt(fd + 1), reactor.sourceAt(1_000_000)], [null, null]);
  reactor.retire(probe);
  assertEquals(reactor.sourceAt(fd), null);
});

testOnAll("a source that defers several times works once a turn", (bench) => {
  const { reactor } = bench;
  let works = 0;
  const other = bench.probe({ turn: () => void (works += 100) });
  const probe = bench.probe({
    ready(self) {
      for (let i = 0; i < 3; i++) reactor.defer(self);
    },
    turn() {
      works++;
      reactor.defer(other); // joins the current phase
    },
  });
  for (let turn = 1; turn <= 3; turn++) {
    probe.signal();
    reactor.turn(1000);
    assertEquals(works, turn * 101);
  }
  reactor.turn(0);
  assertEquals(works, 303, "no source deferred");
});

testOnAll(
  "a source that asks to be called again is called once, with NONE, and the turn does not wait",
  (bench, isNaive) => {
    const { reactor } = bench;
    const told: number[] = [];
    const probe = bench.probe({ ready: (_self, readiness) => void told.push(readiness) });
    for (let i = 0; i < 3; i++) reactor.again(probe);
    const startMs = performance.now();
    const woken = reactor.turn(10_000);
    assertLess(performance.now() - startMs, 5000);
    assert(isNaive ? woken >= 1 : woken === 1, `${woken} were woken`);
    assertEquals(told, [Readiness.NONE]);
    reactor.turn(0);
    assertEquals(told.length, 1, "it asked for one turn");
  },
);

testOnAll(
  "a source that asks again whenever it is called gets one call a turn, and others get theirs",
  (bench) => {
    const { reactor } = bench;
    let calls = 0;
    let received = 0;
    const busy = bench.probe({
      ready(self) {
        calls++;
        reactor.again(self);
      },
    });
    const other = bench.probe({ ready: () => void received++ });
    reactor.again(busy);
    for (let i = 0; i < 10; i++) {
      other.signal();
      reactor.turn(10_000);
    }
    assertEquals([calls, received], [10, 10]);
    reactor.retire(busy);
    reactor.turn(0);
    assertEquals(calls, 10, "a retired source waits for nothing");
  },
);

testOnAll(
  "retiring stops the wake-ups of the same turn, and closes the descriptor when the turn ends",
  (bench) => {
    const { reactor } = bench;
    const log: string[] = [];
    const probes: Probe[] = [];
    const numbers: number[] = [];
    const on: ProbeCallbacks = {
      ready(self) {
        log.push("receive");
        const victim = probes.find((probe) => probe !== self)!;
        reactor.defer(self);
        reactor.defer(victim);
        reactor.again(victim);
        reactor.expireAt(victim, 0);
        reactor.retire(victim);
        reactor.retire(victim);
        reactor.again(victim);
        reactor.expireAt(victim, 0);
        assertEquals(victim.retired, true);
        numbers.push(eventfdCreate()); // a new client must not get the number now
      },
      turn(self) {
        log.push(`work ${probes.map(({ fd }) => isOpen(fd)).join(" ")}`);
        assert(!self.retired);
      },
      deadline: () => void log.push("deadline"),
      closed(self) {
        log.push(`closed ${isOpen(self.fd)}`);
      },
    };
    probes.push(bench.probe(on), bench.probe(on));
    for (const probe of probes) probe.signal();
    const before = probes.map(({ wakeUps }) => wakeUps);
    reactor.turn(1000);
    assertEquals(log, ["receive", "work true true", "closed false"]);
    assert(!probes.some(({ fd }) => numbers.includes(fd)), "the number was given away too early");
    assertEquals(
      probes.reduce((sum, { wakeUps }, i) => sum + wakeUps - before[i]!, 0),
      1,
      "the other one was not woken at all",
    );
    const survivor = probes.find(({ retired }) => !retired);
    assertEquals([...reactor.sources()], [survivor]);
    for (let i = 0; i < 3; i++) reactor.turn(1);
    assertEquals(log.length, 3);
    numbers.forEach(close);
  },
);

testOnAll(
  "a source that is retired between turns, or by another's end, is closed without waiting for an event",
  (bench) => {
    const { reactor } = bench;
    const second = bench.probe();
    const first = bench.probe({ closed: () => reactor.retire(second) });
    reactor.retire(first);
    assert(isOpen(first.fd));
    const startMs = performance.now();
    for (let turns = 0; turns < 2; turns++) reactor.turn(10_000);
    assertLess(performance.now() - startMs, 5000);
    assertEquals([isOpen(first.fd), isOpen(second.fd)], [false, false]);
  },
);

testOnAll(
  "a deadline expires at its time, and a wait lasts no longer",
  (bench, isNaive) => {
    const { reactor } = bench;
    let passedMs = 0;
    const probe = bench.probe({ deadline: () => void (passedMs = performance.now()) });
    const startMs = performance.now();
    const deadlineMs = startMs + 60;
    reactor.expireAt(probe, deadlineMs);
    let turns = 0;
    for (; passedMs === 0 && performance.now() < startMs + 10_000; turns++) reactor.turn(10_000);
    assert(passedMs >= deadlineMs, `${deadlineMs - passedMs} ms early`);
    assertLess(passedMs - deadlineMs, 3000);
    if (!isNaive) assertLess(turns, 10, "it waited instead of asking again and again");
    passedMs = 0;
    for (let i = 0; i < 3; i++) reactor.turn(5);
    assertEquals(passedMs, 0, "it passes once");
  },
);

testOnAll("deadlines can be moved and removed, and set again from the callback", (bench) => {
  const { reactor } = bench;
  const passed: string[] = [];
  const source = (name: string) => bench.probe({ deadline: () => void passed.push(name) });
  const [earlier, later, never] = [source("earlier"), source("later"), source("never")];
  const repeating = bench.probe({
    deadline(self) {
      passed.push("repeating");
      if (passed.filter((name) => name === "repeating").length < 2) reactor.expireAt(self, reactor.now + 10);
    },
  });
  const startMs = performance.now();
  reactor.expireAt(earlier, startMs + 100_000);
  reactor.expireAt(earlier, startMs + 20);
  reactor.expireAt(later, startMs + 20);
  reactor.expireAt(later, startMs + 200);
  reactor.expireAt(never, startMs + 20);
  reactor.expireAt(never, Infinity);
  reactor.expireAt(repeating, startMs + 20);
  while (performance.now() < startMs + 120) {
    reactor.turn(100);
    // A slow machine may have reached the later deadline already; then there is nothing to check.
    if (passed.includes("later")) assert(performance.now() >= startMs + 200);
  }
  assert(passed.includes("earlier"));
  while (!passed.includes("later") && performance.now() < startMs + 10_000) reactor.turn(100);
  assert(performance.now() >= startMs + 200);
  assertEquals(passed.sort(), ["earlier", "later", "repeating", "repeating"]);
});

testOnAll("a callback that throws costs its own source and no other", (bench) => {
  const { reactor, errors } = bench;
  const failure = new Error("thrown on purpose");
  const fail = () => {
    throw failure;
  };
  const inReady = bench.probe({ ready: fail });
  const inTurn = bench.probe({ ready: (self) => reactor.defer(self), turn: fail });
  const inDeadline = bench.probe({ deadline: fail });
  const inClosed = bench.probe({ closed: fail });
  const inAgain = bench.probe({ ready: fail });
  const log = new Set<string>();
  const good = bench.probe({
    ready(self) {
      log.add("receive");
      reactor.defer(self);
    },
    turn: () => void log.add("work"),
    deadline: () => void log.add("deadline"),
  });
  const alsoClosed = bench.probe({ closed: () => void log.add("closed") });
  for (const probe of [inReady, inTurn, good]) probe.signal();
  for (const probe of [inDeadline, good]) reactor.expireAt(probe, 0);
  for (const probe of [inClosed, alsoClosed]) reactor.retire(probe);
  reactor.again(inAgain);
  reactor.post(fail);
  reactor.post(() => void log.add("task"));
  reactor.turn(1000);
  assertEquals([...log].sort(), ["closed", "deadline", "receive", "task", "work"]);
  assertEquals(errors.map(([, source]) => source), [inAgain, inReady, inTurn, null, inDeadline, inClosed]);
  for (const [error] of errors) assertEquals(error, failure);
  assertEquals([...reactor.sources()], [good]);
  assertEquals([inReady, inTurn, inDeadline, inClosed, inAgain].filter(({ fd }) => isOpen(fd)), []);
});

testOnAll("a source that the poller refuses stays unregistered", (bench) => {
  const { reactor } = bench;
  let received = 0;
  const probe = bench.probe({ ready: () => void received++ });
  class Double extends Source {
    override onReady(): void {
      throw new Error("woken in place of the first");
    }
  }
  assertEquals(reactor.register(new Double(probe.fd), Interest.READABLE), -EEXIST);
  probe.signal();
  reactor.turn(1000);
  assertEquals([received, bench.errors.length], [1, 0]);
  assertEquals([...reactor.sources()], [probe]);
});

testOnAll(
  "rearming silences a source and wakes it again; an edge-triggered one only gets more events",
  (bench) => {
    const { reactor } = bench;
    let received = 0;
    const probe = bench.probe({ ready: () => void received++ });
    const isEdge = reactor.trigger === "edge";
    assertEquals(reactor.rearm(probe, Interest.NONE), 0);
    assertEquals(probe.interest, isEdge ? Interest.READABLE : Interest.NONE);
    probe.signal();
    for (let i = 0; i < 3; i++) reactor.turn(5);
    assertEquals(received, isEdge ? 1 : 0);
    assertEquals(reactor.rearm(probe, Interest.READABLE), 0);
    reactor.turn(isEdge ? 5 : 1000);
    assertEquals(received, 1);
    assertEquals(reactor.rearm(probe, Interest.WRITABLE), 0);
    assertEquals(probe.interest, isEdge ? Interest.READABLE | Interest.WRITABLE : Interest.WRITABLE);
    reactor.retire(probe);
    assertEquals(reactor.rearm(probe, Interest.READABLE), 0, "a retired source is left alone");
  },
);
