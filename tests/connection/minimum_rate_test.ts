/**
 * Slow clients, and clients that only seem slow: silence, and too few bytes on average, in both directions.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { RATE_STEP_MS_MAX } from "../../server/limits.ts";
import { Readiness } from "../../server/loop/poller.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { MinimumRate } from "../../server/connection/minimum_rate.ts";
import type { Protocol } from "../../server/protocols/bytes/session.ts";
import {
  calm,
  pass,
  post,
  says,
  scriptedProtocol,
  scriptedWith,
  statuses,
  withClock,
} from "../support/exchanges.ts";
import { repeat } from "../support/random.ts";
import { describe, onBoth } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

const TIMEOUT_MS = 10_000;

/**
 * Returns when a client that has taken `bytesAt(ms)` is cut off, in milliseconds; null when it is not within 100 s.
 */
function cutMs(bytesAt: (ms: number) => number, rateMin: number): number | null {
  const rate = new MinimumRate();
  rate.begin(0, bytesAt(0));
  for (let now = 0; now < 100_000;) {
    now = rate.nextMs(now, TIMEOUT_MS);
    if (rate.isTooSlow(now, bytesAt(now), TIMEOUT_MS, rateMin)) return now;
  }
  return null;
}

Deno.test("a silent client is cut off at the timeout, at most one check later", () => {
  assertEquals(cutMs(() => 7, 0), TIMEOUT_MS);
  repeat(200, (random) => {
    const lastMs = random.below(80_000);
    const cut = cutMs((ms) => Math.floor(Math.min(ms, lastMs) / 100), 0);
    assert(
      cut !== null && cut >= lastMs - 100 + TIMEOUT_MS && cut <= lastMs + TIMEOUT_MS + RATE_STEP_MS_MAX,
      `${lastMs}: ${cut}`,
    );
  });
});

Deno.test("a client that keeps the average rate goes on, in whatever portions; a slower one is cut off after the timeout", () => {
  for (const portionMs of [1, 100, 3000, 9000]) {
    const rate = (perSecond: number) => (ms: number) =>
      Math.floor(ms / portionMs) * portionMs * perSecond / 1000;
    assertEquals(cutMs(rate(1500), 1000), null, `${portionMs}`);
    const cut = cutMs(rate(400), 1000)!;
    assert(cut >= TIMEOUT_MS && cut <= TIMEOUT_MS + RATE_STEP_MS_MAX, `${portionMs}: ${cut}`);
    assertEquals(cutMs(rate(400), 0), null, `${portionMs}`);
  }
  const tires = (ms: number) => ms < 50_000 ? ms * 10 : 500_000 + Math.floor(ms / 1000);
  const cut = cutMs(tires, 1000)!;
  assert(cut > 50_000 && cut <= 50_000 + 2 * TIMEOUT_MS, `${cut}`);
});

Deno.test("time in which the server itself did not run does not count against clients, and after it the limit is as strict as before", () => {
  const rate = new MinimumRate();
  rate.begin(0, 0);
  rate.nextMs(0, TIMEOUT_MS);
  assert(!rate.isTooSlow(5 * TIMEOUT_MS, 10, TIMEOUT_MS, 1000), "after a long sleep");
  let now = 5 * TIMEOUT_MS;
  let isTooSlow = false;
  while (!isTooSlow && now < 60 * TIMEOUT_MS) {
    now = rate.nextMs(now, TIMEOUT_MS);
    isTooSlow = rate.isTooSlow(now, 10, TIMEOUT_MS, 1000);
  }
  assertEquals(now, 6 * TIMEOUT_MS);
});

onBoth("a response whose bytes wait in the kernel makes progress as long as they become fewer", (trigger) => {
  return withClock((advance) => {
    using scripted = scriptedWith(describe, trigger, { sendTimeoutMs: TIMEOUT_MS });
    scripted.socket.sends = [10];
    scripted.socket.capacity = 0; // for a minute, in which the client has to take the earlier bytes
    scripted.socket.held = 10_000_000;
    scripted.receive(get("/"));
    for (let second = 0; second < 60; second++) {
      advance(1000);
      scripted.socket.held -= 10_000;
      scripted.reactor.turn(0);
      assertEquals(scripted.state, "writing", `after ${second} s`);
    }
    for (let second = 0; second < TIMEOUT_MS / 1000 - 1; second++) {
      advance(1000);
      scripted.reactor.turn(0);
    }
    assertEquals(scripted.state, "writing");
    advance(2000);
    scripted.reactor.turn(0);
    assertEquals(scripted.state, "closed");
    return Promise.resolve();
  });
});

onBoth("a body that trickles is 408 at its first timeout; one at the average rate is read", (trigger) => {
  return withClock(async (advance) => {
    for (const perSecond of [100, 600]) {
      using scripted = scriptedWith(describe, trigger, { bodyTimeoutMs: TIMEOUT_MS });
      scripted.receive(post("x".repeat(30_000)).slice(0, -30_000));
      for (let second = 1; second <= 20; second++) {
        advance(1000);
        if (scripted.state === "reading-body") scripted.receive("x".repeat(perSecond));
        await Promise.resolve();
        assertEquals(statuses(scripted), perSecond === 600 || second < 10 ? [] : [408], `${second} s`);
      }
    }
  });
});

onBoth(
  "a handler that reads a body chunk by chunk does not change the rate: the average is that of all chunks",
  (trigger) => {
    return withClock(async (advance) => {
      for (const perSecond of [100, 600]) {
        const handler: Handler = async (request) => HttpResponse.bytes(await request.bytes());
        using scripted = scriptedWith(handler, trigger, { bodyTimeoutMs: TIMEOUT_MS });
        scripted.receive(post("x".repeat(30_000)).slice(0, -30_000));
        await calm(scripted);
        for (let tenth = 1; tenth <= 200; tenth++) {
          advance(100);
          if (scripted.state === "handling") scripted.receive("x".repeat(perSecond / 10));
          await calm(scripted);
          assertEquals(
            statuses(scripted),
            perSecond === 600 || tenth < 100 ? [] : [408],
            `after ${tenth} tenths`,
          );
        }
      }
    });
  },
);

onBoth("a handler's time between two chunks does not count against the client", (trigger) => {
  return withClock(async (advance) => {
    const pieces: number[] = [];
    let go = () => {};
    const handler: Handler = async (request) => {
      const reader = request.body!.getReader();
      while (true) {
        await new Promise<void>((resolve) => go = resolve);
        const { value, done } = await reader.read();
        if (done) return says("all");
        pieces.push(value.length);
      }
    };
    using scripted = scriptedWith(handler, trigger, { bodyTimeoutMs: 1000, handlerTimeoutMs: 60_000 });
    scripted.receive(post("0123456789").slice(0, -5));
    for (let second = 0; second < 20; second++) {
      await pass(scripted, 1000, advance);
      assertEquals(statuses(scripted), []);
    }
    go();
    await calm(scripted);
    go(); // the server waits for the client from now on
    await calm(scripted);
    await pass(scripted, 900, advance);
    assertEquals(statuses(scripted), []);
    await pass(scripted, 200, advance);
    assertEquals([statuses(scripted), pieces.length], [[408], 1]);
  });
});

onBoth(
  "a client that had to take a response before it could send the rest of its body gets a new timeout for it",
  (trigger) => {
    return withClock(async (advance) => {
      using scripted = scriptedWith(() => says("answer"), trigger, { bodyTimeoutMs: 2000 });
      scripted.socket.capacity = 0;
      scripted.receive(post("0123456789").slice(0, -5));
      for (let second = 0; second < 5; second++) {
        advance(1000);
        await calm(scripted);
        assertEquals(scripted.state, "writing");
      }
      scripted.socket.capacity = Infinity;
      scripted.writable();
      advance(1500);
      await calm(scripted);
      assertEquals([scripted.state, statuses(scripted)], ["reading-body", [200]]);
      advance(600);
      await calm(scripted);
      assertEquals(scripted.state, "closed");
    });
  },
);

onBoth(
  "the minimum rate holds for byte protocols, too, and does not move a session's own deadline",
  (trigger) => {
    return withClock((advance) => {
      for (const [timeoutMs, heldBack] of [[undefined, 0], [undefined, 1], [15_000, 1]] as const) {
        const protocol: Protocol = (peer) => ({ timeoutMs, received: (bytes) => peer.write(bytes) });
        using scripted = scriptedProtocol(protocol, trigger);
        scripted.wake(Readiness.NONE);
        scripted.socket.capacity = 0;
        scripted.socket.held = 1_000_000;
        scripted.receive("x".repeat(1000));
        let cut = 0;
        for (let second = 1; second <= 60 && cut === 0; second++) {
          advance(1000);
          scripted.socket.held -= heldBack * 1000;
          scripted.reactor.turn(0);
          if (scripted.state === "closed") cut = second;
        }
        assertEquals(cut, timeoutMs !== undefined ? 15 : heldBack === 0 ? 30 : 0);
      }
      return Promise.resolve();
    });
  },
);
