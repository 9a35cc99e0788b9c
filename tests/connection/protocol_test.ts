/**
 * Byte protocols with callbacks: what a session may do with its own client and with other clients.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Peer, Protocol, Session } from "../../mod.ts";
import { ECONNRESET } from "../../ffi/libc/errno.ts";
import { PEER_QUEUE_BYTES_MAX, RATE_STEP_MS_MAX, SESSION_IDLE_TIMEOUT_MS } from "../../server/limits.ts";
import { Readiness } from "../../server/loop/poller.ts";
import { eventually } from "../support/descriptors.ts";
import { scriptedProtocol } from "../support/exchanges.ts";
import { RawClient } from "../support/raw_client.ts";
import { onBoth } from "../support/scripted.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

onAll("a session may write to other clients, and is told of its own end", async (poller) => {
  const peers = new Set<Peer>();
  const gone: Peer[] = [];
  const protocol: Protocol = (peer) => {
    peers.add(peer);
    return {
      received: (bytes) => {
        for (const other of peers) if (other !== peer) other.write(bytes);
        peer.write(encoder.encode("sent"));
      },
      closed: () => {
        peers.delete(peer);
        gone.push(peer);
      },
    };
  };
  await withServer({ protocol }, async ({ port }) => {
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(port)));
    await eventually(() => peers.size === 20, "not all are there");
    await wires[0]!.send("to all");
    assertEquals(decoder.decode(await wires[0]!.some() ?? new Uint8Array(0)), "sent");
    for (const wire of wires.slice(1)) {
      assertEquals(decoder.decode(await wire.some() ?? new Uint8Array(0)), "to all");
    }
    for (const wire of wires) wire[Symbol.dispose]();
    await eventually(() => gone.length === 20 && peers.size === 0, "not all are gone");
    for (const peer of gone) assertEquals(peer.write(encoder.encode("x")), false);
  }, poller);
});

onAll(
  "a client that does not read the writes of other sessions is cut off; its neighbours are not",
  async (poller) => {
    const peers: Peer[] = [];
    let accepted = 0;
    let isClosed = false;
    const piece = new Uint8Array(100); // short pieces, which must not cost more than their bytes
    const protocol: Protocol = (peer) => {
      const i = peers.push(peer) - 1;
      return {
        received: () => {
          for (let k = 0; k < 40_000; k++) if (peers[0]!.write(piece)) accepted += piece.length;
          peer.write(encoder.encode("done"));
        },
        closed: () => isClosed ||= i === 0,
      };
    };
    await withServer({ protocol }, async ({ port }) => {
      using stuck = await RawClient.connect(port, 4096);
      await eventually(() => peers.length === 1, "it is not accepted");
      using other = await Wire.connect(port);
      while (!isClosed) {
        assert(accepted < 40 * MIB, "it is never cut off");
        await other.send("go");
        assertEquals(decoder.decode(await other.some() ?? new Uint8Array(0)), "done");
      }
      assert(accepted > PEER_QUEUE_BYTES_MAX, `cut off after ${accepted} bytes`);
      assertEquals(peers[0]!.write(piece), false);
      await stuck.end();
      await other.send("go");
      assertEquals(decoder.decode(await other.some() ?? new Uint8Array(0)), "done");
    }, poller);
  },
);

Deno.test("after end() and close() nothing more is written", async () => {
  const results: boolean[] = [];
  const protocol: Protocol = (peer) => ({
    received: (bytes) => {
      if (bytes[0] === 0x65) peer.end(encoder.encode("bye"));
      else peer.close();
      results.push(peer.write(encoder.encode("more")));
      peer.end(encoder.encode("more"));
    },
  });
  await withServer({ protocol }, async ({ port, errors }) => {
    using ended = await Wire.connect(port);
    await ended.send("end");
    assertEquals(decoder.decode(await ended.readToEnd()), "bye");
    using closed = await Wire.connect(port);
    await closed.send("close");
    assertEquals(decoder.decode(await closed.readToEnd()), "");
    assertEquals([results, errors], [[false, false], []]);
  });
});

Deno.test("close() from a timer closes at once, as far as a session can tell", async () => {
  const results: boolean[] = [];
  const protocol: Protocol = (peer) => {
    setTimeout(() => {
      results.push(peer.write(encoder.encode("in time")));
      peer.close();
      results.push(peer.write(encoder.encode("too late")));
    }, 50);
    return { received() {} };
  };
  await withServer({ protocol }, async ({ port }) => {
    using wire = await Wire.connect(port);
    assert(!decoder.decode(await wire.readToEnd()).includes("too late"));
    assertEquals(results, [true, false]);
  });
});

onAll("a session's deadline holds for silent, talking and stuck clients", async (poller) => {
  const timeoutMs = 300;
  const protocol: Protocol = (peer) => ({
    timeoutMs,
    received: (bytes) => void peer.write(bytes[0] === 0x6d ? new Uint8Array(40 * MIB) : bytes),
  });
  await withServer({ protocol }, async ({ port }) => {
    const startMs = performance.now();
    using silent = await Wire.connect(port);
    using stuck = await RawClient.connect(port, 4096);
    await stuck.send("much");
    using talking = await Wire.connect(port);
    const talk = (async () => {
      while (true) {
        await talking.send("x").catch(() => {});
        if (await talking.some().catch(() => null) === null) return;
        await sleep(20);
      }
    })();
    assert(await silent.isClosed());
    await talk;
    assert(performance.now() - startMs >= timeoutMs - 1);
    await stuck.end();
  }, poller);
});

Deno.test("an error in a session's callback costs its own connection", async () => {
  const fail = (what: string): never => {
    throw new Error(`${what} failed`);
  };
  const sessions: ((peer: Peer) => Session)[] = [
    () => fail("protocol"),
    () => ({ received: () => fail("received") }),
    () => ({ received() {}, ended: () => fail("ended") }),
    (peer) => ({ received: () => peer.close(), closed: () => fail("closed") }),
    (peer) => ({ received: () => void peer.write(new Uint8Array(20 * MIB)), drained: () => fail("drained") }),
  ];
  let next = 0;
  const protocol: Protocol = (peer) =>
    next < sessions.length ? sessions[next++]!(peer) : { received: (bytes) => peer.write(bytes) };
  await withServer({ protocol }, async ({ port, errors }) => {
    for (const i of sessions.keys()) {
      using wire = await Wire.connect(port);
      await wire.send("x").catch(() => {});
      if (i === 2) await wire.endInput();
      await wire.readToEnd().catch(() => {});
    }
    await eventually(() => errors.length === sessions.length, errors.join("\n"));
    for (const [i, what] of ["protocol", "received", "ended", "closed", "drained"].entries()) {
      assertMatch(errors[i]!, new RegExp(`${what} failed`));
    }
    using wire = await Wire.connect(port);
    await wire.send("still here");
    assertEquals(decoder.decode(await wire.some() ?? new Uint8Array(0)), "still here");
  });
});

onBoth(
  "a client that has ended its half and then resets is gone at once, although nothing more is received",
  (trigger) => {
    let closed = 0;
    const protocol: Protocol = () => ({ received() {}, ended() {}, closed: () => void closed++ });
    using scripted = scriptedProtocol(protocol, trigger);
    scripted.end();
    assertEquals([scripted.state, closed], ["reading", 0]);
    scripted.socket.capacity = -ECONNRESET;
    scripted.wake(Readiness.READABLE | Readiness.HANGUP | Readiness.ERROR);
    assertEquals([scripted.state, closed], ["closed", 1]);
  },
);

onBoth("bytes that are written in drained() are sent, however the last write went", (trigger) => {
  let peer: Peer | null = null;
  let rounds = 0;
  const protocol: Protocol = (given) => {
    peer = given;
    return {
      received: (bytes) => given.write(new Uint8Array(200_000).fill(bytes[0]!)),
      drained: () => {
        if (rounds++ === 0) given.end(encoder.encode("end"));
      },
    };
  };
  using scripted = scriptedProtocol(protocol, trigger);
  scripted.wake(Readiness.NONE);
  assert(peer !== null);
  scripted.receive("x");
  assertEquals([scripted.socket.sent.length, scripted.socket.text.slice(-4)], [200_003, "xend"]);
  assert(scripted.socket.isShutDown);
});

onBoth("bytes that arrived while another session's bytes fill the socket are not lost", (trigger) => {
  const heard: string[] = [];
  let peer: Peer | null = null;
  using scripted = scriptedProtocol((given) => {
    peer = given;
    return { received: (bytes) => heard.push(decoder.decode(bytes)) };
  }, trigger);
  scripted.wake(Readiness.NONE);
  // Another session writes between the phases of the turn in which "hello" arrives.
  scripted.socket.capacity = 0;
  scripted.reactor.betweenPhases = () => {
    scripted.reactor.betweenPhases = () => {};
    assert(peer!.write(encoder.encode("from another")));
  };
  scripted.receive("hello");
  assertEquals([heard, scripted.state], [[], "writing"]);
  // The receive slot of "hello" is reused meanwhile.
  const { buffers } = scripted.host;
  for (let i = 0; i < 4; i++) buffers.takeSlot(-7)?.bytes.fill(0x21);
  scripted.socket.capacity = Infinity;
  scripted.writable();
  assertEquals([heard, scripted.socket.text], [["hello"], "from another"]);
});

onBoth("short pieces for a blocked client keep their order", (trigger) => {
  let peer: Peer | null = null;
  using scripted = scriptedProtocol((given) => {
    peer = given;
    return { received: (bytes) => given.write(bytes) };
  }, trigger);
  scripted.wake(Readiness.NONE);
  scripted.socket.capacity = 0;
  let wanted = "";
  const write = (text: string) => {
    assert(peer!.write(encoder.encode(text)));
    wanted += text;
  };
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 20; i++) write(`${round}.${i} `);
    scripted.socket.sends = [7];
    scripted.writable();
  }
  assert(scripted.socket.sent.length > 300 && scripted.socket.sent.length < wanted.length);
  scripted.socket.capacity = Infinity;
  scripted.writable();
  assertEquals(scripted.socket.text, wanted);
  scripted.receive("after");
  assertEquals(scripted.socket.text, wanted + "after");
});

onBoth("deadlines of sessions: silence, a stall, and a deadline that a stall does not move", (trigger) => {
  for (const timeoutMs of [undefined, 5000, 3_600_000]) {
    using scripted = scriptedProtocol(
      (peer) => ({ timeoutMs, received: (bytes) => peer.write(bytes) }),
      trigger,
    );
    scripted.wake(Readiness.NONE);
    const remaining = () => Math.round((scripted.connection!.deadlineMs - scripted.reactor.now) / 500) * 500;
    assertEquals(remaining(), timeoutMs ?? SESSION_IDLE_TIMEOUT_MS);
    scripted.socket.capacity = 0;
    scripted.receive("x");
    assertEquals(remaining(), RATE_STEP_MS_MAX); // the time until the next check whether the client takes anything
    scripted.socket.capacity = Infinity;
    scripted.writable();
    assertEquals(remaining(), timeoutMs ?? SESSION_IDLE_TIMEOUT_MS);
  }
});

onBoth("after a short recv the following bytes are not lost", (trigger) => {
  const protocol: Protocol = (peer) => ({ received: (bytes) => peer.write(bytes) });
  using scripted = scriptedProtocol(protocol, trigger);
  scripted.wake(Readiness.NONE);
  // As at the mark of urgent data: two receives for one edge. A level is reported again.
  scripted.receive("before", " and after");
  if (trigger === "level") scripted.wake(Readiness.READABLE);
  assertEquals(scripted.socket.text, "before and after");
});
