/**
 * TLS for which the kernel writes the records (kTLS): slow clients, ends, and errors. `tests/kernel_tls.sh` runs these
 * tests where the kernel of this machine cannot.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  Download,
  FILE_BYTES,
  isByKernel,
  LARGE,
  onAll,
  onKernel,
  TLS12,
  TLS13,
  untilByKernel,
  withFile,
} from "../support/kernel_tls.ts";
import { noise } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { TlsClient } from "../support/tls_client.ts";
import { eventually } from "../support/waiting.ts";

onAll(
  "a slow client gets everything before the end of its connection, wherever the socket is full",
  async (poller) => {
    await withFile(async ({ port }) => {
      for (let i = 0; i < 8; i++) {
        // naive keeps the processor from the client
        const raw = await RawClient.connect(port, poller === "naive" ? 65_536 : 4096 << (i % 3));
        using client = TlsClient.on(raw, { version: i % 2 === 0 ? TLS13 : TLS12 });
        assertEquals(await client.untilReady(() => client.handshake()), 0);
        const download = new Download(i, 600_000 + i * 7919, "Connection: close");
        await client.send(download.request);
        await sleep(100); // the socket is full, and so is the client's
        await download.receive(client, () => sleep(i % 3));
        assertEquals((await client.receive()).status, 0, "close_notify comes before the end");
        assertEquals(await raw.end(), 0);
      }
    }, { poller });
  },
);

onAll("a client that ends its half gets the whole file, and close_notify", async (poller) => {
  await withFile(async ({ port }) => {
    for (const end of ["close_notify", "both", "FIN"]) {
      for (const version of [TLS12, TLS13]) {
        const raw = await RawClient.connect(port, 16_384);
        using client = TlsClient.on(raw, { version });
        assertEquals(await client.untilReady(() => client.handshake()), 0);
        await untilByKernel(client);
        const download = new Download(3, LARGE);
        await client.send(download.request);
        await sleep(20);
        if (end !== "FIN") client.sayEnd();
        if (end !== "close_notify") raw.endInput();
        await download.receive(client);
        assertEquals((await client.receive()).status, 0, `${end}, ${version}`);
      }
    }
  }, { poller });
});

onAll("an idle connection ends by close_notify and FIN after its time", async (poller) => {
  await withFile(async ({ port }) => {
    for (const version of [TLS12, TLS13]) {
      const raw = await RawClient.connect(port);
      using client = TlsClient.on(raw, { version });
      assertEquals(await client.untilReady(() => client.handshake()), 0);
      await untilByKernel(client);
      assertEquals((await client.receive()).status, 0);
      assertEquals(await raw.end(), 0, "FIN, not a reset");
    }
  }, { poller, keepAliveTimeoutMs: 200 });
});

onAll("a client that leaves in the middle leaves nothing behind", async (poller) => {
  await withFile(async ({ port }) => {
    for (const way of ["reset", "close"]) {
      const raw = await RawClient.connect(port, 16_384);
      using client = TlsClient.on(raw, { version: TLS13 });
      assertEquals(await client.untilReady(() => client.handshake()), 0);
      await untilByKernel(client);
      await client.send(new Download(0, LARGE).request);
      await client.receive(() => true);
      if (way === "reset") raw.reset();
      else raw[Symbol.dispose]();
    }
    using client = await TlsClient.connect(port);
    await Download.check(client, 0, LARGE);
  }, { poller });
});

onKernel("a client that sends what is no record is told so by an alert", async () => {
  await withFile(async ({ port }) => {
    for (const version of [TLS12, TLS13]) {
      using client = await TlsClient.connect(port, { version });
      await untilByKernel(client);
      await client.client.send(Uint8Array.of(23, 3, 3, 0, 30, ...noise(30, 1)));
      assert((await client.receive()).status < 0);
      assertMatch(client.failure, /alert bad record mac/i);
    }
  });
});

onKernel("a client that takes nothing is cut off by the bytes that it acknowledges", async () => {
  await withFile(async ({ server, port }) => {
    const raw = await RawClient.connect(port, 4096);
    using client = TlsClient.on(raw, { version: TLS13 });
    assertEquals(await client.untilReady(() => client.handshake()), 0);
    await untilByKernel(client);
    await client.send(new Download(0, FILE_BYTES).request);
    await eventually(() => server.snapshot().states["writing"] === 1, "it is sent to");
    await eventually(() => server.snapshot().states["writing"] === 0, "it is cut off");
  }, { sendTimeoutMs: 1000 });
});

onKernel("a client that has ended its half before gets the whole file from OpenSSL", async () => {
  await withFile(async ({ port }) => {
    for (const version of [TLS12, TLS13]) {
      using client = await TlsClient.connect(port, { version });
      const download = new Download(0, LARGE);
      const request = new Uint8Array(new TextEncoder().encode(download.request));
      assertEquals(client.trySend(request), request.length);
      client.client.endInput();
      await download.receive(client, () => {
        assertEquals(isByKernel(client), false, "the kernel takes no connection whose end has come");
        return Promise.resolve();
      });
      assertEquals((await client.receive()).status, 0);
    }
  });
});
