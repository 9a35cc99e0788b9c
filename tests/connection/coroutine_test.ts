/**
 * Coroutines with byte protocols, over real sockets in this process.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Cancelled, type Coroutine } from "../../mod.ts";
import { eventually } from "../support/descriptors.ts";
import { RawClient } from "../support/raw_client.ts";
import { onAll, withCoroutine } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { Wire } from "../support/wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MIB = 1024 * 1024;

/** Returns the error that a call throws or rejects with, or null. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return null;
  } catch (error) {
    return error;
  }
}

onAll(
  "a client that leaves cancels a read, a sleep and a blocked write, and finally blocks run",
  async (poller) => {
    const ends: string[] = [];
    let begun = 0;
    const coroutine: Coroutine = async (socket) => {
      const what = decoder.decode(await socket.read() ?? new Uint8Array(0));
      begun++;
      try {
        if (what === "read") await socket.read();
        if (what === "sleep") await socket.sleep(3_600_000);
        if (what === "write") {
          for (const piece of Array(1000).fill(new Uint8Array(MIB))) {
            await socket.write(piece);
          }
        }
        ends.push(`${what} went on`);
      } catch (error) {
        assert(error instanceof Cancelled && error === socket.signal.reason, String(error));
        for (
          const call of [() => socket.write(encoder.encode("x")), () => socket.sleep(1)]
        ) {
          assertEquals(await thrownBy(call), error);
        }
        throw error;
      } finally {
        ends.push(what);
      }
    };
    await withCoroutine(coroutine, async ({ port, errors }) => {
      const hasBegun = async () => { // a reset before that would destroy the sent bytes
        await eventually(() => begun === ends.length + 1, "the coroutine does not begin");
        await sleep(30);
      };
      for (const what of ["read", "sleep", "write"]) {
        const client = await RawClient.connect(port, 8192);
        await client.send(what);
        await hasBegun();
        client.reset();
        await eventually(() => ends.includes(what), `${what} is not cancelled`);
      }
      { // a reset after bytes that were not read
        const client = await RawClient.connect(port);
        await client.send("sleep");
        await hasBegun();
        await client.send("unread");
        await sleep(30);
        client.reset();
        await eventually(() => ends.length === 4, "sleep is not cancelled behind unread bytes");
      }
      { // a client that ended its half and takes nothing counts as gone, also with unread bytes
        using client = await RawClient.connect(port);
        await client.send("sleep");
        await hasBegun();
        await client.send("unread");
        client.endInput();
        await eventually(() => ends.length === 5, "sleep is not cancelled by a half-close");
      }
      assertEquals(ends, ["read", "sleep", "write", "sleep", "sleep"]);
      assertEquals(errors, [], "to be left is no failure");
    }, poller);
  },
);

onAll("after a half-close read returns null, and later writes still arrive", async (poller) => {
  await withCoroutine(async (socket) => {
    let text = "";
    for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
      text += decoder.decode(bytes);
    }
    assertEquals(await socket.read(), null, "and again");
    await socket.sleep(100);
    await socket.write(encoder.encode(text + "!"));
    await socket.sleep(900); // less than a second after the write
    await socket.write(new Uint8Array(3 * MIB));
  }, async ({ port }) => {
    using wire = await Wire.connect(port);
    await wire.send("hello");
    await wire.endInput();
    const answer = await wire.readToEnd();
    assertEquals([decoder.decode(answer.subarray(0, 6)), answer.length], ["hello!", 6 + 3 * MIB]);
  }, poller);
});

Deno.test("no promise is made when a call need not wait", async () => {
  const seen: boolean[] = [];
  let isSent = false;
  await withCoroutine(async (socket) => {
    await socket.read();
    while (!isSent) await socket.sleep(5);
    const second = socket.read();
    seen.push(second instanceof Promise);
    if (!(second instanceof Promise)) assertEquals(decoder.decode(second!), "two");
    seen.push(socket.write(encoder.encode("fits")) instanceof Promise);
    assertEquals(await socket.read(), null);
    seen.push(socket.read() instanceof Promise); // the end is known already
  }, async ({ port }) => {
    using wire = await Wire.connect(port);
    await wire.send("one");
    await sleep(20);
    await wire.send("two");
    isSent = true;
    assertEquals(decoder.decode(await wire.some() ?? new Uint8Array(0)), "fits");
    await wire.endInput();
    assert(await wire.isClosed());
  }, "select");
  assertEquals(seen, [false, false, false]);
});

Deno.test("a write of many megabytes at once is sent whole, to a client that reads slowly", async () => {
  const large = new Uint8Array(24 * MIB).map((_, i) => i * 7 >> 3);
  await withCoroutine(async (socket) => {
    await socket.write(large);
    await socket.write(encoder.encode("end"));
  }, async ({ port }) => {
    using client = await RawClient.connect(port, 50_000);
    await sleep(50);
    const all = new Uint8Array(large.length + 4);
    const length = await client.receive(all);
    assertEquals([length, decoder.decode(all.subarray(length - 3, length))], [large.length + 3, "end"]);
    assert(all.subarray(0, large.length).every((byte, i) => byte === large[i]));
  });
});

Deno.test("unawaited writes are bounded: a client that does not read is cut off", async () => {
  let writes = 0;
  let isCut = false;
  await withCoroutine(async (socket) => {
    const piece = new Uint8Array(64 * 1024);
    try {
      for (; writes < 10_000; writes++) {
        socket.write(piece);
        if (writes % 16 === 0) await sleep(0);
      }
    } catch (error) {
      isCut = error instanceof Cancelled;
    }
  }, async ({ port }) => {
    using client = await RawClient.connect(port, 8192);
    await eventually(() => isCut, "it is not cut off");
    assert(writes < 1000, `${writes} writes`);
    await client.end();
  });
});

Deno.test("an error in a coroutine, early, late or synchronous, costs its own connection", async () => {
  const thrown: Coroutine[] = [
    () => Promise.reject(new Error("at once")),
    () => {
      throw new Error("synchronously");
    },
    (socket) => {
      socket.requests();
      throw new Error("after requests()");
    },
    async (socket) => {
      await socket.read();
      throw new Error("later");
    },
    async (socket) => {
      await socket.read();
      await Promise.all([socket.read(), socket.read()]); // two at once
    },
    async (socket) => {
      await socket.read();
      socket.requests(); // too late
    },
    async (socket) => {
      await socket.read();
      await Promise.reject(undefined);
    },
  ];
  let next = 0;
  await withCoroutine((socket) => thrown[next++]!(socket), async ({ port, errors }) => {
    for (const _ of thrown) {
      using wire = await Wire.connect(port);
      await wire.send("x").catch(() => {});
      await wire.readToEnd().catch(() => {});
    }
    await eventually(() => errors.length === thrown.length, `only ${errors.length} failures are told`);
    const wanted = [
      /Error: at once/,
      /Error: synchronously/,
      /Error: after requests/,
      /Error: later/,
      /TypeError: Another read of this connection is waiting/,
      /TypeError: Call requests\(\) before the first await/,
      /A coroutine threw nothing/,
    ];
    for (const [i, pattern] of wanted.entries()) assert(pattern.test(errors[i]!), errors[i]);
  });
});

Deno.test("rejected promises that are not awaited end nothing", async () => {
  let count = 0;
  await withCoroutine(async (socket) => {
    socket.read();
    socket.sleep(100_000);
    socket.write(new Uint8Array(20 * MIB));
    socket.sleep(NaN);
    await sleep(50);
    count++;
  }, async ({ port }) => {
    (await RawClient.connect(port)).reset();
    await eventually(() => count === 1, "the coroutine does not end");
    using wire = await Wire.connect(port);
    await wire.endInput();
    await wire.readToEnd().catch(() => {});
    await eventually(() => count === 2, "no other client is served");
  });
});
