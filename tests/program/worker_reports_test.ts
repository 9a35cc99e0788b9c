/**
 * A supervisor accepts from a worker only what is harmless, even if an attacker controls the worker.
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { cpuSeconds } from "../../ffi/process/usage.ts";
import { metricsText } from "../../handlers/admin/metrics.ts";
import { SHOWN_CONNECTIONS_MAX } from "../../server/metrics/statistics.ts";
import { LineReader } from "../../program/workers/channel.ts";
import { readSnapshot } from "../../program/workers/read_snapshot.ts";
import { cacheWith, snapshotWith } from "../support/snapshots.ts";

/** Returns the snapshot as it arrives through a channel. */
const received = (snapshot: unknown) => readSnapshot(JSON.parse(JSON.stringify(snapshot)));

Deno.test("a worker's snapshot arrives unchanged", () => {
  const snapshot = snapshotWith({
    responses: { 200: 3, 404: 1 },
    cache: cacheWith(7),
    cpuSeconds: 0.25,
    connections: [
      { fd: 9, state: "reading-body", ageMs: 1.5, queuedBytes: 0 },
      { fd: 10, state: "handling", ageMs: 2, queuedBytes: 0, streams: { handling: 2 } },
    ],
    http2: {
      connections: 1,
      streams: { handling: 2 },
      accepted: 4,
      responses: { 200: 2 },
      refused: 1,
      resetByServer: 2,
      resetByClient: 3,
      goAways: { "enhance-your-calm": 1 },
    },
  });
  assertEquals(received(snapshot), snapshot);
  assertEquals(received({ ...snapshot, more: "x".repeat(99) }), snapshot);
});

Deno.test("of a forged snapshot only harmless numbers and words are left", () => {
  const text = metricsText([received({
    ...snapshotWith({ cache: cacheWith(1) }),
    requests: "1e9\nforged 1",
    accepted: -1,
    turns: { toString: 1 },
    responses: { '200"} 1\nforged': 1, 200: "forged", 500: 5 },
    states: null,
    latencyCounts: ["forged", 1],
    connections: [null, 1, { fd: 1, state: "<b>forged", ageMs: 1, queuedBytes: 1 }],
    cache: "forged",
    trigger: "forged",
    tls: { tls13: "forged", certificates: [{ name: 'x"} forged 1', notAfterMs: "forged" }, "forged"] },
    http2: {
      streams: "forged",
      responses: { 'x"} forged': 1 },
      goAways: { "Forged\n": 1 },
      refused: "forged",
    },
  })], "1");
  assertEquals(text.includes("forged"), false);
  assertEquals(
    /code="500",protocol="HTTP\/1"\} 5\n/.test(text) && /code="200",protocol="HTTP\/2"\} 0\n/.test(text),
    true,
  );
  const many = new Array(100_000).fill({ fd: 1, state: "a", ageMs: 1, queuedBytes: 1 });
  assertEquals(received({ ...snapshotWith(), connections: many }).connections.length, SHOWN_CONNECTIONS_MAX);
  for (const nothing of [null, 1, "x", [], { poller: "x" }]) assertThrows(() => received(nothing), TypeError);
});

Deno.test("a line in very many pieces costs no more than one in few", () => {
  const reader = new LineReader();
  const one = Uint8Array.of(0x61);
  const startSeconds = cpuSeconds();
  for (let i = 0; i < 300_000; i++) reader.take(one);
  assertEquals(reader.take(Uint8Array.of(10, 98, 10))!.map(({ length }) => length), [300_000, 1]);
  assertEquals(cpuSeconds() - startSeconds < 5, true); // copying it for each piece took 45 GB
});
