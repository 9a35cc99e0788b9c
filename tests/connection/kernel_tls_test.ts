/**
 * TLS for which the kernel writes the records (kTLS): what arrives. Where the kernel cannot, these tests do not run;
 * `tests/kernel_tls.sh` runs them in a virtual machine.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { attachKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { recv, send } from "../../ffi/socket/socket.ts";
import { Descriptors } from "../support/descriptors.ts";
import {
  Download,
  isByKernel,
  kernelConnections,
  LARGE,
  onAll,
  onKernel,
  SUITES,
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
import { get } from "../support/wire.ts";

const KIB = 1024;

onKernel("a large file arrives whole, encrypted by the kernel, with each suite", async () => {
  await withFile(async ({ port }) => {
    for (const options of SUITES) {
      const before = kernelConnections();
      using client = await TlsClient.connect(port, options);
      await Download.check(client, 5, LARGE);
      await untilByKernel(client);
      assert(kernelConnections() > before, "the kernel has counted it");
      await Download.check(client, 0, 10);
      await Download.check(client, 1, LARGE);
    }
  });
});

onAll("files of all sizes around those of records, bursts and turns arrive whole", async (poller) => {
  const borders = [256, 272, 288, 512, 528, 1024].map((size) => size * KIB);
  await withFile(async ({ port }) => {
    using one = await TlsClient.connect(port, { version: TLS13 });
    for (const border of borders) {
      for (const length of [border - 1, border, border + 1]) {
        using client = await TlsClient.connect(port, { version: length % 2 === 0 ? TLS12 : TLS13 });
        for (const each of [client, one]) await Download.check(each, length % 5000, length);
      }
    }
    for (const length of [1, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 64 * KIB, 128 * KIB + 1]) {
      await Download.check(one, 3, length);
    }
  }, { poller });
});

onAll(
  "small and large responses on one connection come in order, also if all are asked for at once",
  async (poller) => {
    await withFile(async ({ port }) => {
      for (const version of [TLS12, TLS13]) {
        using client = await TlsClient.connect(port, { version });
        const parts = [[0, 100], [7, LARGE], [1, 50], [4096, 40_000], [0, 1], [9, 700_000], [
          2,
          2000,
        ]] as const;
        const downloads = parts.map(([offset, length]) => new Download(offset, length));
        await client.send(downloads.map(({ request }) => request).join("") + get("/text"));
        for (const download of downloads) await download.receive(client);
        assertMatch(await client.receiveText("hello"), /200 OK[^]*hello$/);
      }
    }, { poller });
  },
);

onAll("a client's own new keys are followed, before and during a download", async (poller) => {
  await withFile(async ({ port }) => {
    using client = await TlsClient.connect(port, { version: TLS13 });
    for (let round = 0; round < 3; round++) {
      client.updateKeys(false);
      const downloads = [new Download(round, LARGE), new Download(0, 5)];
      await client.send(downloads[0]!.request);
      client.updateKeys(false);
      await client.send(downloads[1]!.request);
      for (const download of downloads) await download.receive(client);
    }
    await untilByKernel(client);
  }, { poller });
});

onAll(
  "where a client has asked for new keys before, OpenSSL writes them, and the records",
  async (poller) => {
    await withFile(async ({ port }) => {
      using client = await TlsClient.connect(port, { version: TLS13 });
      client.updateKeys();
      for (let round = 0; round < 2; round++) await Download.check(client, round, LARGE);
      assertEquals(isByKernel(client), false);
    }, { poller });
  },
);

onAll(
  "a client that asks for new keys later gets what it has asked for, and close_notify",
  async (poller) => {
    await withFile(async ({ port }) => {
      for (const pause of [0, 30]) {
        const raw = await RawClient.connect(port);
        using client = TlsClient.on(raw, { version: TLS13 });
        assertEquals(await client.untilReady(() => client.handshake()), 0);
        await untilByKernel(client);
        const downloads = [new Download(1, LARGE), new Download(2, 600_000), new Download(3, 3)];
        await client.send(downloads[0]!.request);
        await sleep(pause);
        client.updateKeys();
        for (const { request } of downloads.slice(1)) await client.send(request);
        for (const download of downloads) await download.receive(client);
        assertEquals((await client.receive()).status, 0);
        assertEquals(await raw.end(), 0);
      }
    }, { poller });
  },
);

onKernel("a client that accepts only small records gets them from OpenSSL", async () => {
  await withFile(async ({ port }) => {
    for (const version of [TLS12, TLS13]) {
      using client = await TlsClient.connect(port, { version, recordSize: 2 });
      await Download.check(client, 0, LARGE);
      assertEquals(isByKernel(client), false);
    }
  });
});

onKernel(
  "resumed sessions, and those that needed a second ClientHello, are encrypted by the kernel, too",
  async () => {
    await withFile(async ({ port }) => {
      for (const version of [TLS12, TLS13]) {
        using first = await TlsClient.connect(port, { version });
        await Download.check(first, 0, LARGE);
        using again = await TlsClient.connect(port, { version, session: first.session });
        assert(again.isResumed);
        await untilByKernel(again);
        await untilByKernel(first);
      }
      using other = await TlsClient.connect(port, { groups: "P-521:P-384" });
      await untilByKernel(other);
    });
  },
);

onAll("many clients at once get their own bytes", async (poller) => {
  await withFile(async ({ port }) => {
    await Promise.all(Array.from({ length: 12 }, async (_, i) => {
      const raw = await RawClient.connect(port, i % 3 === 0 ? 8192 : undefined);
      using client = TlsClient.on(raw, SUITES[i % SUITES.length]);
      assertEquals(await client.untilReady(() => client.handshake()), 0);
      for (let round = 0; round < 3; round++) {
        await Download.check(client, i * 1000 + round, 300_000 + i * 40_000);
      }
    }));
  }, { poller });
});

onKernel("a socket with the layer, but without keys, sends as before", async () => {
  using pair = new Descriptors();
  const { server, client } = pair.tcp();
  assertEquals(attachKernelTls(server), 0);
  const bytes = noise(1000, 1);
  assertEquals(send(server, bytes, bytes.length, false), bytes.length);
  const buffer = new Uint8Array(2000);
  await eventually(() => recv(client, buffer) === bytes.length, "it arrives");
  assertEquals(buffer.slice(0, bytes.length), bytes);
});
