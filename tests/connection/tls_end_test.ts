/**
 * Ends of clients that arrive together with bytes of TLS that hold no data.
 * @module
 */
import { assertEquals } from "@std/assert";
import { requestCoroutine } from "../../mod.ts";
import { concat } from "../../server/http/bytes.ts";
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
const SOON_MS = 6000;
/** A KeyUpdate of TLS 1.3 in a record of its own: header 5, message 5, type 1, tag 16. */
const KEY_UPDATE_BYTES = 27;

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

/** Returns the first message of a client. */
function clientHello(): Bytes {
  using peer = new TlsPeer();
  peer.advance();
  return peer.take();
}

/** A client whose bytes the test moves; `using` ends it. */
class Line {
  readonly client: RawClient;
  readonly peer: TlsPeer;

  constructor(client: RawClient, version: number) {
    this.client = client;
    this.peer = new TlsPeer({ version });
  }

  /** Moves bytes until `isEnough`. */
  async #move(isEnough: () => boolean): Promise<void> {
    const buffer = new Uint8Array(65536);
    await eventually(() => {
      this.peer.advance();
      const bytes = this.peer.take();
      if (bytes.length > 0) this.client.trySend(bytes);
      const count = this.client.tryReceive(buffer);
      if (count > 0) this.peer.receive(buffer.slice(0, count));
      return isEnough();
    }, "the server does not answer");
  }

  /** Sends `text`, and moves bytes until the answer ends with `end`. */
  async ask(text: string, end: string): Promise<void> {
    await this.#move(() => this.peer.isOpen);
    this.peer.write(text);
    let answer = "";
    await this.#move(() => (answer += new TextDecoder().decode(this.peer.read())).endsWith(end));
  }

  [Symbol.dispose](): void {
    this.peer[Symbol.dispose]();
    this.client[Symbol.dispose]();
  }
}

onAll("a client that ends within a message of its handshake is closed at once", async (poller) => {
  const hello = clientHello();
  await withServer({ handler, tls }, async ({ port, errors }) => {
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

onAll("a client that ends within its handshake, behind a PROXY header, is closed at once", async (poller) => {
  const hello = clientHello();
  const header = Uint8Array.from(new TextEncoder().encode("PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n"));
  await withServer({ handler, tls, proxyProtocol: true }, async ({ port, errors }) => {
    for (const before of [0, 10, header.length]) {
      for (const length of [0, 3, 100]) {
        using client = await RawClient.connect(port);
        if (before > 0) await client.send(header.slice(0, before));
        await sleep(5);
        sendWithEnd(client, concat([header.slice(before), hello.slice(0, length)]));
        assertEquals(await endOf(client), 0, `${before} bytes before, ${length} of the handshake`);
      }
    }
    assertEquals(errors, []);
  }, poller);
});

const echo = (peer: { write(bytes: Uint8Array): boolean; end(): void }) => ({
  received: (bytes: Uint8Array) => void peer.write(bytes),
  ended: () => peer.end(),
});
const SERVED = {
  "HTTP": { handler },
  "a coroutine": { coroutine: requestCoroutine(handler) },
  "a byte protocol": { protocol: echo },
} as const;

for (const [kind, served] of Object.entries(SERVED)) {
  const name = `${kind}: a waiting client that ends within a record, or after new keys, is closed at once`;
  onAll(name, async (poller) => {
    await withServer({ ...served, tls }, async ({ port, errors }) => {
      for (const [version, isNewKeys] of [[0x0303, false], [0x0304, false], [0x0304, true]] as const) {
        using line = new Line(await RawClient.connect(port), version);
        await line.ask(get("/a"), kind === "a byte protocol" ? "\r\n\r\n" : "hello /a");
        await sleep(5); // it is idle now
        if (isNewKeys) line.peer.updateKeys();
        line.peer.write(get("/b"));
        sendWithEnd(line.client, line.peer.take().slice(0, isNewKeys ? KEY_UPDATE_BYTES : 40));
        assertEquals(await endOf(line.client), 0, `${version}, new keys: ${isNewKeys}`);
      }
      assertEquals(errors, []);
    }, poller);
  });
}

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
