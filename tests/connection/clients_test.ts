/**
 * Limits per address: which clients count as one address, the number of connections, and the request rate.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AddressLimits } from "../../server/clients/address_limits.ts";
import { ADDRESSES_MAX } from "../../server/limits.ts";
import { DEFAULT_LIMITS, limitsOf, type ServerLimits } from "../../server/server_limits.ts";
import { Program, Site } from "../support/program.ts";
import { repeat } from "../support/random.ts";
import { exchange, get } from "../support/wire.ts";

/** Returns the limits with clients whose descriptor tells their address. */
function clientsWith(
  limits: Partial<ServerLimits>,
  networkOf = (fd: number): string | null => `net ${fd % 10}`,
) {
  return new AddressLimits({ ...DEFAULT_LIMITS, ...limits }, networkOf);
}

Deno.test("clients are not counted when no limit per address is set", () => {
  assertEquals(AddressLimits.for(DEFAULT_LIMITS), null);
  assert(AddressLimits.for({ ...DEFAULT_LIMITS, connectionsPerAddressMax: 1 }) !== null);
  assert(AddressLimits.for({ ...DEFAULT_LIMITS, requestRateMax: { requests: 1, periodMs: 1000 } }) !== null);
});

Deno.test("an address has as many connections as it may, whichever of its clients come and go", () => {
  repeat(50, (random) => {
    const clients = clientsWith({ connectionsPerAddressMax: 3 });
    const open = new Set<number>();
    for (let step = 0; step < 300; step++) {
      const fd = random.below(60);
      if (open.has(fd)) {
        clients.leave(fd);
        open.delete(fd);
        continue;
      }
      const others = [...open].filter((other) => other % 10 === fd % 10).length;
      const refused = clients.enter(fd, step);
      assertEquals(refused, others < 3 ? null : `net ${fd % 10}`);
      if (refused === null) open.add(fd);
    }
    assertEquals(clients.size, new Set([...open].map((fd) => fd % 10)).size);
    for (const fd of open) clients.leave(fd);
    assertEquals(clients.size, 0);
  });
});

Deno.test("a refused client does not count, and one that was never accepted may leave", () => {
  const clients = clientsWith({ connectionsPerAddressMax: 1 });
  assertEquals([clients.enter(1, 0), clients.enter(11, 0), clients.enter(21, 0)], [null, "net 1", "net 1"]);
  clients.leave(11);
  clients.leave(5000);
  assertEquals(clients.enter(31, 0), "net 1");
  clients.leave(1);
  assertEquals(clients.enter(11, 0), null);
});

Deno.test("requests: a burst, then the rate; the announced wait is long enough, and at most a second too long", () => {
  for (
    const rate of [{ requests: 5, periodMs: 1000 }, { requests: 30, periodMs: 60_000 }, {
      requests: 1,
      periodMs: 3_600_000,
    }]
  ) {
    const clients = clientsWith({ requestRateMax: rate });
    clients.enter(1, 0);
    clients.enter(11, 0);
    for (let i = 0; i < rate.requests; i++) {
      assertEquals(clients.waitSeconds(i % 2 === 0 ? 1 : 11, 0), 0, `${i}`);
    }
    const waitMs = clients.waitSeconds(1, 0) * 1000;
    assert(
      waitMs >= rate.periodMs / rate.requests && waitMs < rate.periodMs / rate.requests + 1000,
      `${waitMs}`,
    );
    assertEquals(clients.waitSeconds(11, waitMs), 0);
  }
});

Deno.test("over a long time an address gets its rate, however often it asks; other addresses are not affected", () => {
  const clients = clientsWith({ requestRateMax: { requests: 10, periodMs: 1000 } });
  clients.enter(1, 0);
  clients.enter(2, 0);
  let answered = 0;
  for (let ms = 0; ms < 100_000; ms += 3) {
    if (clients.waitSeconds(1, ms) === 0) answered++;
    if (ms % 120 === 0) assertEquals(clients.waitSeconds(2, ms), 0);
  }
  assert(answered >= 1000 && answered <= 1011, `${answered}`);
});

Deno.test("a burst may be larger or smaller than the rate; after it the rate holds", () => {
  for (const requestBurstMax of [1, 3, 50]) {
    const clients = clientsWith({ requestRateMax: { requests: 10, periodMs: 1000 }, requestBurstMax });
    clients.enter(1, 0);
    for (const startMs of [0, 100_000]) { // the pause fills the bucket again, and no more
      const atOnce = Array.from({ length: 60 }, () => clients.waitSeconds(1, startMs)).filter((wait) =>
        wait === 0
      );
      assertEquals(atOnce.length, requestBurstMax);
    }
    let answered = 0;
    for (let ms = 100_000; ms < 110_000; ms++) if (clients.waitSeconds(1, ms) === 0) answered++;
    assert(answered >= 99 && answered <= 101, `${answered}`);
  }
  assertThrows(
    () => limitsOf({ requestBurstMax: 0 }),
    RangeError,
    "requestBurstMax must be a number from 1 on",
  );
});

Deno.test("--rate-burst allows that many requests at once, and then the rate of --rate", async () => {
  using site = new Site({ "index.html": "hello" });
  await using program = await Program.start(site.root, ["--no-config", "--rate", "1/h", "--rate-burst", "3"]);
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await exchange(program.port, get("/"))).status);
  assertEquals(statuses, [200, 200, 200, 429, 429]);
  program.kill("SIGTERM");
  assertEquals((await program.finish()).code, 0);
});

Deno.test("a new connection does not get a new bucket", () => {
  const clients = clientsWith({ requestRateMax: { requests: 2, periodMs: 60_000 } });
  for (let i = 0; i < 5; i++) {
    clients.enter(1, i);
    assertEquals(clients.waitSeconds(1, i) > 0, i >= 2, `${i}`);
    clients.leave(1);
  }
});

Deno.test("the memory for addresses is bounded, and connected addresses are never forgotten", () => {
  for (const requestRateMax of [null, { requests: 1, periodMs: 3_600_000 }]) {
    const clients = clientsWith({ connectionsPerAddressMax: 1, requestRateMax }, (fd) => `net ${fd}`);
    clients.enter(0, 0);
    assertEquals(clients.waitSeconds(0, 0), 0);
    for (let fd = 1; fd < 3 * ADDRESSES_MAX; fd++) {
      clients.enter(fd, fd);
      clients.waitSeconds(fd, fd);
      clients.leave(fd);
      assert(clients.size <= ADDRESSES_MAX);
    }
    assertEquals(clients.waitSeconds(0, 1000) > 0, requestRateMax !== null);
  }
});

Deno.test("a client that left before its address was read is accepted: its first recv reports the end", () => {
  const clients = clientsWith({ connectionsPerAddressMax: 1 }, () => null);
  assertEquals([clients.enter(1, 0), clients.enter(2, 0), clients.size], [null, null, 0]);
  clients.leave(1);
});
