/**
 * Floods of HTTP/2 against the program: the small version of `deno task attack http2`.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { http2Flood } from "../attacks/floods.ts";
import { floodBytes, HTTP2_FLOODS } from "../attacks/http2_floods.ts";
import { concat } from "../../server/http/bytes.ts";
import { Attackers, startServer } from "../support/attackers.ts";
import { patient } from "../support/deadline.ts";
import { Site } from "../support/program.ts";

const MIB = 1024 * 1024;
const CLIENTS = 5;
const SECONDS = 0.5;
const ROUNDS = 3000;
/** More than what is no trouble yet. */
const ROUNDS_MIN = 400;
const ATTEMPTS = 3;

Deno.test(
  "under floods of HTTP/2 others are served in 50 ms by both versions, memory stays, and the attackers are sent away",
  patient(600, async () => {
    using site = new Site({ "index.html": "hello", big: new Uint8Array(4 * MIB) });
    using attackers = new Attackers();
    await using program = await startServer(site.root, []);
    await attackers.probe(program.port, 1);
    await attackers.probe(program.port, 1, "/", "127.0.0.10", "http2");
    for (const flood of HTTP2_FLOODS) {
      const { length } = concat(flood.round(0, 3));
      const bytes = floodBytes(flood, Math.min(ROUNDS, Math.max(ROUNDS_MIN, Math.ceil(MIB / length))));
      let [bestMs, leastBytes] = [Infinity, Infinity];
      // Other programs on this machine may disturb, and garbage is collected at some time.
      for (let i = 0; i < ATTEMPTS && (bestMs > 50 || leastBytes > 16 * MIB); i++) {
        const { cut, probes, mostBytes } = await http2Flood(
          attackers,
          program,
          flood,
          bytes,
          CLIENTS,
          SECONDS,
        );
        if (flood.codes.length > 0 && flood.reads) assertEquals(cut, CLIENTS, flood.name);
        for (const { failed, others } of probes) assertEquals([failed, others], [0, 0], flood.name);
        bestMs = Math.min(bestMs, Math.max(...probes.map(({ worstMs }) => worstMs)));
        leastBytes = Math.min(leastBytes, mostBytes);
      }
      assertLess(bestMs, 50, `${flood.name}: ${bestMs} ms`);
      assertLess(leastBytes, 16 * MIB, `${flood.name}: ${leastBytes} bytes more`);
    }
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals([code, stderr], [0, ""]);
    assert(HTTP2_FLOODS.length > 30);
  }),
);
