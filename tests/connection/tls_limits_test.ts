/**
 * What holds for plain connections holds with TLS: the PROXY header, limits, deadlines, drain, the access log.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { HttpResponse, serve } from "../../mod.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { RawClient } from "../support/raw_client.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { TlsClient } from "../support/tls_client.ts";
import { bodyOf, fetchOnce, handler, LARGE, local as tls } from "../support/tls_serving.ts";
import { eventually } from "../support/waiting.ts";
import { get } from "../support/wire.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

onAll("a PROXY header comes before the handshake, in one piece with it or not", async (poller) => {
  const who = {
    handler: (_: unknown, context: { remoteAddress: { address: string } | null }) =>
      HttpResponse.text(context.remoteAddress?.address ?? "unknown"),
  };
  await withServer({ ...who, tls, proxyProtocol: true }, async ({ port, errors }) => {
    for (const size of [1, 1000]) {
      const raw = await RawClient.connect(port);
      const header = encodeUtf8("PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n");
      for (let at = 0; at < header.length; at += size) await raw.send(header.slice(at, at + size));
      using client = TlsClient.on(raw, { serverName: "localhost" });
      assertEquals(await client.untilReady(() => client.handshake()), 0);
      await client.send(get("/"));
      assertMatch(await client.receiveText("192.0.2.1"), /192\.0\.2\.1$/);
    }
    assertEquals(errors, []);
  }, poller);
});

onAll("an idle connection ends by close_notify after its time, and when the server stops", async (poller) => {
  await withServer({ handler, tls, keepAliveTimeoutMs: 150 }, async ({ port }) => {
    using client = await TlsClient.connect(port);
    await client.send(get("/a"));
    await client.receiveText("hello /a");
    assertEquals((await client.receive()).status, 0);
  }, poller);
  await withServer({ handler, tls, keepAliveMinTimeoutMs: 0 }, async ({ server, port }) => {
    using client = await TlsClient.connect(port);
    await client.send(get("/a"));
    await client.receiveText("hello /a");
    const ended = server.shutdown();
    assertEquals((await client.receive()).status, 0);
    client.client[Symbol.dispose]();
    await ended;
  }, poller);
});

onAll(
  "a handshake that has begun when the server stops is completed, and its request is answered",
  async (poller) => {
    await withServer({ handler, tls, keepAliveMinTimeoutMs: 500 }, async ({ server, port }) => {
      using client = TlsClient.on(await RawClient.connect(port));
      client.handshake();
      await sleep(30);
      const ended = server.shutdown();
      await sleep(30);
      assertEquals(await client.untilReady(() => client.handshake()), 0);
      await client.send(get("/a"));
      assertEquals(bodyOf(await client.receiveText()), "hello /a");
      client.client[Symbol.dispose]();
      await ended;
    }, poller);
  },
);

Deno.test("clients that take nothing hold little memory, and are cut off by the bytes that they acknowledge", async () => {
  const large = new Uint8Array(20_000_000);
  const slow = { handler: () => HttpResponse.bytes(large), tls, sendTimeoutMs: 4000 }; // all of them have connected by then
  await withServer(slow, async ({ server, port, errors }) => {
    const clients: TlsClient[] = [];
    const before = Deno.memoryUsage().external;
    for (let i = 0; i < 30; i++) {
      const raw = await RawClient.connect(port, 4096);
      const client = TlsClient.on(raw);
      clients.push(client);
      assertEquals(await client.untilReady(() => client.handshake()), 0);
      await client.send(get("/"));
    }
    await eventually(() => server.snapshot().states["writing"] === 30, "they are sent to");
    assert(Deno.memoryUsage().external - before < 30 * 400_000, "what OpenSSL has encrypted is bounded");
    await eventually(() => Object.values(server.snapshot().states).every((n) => n === 0), "they are cut off");
    for (const client of clients) client[Symbol.dispose]();
    assertEquals(errors, []);
  });
});

Deno.test("a client over the limit of connections is closed, and others are served as before", async () => {
  await withServer({ handler, tls, connectionsMax: 2 }, async ({ port }) => {
    using one = await TlsClient.connect(port);
    using two = await TlsClient.connect(port);
    const begun = get("/a");
    for (const client of [one, two]) await client.send(begun.slice(0, 10)); // neither is idle, so neither is evicted
    await sleep(50);
    using third = await RawClient.connect(port);
    assert(await third.end() <= 0);
    for (const client of [one, two]) {
      await client.send(begun.slice(10));
      assertEquals(bodyOf(await client.receiveText("hello /a")), "hello /a");
    }
  });
});

Deno.test("100 clients of every kind at once get their own bytes", async () => {
  await withServer({ handler, tls }, async ({ port, errors }) => {
    const one = async (i: number) => {
      using client = await TlsClient.connect(port, { version: i % 2 === 0 ? 0x0303 : 0x0304 });
      for (let round = 0; round < 5; round++) {
        const path = i < 20 && (i + round) % 4 === 0 ? "/large" : `/${i}-${round}`; // more would be 503: too much memory
        await client.send(get(path));
        if (i % 5 === 0 && round === 3) return client.client.reset();
        const body = bodyOf(await client.receiveText(path === "/large" ? "The end." : path));
        assertEquals(body === (path === "/large" ? LARGE : `hello ${path}`), true, path);
      }
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => one(i)));
    assertEquals(await fetchOnce(port, "/a"), "hello /a");
    assertEquals(errors, []);
  });
});

/** Passes bytes on to `port`: those of the client first up to `split` after the handshake, and then, a moment later, the rest. */
function relay(port: number, split: () => number): { readonly port: number; close(): void } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      server.setNoDelay();
      server.readable.pipeTo(client.writable).catch(() => {});
      (async () => {
        for await (const bytes of client.readable) {
          const at = Math.min(split(), bytes.length);
          const write = async (part: Uint8Array) => {
            for (let done = 0; done < part.length;) done += await server.write(part.subarray(done));
          };
          await write(bytes.subarray(0, at));
          if (at < bytes.length) await sleep(4);
          await write(bytes.subarray(at));
        }
        server.closeWrite();
      })().catch(() => {});
    }
  })().catch(() => {});
  return { port: (listener.addr as Deno.NetAddr).port, close: () => listener.close() };
}

for (const poller of USABLE_POLLERS) {
  Deno.test({
    name: `records that arrive split, and together with the next one, are all answered (${poller})`,
    sanitizeResources: false, // the relay's sockets end with the clients
    sanitizeOps: false,
    fn: async () => {
      await using server = serve({ handler, tls, poller, port: 0, hostname: "127.0.0.1", onListen() {} });
      const splits: number[] = [];
      for (let split = 1; split < 3300; split += split < 40 ? 1 : 397) splits.push(split);
      const long = `X-Padding: ${"x".repeat(3000)}`;
      const one = async (version: number, own: readonly number[]) => {
        let split = 0;
        const between = relay(server.addr.port, () => split);
        using client = await TlsClient.connect(between.port, { version });
        for (split of own) {
          client.trySend(encodeUtf8(get("/one", long)) as Uint8Array<ArrayBuffer>);
          client.trySend(encodeUtf8(get("/two")) as Uint8Array<ArrayBuffer>);
          const text = await client.receiveText("hello /two");
          assertEquals([...text.matchAll(/hello \/(?:one|two)/g)].length, 2, `split at ${split}`);
        }
        between.close();
      };
      const RELAYS = 6; // at the same time: the server takes turns with them
      await Promise.all([0x0303, 0x0304].flatMap((version) =>
        Array.from(
          { length: RELAYS },
          (_, part) => one(version, splits.filter((_, i) => i % RELAYS === part)),
        )
      ));
    },
  });
}

onAll(
  "a client that ends before its first byte is closed at once, and the loop does not spin",
  async (poller) => {
    await withServer({ handler, tls }, async ({ server, port }) => {
      const clients: RawClient[] = [];
      for (let i = 0; i < 5; i++) clients.push(await RawClient.connect(port));
      await sleep(20);
      for (const client of clients) client.endInput();
      for (const client of clients) {
        assertEquals(await client.end(), 0);
        client[Symbol.dispose]();
      }
      const { turns } = server.snapshot();
      await sleep(200);
      if (poller !== "naive") assert(server.snapshot().turns - turns < 100, "it spins"); // naive always does
    }, poller);
  },
);
