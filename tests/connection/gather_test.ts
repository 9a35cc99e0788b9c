/**
 * Short output waits in one buffer that all connections share: whatever is called meanwhile, and whatever throws, each
 * client gets its own bytes, whole and in order.
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Coroutine, HttpResponse, type Peer, type Protocol } from "../../mod.ts";
import { withServer } from "../support/serving.ts";
import { eventually } from "../support/waiting.ts";
import { get, Wire } from "../support/wire.ts";

/** Receives until `length` characters are there, or the client is at its end. */
async function receive(wire: Wire, length: number): Promise<string> {
  let text = "";
  while (text.length < length) {
    const bytes = await wire.some();
    if (bytes === null) break;
    text += new TextDecoder().decode(bytes);
  }
  return text;
}

Deno.test("what a session wrote before it threw reaches neither its client nor another", async () => {
  const protocol: Protocol = (peer) => ({
    received(bytes) {
      peer.write(bytes);
      if (bytes[0] === 0x21) throw new Error("on purpose");
    },
  });
  await withServer({ protocol }, async ({ port, errors }) => {
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(port)));
    for (const wire of wires) await wire.send("hello");
    for (const wire of wires) assertEquals(await receive(wire, 5), "hello");
    for (const [i, wire] of wires.entries()) await wire.send(i % 3 === 0 ? "!secret" : `I am ${i}`);
    for (const [i, wire] of wires.entries()) {
      const own = `I am ${i}`;
      assertEquals(await receive(wire, own.length), i % 3 === 0 ? "" : own);
      wire[Symbol.dispose]();
    }
    assertEquals(errors.map((line) => /lost: Error: on purpose/.test(line)), Array(7).fill(true));
    errors.length = 0;
  });
});

Deno.test("a session that writes to others in between writes to all in order", async () => {
  const peers: Peer[] = [];
  const protocol: Protocol = (peer) => {
    peers.push(peer);
    return {
      received() {
        for (const text of ["one ", "two ", "three"]) {
          peer.write(new TextEncoder().encode(text));
          for (const other of peers) if (other !== peer) other.write(new TextEncoder().encode(text));
        }
      },
    };
  };
  for (const poller of ["epoll-edge", "epoll-level"] as const) {
    peers.length = 0;
    await withServer({ protocol }, async ({ port }) => {
      const wires: Wire[] = [];
      for (let i = 0; i < 5; i++) {
        const wire = await Wire.connect(port);
        wires.push(wire);
        await wire.send("x");
        for (const each of wires) assertEquals(await receive(each, 13), "one two three", `client ${i}`);
      }
      for (const wire of wires) wire[Symbol.dispose]();
    }, poller);
  }
});

Deno.test("a coroutine that responds to another's request in between mixes nothing", async () => {
  const held: (() => void | Promise<void>)[] = [];
  const coroutine: Coroutine = async (connection) => {
    for await (const request of connection.requests()) {
      if (request.path === "/hold") {
        const { promise, resolve } = Promise.withResolvers<void>();
        held.push(async () => {
          await connection.respond(HttpResponse.text("held"));
          resolve();
        });
        await promise;
      } else {
        const others = held.splice(0).map((respond) => respond());
        await connection.respond(HttpResponse.text(`now ${request.path}`));
        await Promise.all(others);
      }
    }
  };
  await withServer({ coroutine }, async ({ port }) => {
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => Wire.connect(port))) as [
      Wire,
      Wire,
      Wire,
    ];
    for (let round = 0; round < 3; round++) {
      for (const wire of [first, second]) await wire.send(get("/hold"));
      await eventually(() => held.length === 2, "both requests wait");
      await third.send(get("/1") + get("/2"));
      assertEquals([(await third.expect()).text, (await third.expect()).text], ["now /1", "now /2"]);
      for (const wire of [first, second]) assertEquals((await wire.expect()).text, "held");
    }
    for (const wire of [first, second, third]) wire[Symbol.dispose]();
  });
});
