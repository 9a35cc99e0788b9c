/**
 * Ends of clients that arrive together with bytes of TLS that hold no data.
 * @module
 */
import { assertEquals } from "@std/assert";
import { RawClient } from "../support/raw_client.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { TlsClient } from "../support/tls_client.ts";
import { TlsPeer } from "../support/tls_peer.ts";
import { handler, local as tls } from "../support/tls_serving.ts";
import { awaited, eventually } from "../support/waiting.ts";
import { get } from "../support/wire.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The most time that a connection has to end, which is far less than its deadlines. */
const SOON_MS = 4000;

/** Resolves with the end of `client`, or with "still open". */
async function endOf(client: RawClient): Promise<number | "still open"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"still open">((resolve) =>
    timer = setTimeout(() => resolve("still open"), SOON_MS)
  );
  const end = await awaited(Promise.race([client.end().catch(() => "still open" as const), late]), "the end");
  clearTimeout(timer);
  return end;
}

/** Sends `bytes` and the end at once. The server, on this thread, sees both together. */
function sendWithEnd(client: RawClient, bytes: Bytes): void {
  assertEquals(client.trySend(bytes), bytes.length);
  client.endInput();
}

onAll("a client that ends within a message of its handshake is closed at once", async (poller) => {
  await withServer({ handler, tls }, async ({ port, errors }) => {
    using peer = new TlsPeer();
    peer.advance();
    const hello = peer.take();
    for (const length of [2, 5, 6, 100, hello.length]) {
      using client = await RawClient.connect(port);
      await client.send(hello.slice(0, 1));
      await sleep(5); // it is accepted with its first byte, and watched then
      sendWithEnd(client, hello.slice(1, length));
      assertEquals(await endOf(client), 0, `${length} bytes`);
    }
    assertEquals(errors, []);
  }, poller);
});

onAll(
  "an idle client that ends within a record, or after one without data, is closed at once",
  async (poller) => {
    await withServer({ handler, tls }, async ({ server, port, errors }) => {
      for (const version of [0x0303, 0x0304]) {
        for (const kind of ["within a record", "new keys"] as const) {
          if (kind === "new keys" && version === 0x0303) continue;
          using client = await RawClient.connect(port);
          using peer = new TlsPeer({ version });
          const buffer = new Uint8Array(65536);
          const move = async (isEnough: () => boolean) => {
            await eventually(() => {
              peer.advance();
              const bytes = peer.take();
              if (bytes.length > 0) client.trySend(bytes);
              const count = client.tryReceive(buffer);
              if (count > 0) peer.receive(buffer.slice(0, count));
              return isEnough();
            }, "the server does not answer");
          };
          await move(() => peer.isOpen);
          peer.write(get("/a"));
          let text = "";
          await move(() => (text += new TextDecoder().decode(peer.read())).endsWith("hello /a"));
          await eventually(() => server.snapshot().states["idle"] === 1, "it is idle");
          if (kind === "new keys") peer.updateKeys();
          peer.write(get("/b"));
          const record = peer.take();
          // A KeyUpdate is a record of its own: header 5, message 5, type 1, tag 16.
          sendWithEnd(client, kind === "new keys" ? record.slice(0, 27) : record.slice(0, 40));
          assertEquals(await endOf(client), 0, `${kind}, ${version}`);
        }
      }
      assertEquals(errors, []);
    }, poller);
  },
);

onAll("a client's end behind its request ends the connection once the response is sent", async (poller) => {
  await withServer({ handler, tls }, async ({ port, errors }) => {
    for (const version of [0x0303, 0x0304]) {
      using client = await TlsClient.connect(port, { version });
      await sleep(5);
      client.trySend(Uint8Array.from(new TextEncoder().encode(get("/a"))));
      client.client.endInput();
      const { bytes, status } = await client.receive();
      assertEquals(new TextDecoder().decode(bytes).endsWith("hello /a"), true);
      assertEquals(status, 0);
    }
    assertEquals(errors, []);
  }, poller);
});
