/**
 * TLS for which the kernel writes the records (kTLS). Where it cannot, only the first tests run.
 * `tests/kernel_tls.sh` runs all of them in a virtual machine.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { POLLER_NAMES, type PollerName } from "../../mod.ts";
import { openRecord, RecordType, serverWriteKeys } from "../../ffi/openssl/record_keys.ts";
import { attachKernelTls, hasKernelTls } from "../../ffi/socket/kernel_tls.ts";
import { recv, send } from "../../ffi/socket/socket.ts";
import { readCertificates } from "../../server/tls_options.ts";
import { Certificates } from "../../server/transport/certificates.ts";
import { Handshakes } from "../../server/transport/handshakes.ts";
import { TicketKeys } from "../../server/transport/ticket_keys.ts";
import { Tls } from "../../server/transport/tls.ts";
import { Descriptors } from "../support/descriptors.ts";
import { Download, FILE_BYTES, fileHandler, kernelConnections } from "../support/kernel_tls.ts";
import { noise } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { type Running, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { TlsClient, type TlsClientOptions } from "../support/tls_client.ts";
import { local, localRsa } from "../support/tls_serving.ts";
import { eventually } from "../support/waiting.ts";
import { get } from "../support/wire.ts";

const [TLS12, TLS13] = [0x0303, 0x0304];
const tls = [local, localRsa];
const SUITES: readonly TlsClientOptions[] = [
  { version: TLS13, ciphers: "TLS_AES_128_GCM_SHA256" },
  { version: TLS13, ciphers: "TLS_AES_256_GCM_SHA384" },
  { version: TLS13, ciphers: "TLS_CHACHA20_POLY1305_SHA256" },
  { version: TLS12, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" },
  { version: TLS12, ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" },
  { version: TLS12, ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305" },
  { version: TLS12, ciphers: "ECDHE-RSA-AES128-GCM-SHA256" },
  { version: TLS12, ciphers: "ECDHE-RSA-AES256-GCM-SHA384" },
  { version: TLS12, ciphers: "ECDHE-RSA-CHACHA20-POLY1305" },
];

Deno.test("for each suite, the last record is opened by the keys and the number that the kernel would get", async () => {
  const handshakes = new Handshakes([], new TicketKeys(), (error) => console.error(error));
  const certificates = readCertificates(tls);
  handshakes.use(new Certificates("intermediate", certificates, true));
  for (const certificate of certificates) certificate.free();
  const server = new Tls({ now: 0 }, handshakes, true);
  for (const options of [...SUITES, { groups: "P-521:P-384" }]) { // the last one needs a second ClientHello
    using pair = new Descriptors();
    const { server: fd, client: raw } = pair.tcp();
    using client = TlsClient.on({ fd: raw, [Symbol.dispose]() {} } as RawClient, options);
    server.begin(fd);
    for (let isOpen = false; !isOpen; await sleep(1)) {
      client.handshake();
      isOpen = server.handshake(fd) === 0;
    }
    const session = server.sessionOf(fd)!;
    for (let round = 1; round < 4; round++) {
      const content = noise(round * 100, round);
      assertEquals(server.send(fd, content, content.length, false), content.length);
      const { written, pointer } = session;
      const opened = openRecord(
        serverWriteKeys(pointer, written!.secret)!,
        written!.count - 1,
        written!.last,
      );
      assertEquals([opened?.type, opened?.content.slice()], [RecordType.DATA, content], client.cipher);
    }
    server.forget(fd);
  }
});

/** Registers a test that needs the kernel. */
function onKernel(name: string, test: () => Promise<void>): void {
  Deno.test({ name, fn: test, ignore: !hasKernelTls() });
}
/** The same for each poller. */
function onAll(name: string, test: (poller: PollerName) => Promise<void>): void {
  for (const poller of POLLER_NAMES) onKernel(`${name} (${poller})`, () => test(poller));
}
if (!hasKernelTls()) console.log("skipped: this kernel has no kTLS (tests/kernel_tls.sh runs these tests)");

/** Serves parts of a file while `test` runs. Afterwards no error was logged, and the kernel has no connection. */
async function withFile(
  test: (running: Running) => Promise<void>,
  { poller, ...settings }: { poller?: PollerName; sendTimeoutMs?: number; keepAliveTimeoutMs?: number } = {},
): Promise<void> {
  using handler = fileHandler();
  await withServer({ handler: handler.handler, tls, ...settings }, async (running) => {
    await test(running);
    assertEquals(running.errors, []);
  }, poller);
  await eventually(() => kernelConnections().open === 0, "the kernel's connections end");
}

const KIB = 1024;
const LARGE = 3_000_001;

onKernel("a large file arrives whole, encrypted by the kernel, with each suite", async () => {
  await withFile(async ({ port }) => {
    for (const options of SUITES) {
      const { begun } = kernelConnections();
      using client = await TlsClient.connect(port, options);
      await Download.check(client, 5, LARGE);
      assertEquals(kernelConnections().begun, begun + 1, client.cipher);
      await Download.check(client, 0, 10);
      await Download.check(client, 1, LARGE);
      assertEquals(kernelConnections().begun, begun + 1, "it is the same connection");
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

onAll(
  "a slow client gets everything before the end of its connection, wherever the socket is full",
  async (poller) => {
    await withFile(async ({ port }) => {
      for (let i = 0; i < 8; i++) {
        const raw = await RawClient.connect(port, 4096 << (i % 3));
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
        await Download.check(client, 0, 600_000); // the kernel writes from here on
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
      await Download.check(client, 0, LARGE);
      assertEquals((await client.receive()).status, 0);
      assertEquals(await raw.end(), 0, "FIN, not a reset");
    }
  }, { poller, keepAliveTimeoutMs: 200 });
});

onAll("a client's own new keys are followed, before and during a download", async (poller) => {
  await withFile(async ({ port }) => {
    const { begun } = kernelConnections();
    using client = await TlsClient.connect(port, { version: TLS13 });
    for (let round = 0; round < 3; round++) {
      client.updateKeys(false);
      const downloads = [new Download(round, LARGE), new Download(0, 5)];
      await client.send(downloads[0]!.request);
      client.updateKeys(false);
      await client.send(downloads[1]!.request);
      for (const download of downloads) await download.receive(client);
    }
    assertEquals(kernelConnections().begun, begun + 1);
  }, { poller });
});

onAll(
  "where a client has asked for new keys before, OpenSSL writes them, and the records",
  async (poller) => {
    await withFile(async ({ port }) => {
      const { begun } = kernelConnections();
      using client = await TlsClient.connect(port, { version: TLS13 });
      client.updateKeys();
      for (let round = 0; round < 2; round++) await Download.check(client, round, LARGE);
      assertEquals(kernelConnections().begun, begun);
    }, { poller });
  },
);

onAll(
  "a client that asks for new keys later gets what it has asked for, and close_notify",
  async (poller) => {
    await withFile(async ({ port }) => {
      const { begun } = kernelConnections();
      for (const pause of [0, 30]) {
        const raw = await RawClient.connect(port);
        using client = TlsClient.on(raw, { version: TLS13 });
        assertEquals(await client.untilReady(() => client.handshake()), 0);
        await Download.check(client, 0, 600_000);
        const downloads = [new Download(1, LARGE), new Download(2, 600_000), new Download(3, 3)];
        await client.send(downloads[0]!.request);
        await sleep(pause);
        client.updateKeys();
        for (const { request } of downloads.slice(1)) await client.send(request);
        for (const download of downloads) await download.receive(client);
        assertEquals((await client.receive()).status, 0);
        assertEquals(await raw.end(), 0);
      }
      assertEquals(kernelConnections().begun, begun + 2);
    }, { poller });
  },
);

onAll("a client that leaves in the middle leaves nothing behind", async (poller) => {
  await withFile(async ({ port }) => {
    for (const way of ["reset", "close"]) {
      const raw = await RawClient.connect(port, 16_384);
      using client = TlsClient.on(raw, { version: TLS13 });
      assertEquals(await client.untilReady(() => client.handshake()), 0);
      await Download.check(client, 0, 600_000);
      await client.send(new Download(0, LARGE).request);
      await client.receive(() => true);
      if (way === "reset") raw.reset();
      else raw[Symbol.dispose]();
    }
    await eventually(() => kernelConnections().open === 0, "the connections end");
    using client = await TlsClient.connect(port);
    await Download.check(client, 0, LARGE);
  }, { poller });
});

onKernel("a client that sends what is no record is told so by an alert", async () => {
  await withFile(async ({ port }) => {
    for (const version of [TLS12, TLS13]) {
      using client = await TlsClient.connect(port, { version });
      await Download.check(client, 0, LARGE);
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
    await Download.check(client, 0, 600_000);
    await client.send(new Download(0, FILE_BYTES).request);
    await eventually(() => server.snapshot().states["writing"] === 1, "it is sent to");
    await eventually(() => server.snapshot().states["writing"] === 0, "it is cut off");
  }, { sendTimeoutMs: 1000 });
});

onKernel("a client that accepts only small records gets them from OpenSSL", async () => {
  await withFile(async ({ port }) => {
    const { begun } = kernelConnections();
    for (const version of [TLS12, TLS13]) {
      using client = await TlsClient.connect(port, { version, recordSize: 2 });
      await Download.check(client, 0, LARGE);
    }
    assertEquals(kernelConnections().begun, begun);
  });
});

onKernel(
  "resumed sessions, and those that needed a second ClientHello, are encrypted by the kernel, too",
  async () => {
    await withFile(async ({ port }) => {
      const { begun } = kernelConnections();
      for (const version of [TLS12, TLS13]) {
        using first = await TlsClient.connect(port, { version });
        await Download.check(first, 0, LARGE);
        using again = await TlsClient.connect(port, { version, session: first.session });
        assert(again.isResumed);
        await Download.check(again, 0, LARGE);
      }
      using other = await TlsClient.connect(port, { groups: "P-521:P-384" });
      await Download.check(other, 0, LARGE);
      assertEquals(kernelConnections().begun, begun + 5);
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
