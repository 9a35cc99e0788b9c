/**
 * HTTPS over real sockets, with a client whose calls are the test's own.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { requestCoroutine } from "../../mod.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { bodyOf, CLOSE, handler, LARGE, local as tls } from "../support/tls_serving.ts";
import { TlsClient } from "../support/tls_client.ts";
import { get } from "../support/wire.ts";

const SERVED = {
  "a handler": { handler },
  "a coroutine": { coroutine: requestCoroutine(handler) },
} as const;

for (const [kind, served] of Object.entries(SERVED)) {
  onAll(`HTTPS: requests of all kinds are answered by ${kind}, with both versions of TLS`, async (poller) => {
    await withServer({ ...served, tls }, async ({ port, errors }) => {
      for (const version of [0x0303, 0x0304]) {
        using client = await TlsClient.connect(port, { version });
        assertEquals(client.version, version);
        await client.send(get("/a"));
        assertEquals(bodyOf(await client.receiveText("hello /a")), "hello /a");
        await client.send(get("/b") + get("/c") + get("/later"));
        const three = await client.receiveText("later");
        assertEquals([...three.matchAll(/HTTP\/1.1 200 OK/g)].length, 3, three);
        await client.send(get("/large"));
        assertEquals(bodyOf(await client.receiveText("The end.")) === LARGE, true);
        const sent = LARGE.slice(-300_000);
        await client.send(`POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`);
        assertEquals(bodyOf(await client.receiveText("The end.")) === sent, true);
        await sleep(20);
        await client.send(get("/stream", CLOSE));
        const { bytes, status } = await client.receive();
        assertEquals(status, 0);
        assertMatch(new TextDecoder().decode(bytes), /piece 19;\r\n0\r\n\r\n$/);
      }
      assertEquals(errors, []);
    }, poller);
  });
}

onAll(
  "an echo server over TLS sends back what comes, also while it is blocked, and ends by close_notify",
  async (poller) => {
    const protocol = (peer: { write(bytes: Uint8Array): boolean; end(): void }) => ({
      received: (bytes: Uint8Array) => void peer.write(bytes),
      ended: () => peer.end(),
    });
    await withServer({ protocol, tls }, async ({ port, errors }) => {
      using client = await TlsClient.connect(port, { alpn: ["whatever"] });
      assertEquals(client.alpn, "", "a protocol without a name is not negotiated");
      const bytes = encodeUtf8(LARGE.slice(-600_000));
      const [{ bytes: received }] = await Promise.all([
        client.receive((last) => new TextDecoder().decode(last).endsWith("The end.")),
        client.send(bytes),
      ]);
      assertEquals(received.length, bytes.length);
      client.sayEnd();
      assertEquals((await client.receive()).status, 0);
      assertEquals(errors, []);
    }, poller);
  },
);

onAll(
  "a client that ends its half by close_notify, or that and FIN, or FIN alone, gets its whole response",
  async (poller) => {
    await withServer({ handler, tls }, async ({ port }) => {
      for (const end of ["close_notify", "both", "FIN"]) {
        for (const version of [0x0303, 0x0304]) {
          using client = await TlsClient.connect(port, { version });
          await client.send(get("/large"));
          if (end !== "FIN") client.sayEnd();
          if (end !== "close_notify") client.client.endInput();
          // After close_notify of its own, OpenSSL 3 gives what still comes only if that was not waited for.
          const { bytes, status } = await client.receive();
          assertEquals(bodyOf(new TextDecoder().decode(bytes)) === LARGE, true, `${end}, ${version}`);
          assertEquals(status, 0);
        }
      }
    }, poller);
  },
);

onAll("a client's KeyUpdate in the middle of a download is followed", async (poller) => {
  await withServer({ handler, tls }, async ({ port, errors }) => {
    using client = await TlsClient.connect(port, { version: 0x0304 });
    for (let round = 0; round < 3; round++) {
      await client.send(get("/large"));
      const first = await client.receive(() => true);
      for (let i = 0; i < 5; i++) {
        client.updateKeys();
        await client.send(get(`/${i}`));
      }
      const rest = await client.receive((last) => new TextDecoder().decode(last).endsWith("hello /4"));
      const text = new TextDecoder().decode(first.bytes) + new TextDecoder().decode(rest.bytes);
      assert(text.includes(LARGE), "nothing is lost");
    }
    assertEquals(errors, []);
  }, poller);
});
