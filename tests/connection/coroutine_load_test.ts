/**
 * Many coroutines, coroutines beside other work, and coroutines at the server's end.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { echoCoroutine } from "../../handlers/echo.ts";
import { type Coroutine, CoroutineConnection, HttpResponse, serve } from "../../mod.ts";
import type { Connection } from "../../server/connection/connection.ts";
import { SESSION_IDLE_TIMEOUT_MS } from "../../server/limits.ts";
import { eventually } from "../support/descriptors.ts";
import { Program, programCommand } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { Scripted } from "../support/scripted.ts";
import { onAll, withCoroutine } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { Wire } from "../support/wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

onAll("2,000 coroutines at once, or as many as the poller holds", async (poller) => {
  const count = poller === "select" || poller === "naive" ? 400 : 2000; // both ends are descriptors of this process
  let isFull = false;
  await withCoroutine(async (socket) => {
    for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
      await socket.sleep(bytes[0]! % 7);
      await socket.write(bytes);
    }
  }, async ({ port }) => {
    const wires = await Promise.all(Array.from({ length: count }, () => Wire.connect(port)));
    isFull = true;
    await Promise.all(wires.map(async (wire, i) => {
      await wire.send(`client ${i}`);
      assertEquals(decoder.decode(await wire.some() ?? new Uint8Array(0)), `client ${i}`);
      wire[Symbol.dispose]();
    }));
  }, poller);
  assert(isFull);
});

Deno.test("a coroutine is cancelled when the poller refuses its descriptor", async () => {
  const ends = { began: 0, ended: 0 };
  await withCoroutine(async (socket) => {
    ends.began++;
    try {
      await socket.read();
    } finally {
      ends.ended++;
    }
  }, async ({ port, errors }) => {
    const wires = await Promise.all(Array.from({ length: 600 }, () => Wire.connect(port)));
    await eventually(() => ends.began === 600, "not all are accepted");
    for (const wire of wires) wire[Symbol.dispose]();
    await eventually(() => ends.ended === 600, `${600 - ends.ended} coroutines wait for ever`);
    assert(errors.every((line) => line.includes("FD_SETSIZE")), errors[0]);
    assert(errors.length > 0);
  }, "select");
});

onAll(
  "shutdown: coroutines that wait end, and one in the middle of a response finishes it",
  async (poller) => {
    const ends: string[] = [];
    const coroutine: Coroutine = async (socket) => {
      const what = decoder.decode(await socket.read() ?? new Uint8Array(0));
      if (what === "answer") {
        await socket.sleep(1500); // longer than a client that has left would be given
        await socket.write(encoder.encode("the answer"));
      } else assertEquals(await socket.read(), null);
      ends.push(what);
    };
    await withCoroutine(coroutine, async ({ port, server, errors }) => {
      using waiting = await Wire.connect(port);
      await waiting.send("wait");
      using busy = await Wire.connect(port);
      await busy.send("answer");
      await sleep(50);
      const finished = server.shutdown();
      assert(await waiting.isClosed());
      assertEquals(decoder.decode(await busy.readToEnd()), "the answer");
      busy[Symbol.dispose]();
      await finished;
      assertEquals([ends, errors], [["wait", "answer"], []]);
    }, poller);
  },
);

Deno.test("50,000 short connections leave no memory behind", async () => {
  // The heap has room for the program and for 700 bytes per connection. Past that, V8 ends the process.
  const [deno, ...rest] = programCommand(["--port", "0", "--coroutine", "--handler", "greet"]);
  const command = [deno, ...rest.toSpliced(rest.indexOf("run") + 1, 0, "--v8-flags=--max-old-space-size=48")];
  await using program = await Program.startCommand(command);
  const talk = async () => {
    for (let i = 0; i < 500; i++) {
      const client = await RawClient.connect(program.port);
      await client.send("x");
      assertEquals(await client.receive(new Uint8Array(11)), 11);
      client.reset(); // otherwise its port would be in TIME_WAIT for a minute
    }
  };
  await Promise.all(Array.from({ length: 100 }, talk));
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("the idle deadline of a coroutine that waits in read begins anew with each read", async () => {
  const service = (connection: Connection) => CoroutineConnection.run(echoCoroutine, connection);
  using scripted = new Scripted(() => HttpResponse.text(""), "edge", true, service);
  await scripted.settle();
  for (let round = 0; round < 3; round++) {
    const waitMs = scripted.connection!.deadlineMs - scripted.reactor.now;
    assert(waitMs <= SESSION_IDLE_TIMEOUT_MS && waitMs > SESSION_IDLE_TIMEOUT_MS - 5000, `${waitMs} ms`);
    scripted.receive("x");
    await scripted.settle();
  }
  assertEquals(scripted.socket.text, "xxx");
});

Deno.test("timers, crypto and fetch in a coroutine continue while the loop is busy", async () => {
  let isOver = false;
  await withCoroutine(async (socket) => {
    await socket.read();
    await socket.write(encoder.encode("a page"));
  }, async ({ port: _ }) => {
    await using pages = serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen() {},
      coroutine: async (socket) => {
        await socket.read();
        await socket.write(
          encoder.encode("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage"),
        );
      },
    });
    await withCoroutine(async (socket) => {
      for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
        if (bytes[0] !== 0x77) { // not "work"
          await socket.write(bytes);
          continue;
        }
        const startMs = performance.now();
        await socket.sleep(20);
        await sleep(20);
        assert(performance.now() - startMs >= 39);
        const hash = await crypto.subtle.digest("SHA-256", new Uint8Array(100_000));
        const page = await (await fetch(`http://127.0.0.1:${pages.addr.port}/`)).text();
        await socket.write(encoder.encode(`${page} ${hash.byteLength}`));
      }
    }, async ({ port }) => {
      const load = Array.from({ length: 8 }, async () => {
        using wire = await Wire.connect(port);
        while (!isOver) {
          await wire.send("load");
          await wire.some();
        }
      });
      try {
        for (let i = 0; i < 5; i++) {
          using wire = await Wire.connect(port);
          await wire.send("work");
          assertEquals(decoder.decode(await wire.some() ?? new Uint8Array(0)), "page 32");
        }
      } finally {
        isOver = true;
        await Promise.all(load);
      }
    });
  });
});
