/**
 * Handshakes of TLS: whole, in pieces, damaged; certificates, sessions, protocols.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type PollerName } from "../../mod.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { newTicketSecret } from "../../server/transport/ticket_keys.ts";
import { RawClient } from "../support/raw_client.ts";
import { onAll, type Running, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import {
  bodyOf,
  fetchOnce,
  handler,
  local as tls,
  localRsa as rsa,
  refused,
} from "../support/tls_serving.ts";
import { TlsClient } from "../support/tls_client.ts";
import { eventually } from "../support/waiting.ts";
import { get } from "../support/wire.ts";

const made = new TestCertificates();
const other = made.make({ names: ["*.example.org", "example.org"] });
const exact = made.make({ names: ["www.example.org"] });
made[Symbol.dispose]();

/** Returns the first flight of a client, and what it needs to go on. */
async function clientHello(): Promise<Uint8Array<ArrayBuffer>> {
  const { port, finished, close } = await sink();
  using client = TlsClient.on(await RawClient.connect(port));
  client.handshake();
  client.client.endInput();
  const hello = await finished;
  close();
  return hello;
}

/** A socket that keeps what one client sends. */
function sink() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const finished = (async () => {
    using connection = await listener.accept();
    return new Uint8Array(await new Response(connection.readable).arrayBuffer());
  })();
  return { port: (listener.addr as Deno.NetAddr).port, finished, close: () => listener.close() };
}

onAll(
  "a handshake may come byte by byte, and stop at any byte, without effect on other clients",
  async (poller) => {
    const hello = await clientHello();
    await withServer({ handler, tls }, async ({ server, port, errors }) => {
      const clients: RawClient[] = [];
      for (let length = 0; length < hello.length; length += 7) {
        const client = await RawClient.connect(port);
        clients.push(client);
        await client.send(hello.slice(0, length));
      }
      assertEquals(await fetchOnce(port, "/a"), "hello /a");
      for (const [i, client] of clients.entries()) {
        if (i % 3 === 0) client.reset();
        else client[Symbol.dispose]();
      }
      const slow = await RawClient.connect(port);
      for (const byte of hello) await slow.send(Uint8Array.of(byte));
      const answer = new Uint8Array(5);
      await slow.receive(answer);
      assertEquals(answer[0], 22, "a handshake record");
      slow[Symbol.dispose]();
      await eventually(
        () => Object.values(server.snapshot().states).every((count) => count === 0),
        "all are gone",
      );
      assertEquals(errors, []);
    }, poller);
  },
);

Deno.test("a damaged handshake gets an alert, and then the end", async () => {
  const hello = await clientHello();
  await withServer({ handler, tls }, async ({ port, errors }) => {
    for (const at of [1, 9, 11, 43, 44, 80, 120]) {
      const damaged = hello.slice();
      damaged[at]! ^= 0xff;
      using client = await RawClient.connect(port);
      await client.send(damaged);
      client.endInput();
      const answer = new Uint8Array(4096);
      const count = await client.receive(answer);
      assert(count === 0 || answer[0] === 21 || answer[0] === 22, `byte ${at}: ${answer.subarray(0, count)}`);
    }
    assertEquals(await fetchOnce(port, "/a"), "hello /a");
    assertEquals(errors, []);
  });
});

Deno.test("a handshake has its own deadline", async () => {
  await withServer({ handler, tls, handshakeTimeoutMs: 100 }, async ({ port }) => {
    using silent = await RawClient.connect(port);
    assertEquals(await silent.end(), 0);
    assertEquals(await fetchOnce(port, "/a"), "hello /a");
  });
});

Deno.test("old versions and suites are refused with an alert; a second handshake in TLS 1.2 is, too", async () => {
  await withServer({ handler, tls }, async ({ port }) => {
    for (const ciphers of ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA"]) {
      await refused(port, { version: 0x0303, ciphers }, "handshake failure");
    }
    using client = await TlsClient.connect(port, { version: 0x0303 });
    client.renegotiate();
    await client.untilReady(() => client.tryReceive(new Uint8Array(100))).then((status) =>
      assert(status < 0)
    );
  });
  await withServer({ handler, tls, tlsProfile: "modern" }, async ({ port }) => {
    await refused(port, { version: 0x0303 }, "version of TLS");
    assertEquals(await fetchOnce(port, "/a", 0x0304), "hello /a");
  });
});

Deno.test("the server's order of suites counts, but ChaCha20 comes first for clients that put it first", async () => {
  const [aes128, aes256, chacha] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
  ];
  await withServer({ handler, tls }, async ({ port }) => {
    for (
      const [offer, chosen] of [[[aes256, aes128, chacha], aes128], [[chacha, aes128, aes256], chacha], [[
        aes256,
        chacha,
      ], aes256]] as const
    ) {
      using client = await TlsClient.connect(port, { version: 0x0304, ciphers: offer.join(":") });
      assertEquals(client.cipher, chosen);
    }
  });
});

Deno.test("ALPN: http/1.1 is chosen; without a common protocol the handshake ends with an alert", async () => {
  await withServer({ handler, tls }, async ({ port }) => {
    using client = await TlsClient.connect(port, { alpn: ["spdy/3", "http/1.1"] });
    assertEquals(client.alpn, "http/1.1");
    await refused(port, { alpn: ["imap"] }, "no application protocol");
  });
});

/** Returns the subject of the certificate that a client gets. */
async function subjectFor(port: number, serverName?: string, ciphers?: string): Promise<string> {
  const args = [
    "s_client",
    "-connect",
    `127.0.0.1:${port}`,
    ...(serverName === undefined ? ["-noservername"] : [
      "-servername",
      serverName,
    ]),
  ];
  if (ciphers !== undefined) args.push("-tls1_2", "-cipher", ciphers);
  const { stdout } = await new Deno.Command("openssl", { args, stdin: "null", stderr: "null" }).output();
  const text = new TextDecoder().decode(stdout);
  const type = /Peer signature type: (\S+)/.exec(text)?.[1]; // in OpenSSL 3.5 by the name in the protocol
  return `${/subject=CN ?= ?(\S+)/.exec(text)?.[1]} ${
    type?.replace(/^ecdsa_.*/, "ECDSA").replace(/^rsa_pss_.*/, "RSA-PSS")
  }`;
}

Deno.test("the certificate is chosen by name: exact before wildcard, the first by default, and by type of key", async () => {
  await withServer({ handler, tls: [tls, rsa, other, exact] }, async ({ port }) => {
    assertEquals(await subjectFor(port), "localhost ECDSA");
    assertEquals(await subjectFor(port, "unknown.test"), "localhost ECDSA");
    assertEquals(await subjectFor(port, "localhost", "ECDHE-RSA-AES128-GCM-SHA256"), "localhost RSA-PSS");
    assertEquals(await subjectFor(port, "WWW.example.org"), "www.example.org ECDSA");
    assertEquals(await subjectFor(port, "a.example.org"), "*.example.org ECDSA");
    assertEquals(await subjectFor(port, "example.org"), "*.example.org ECDSA");
    assertEquals(await subjectFor(port, "a.b.example.org"), "localhost ECDSA");
  });
});

/** Makes a connection, receives its tickets, and returns its session. */
async function sessionOf({ port }: Pick<Running, "port">, version: number, serverName: string) {
  using client = await TlsClient.connect(port, { version, serverName });
  await client.send(get("/a"));
  await client.receiveText("hello /a");
  client.sayEnd(); // OpenSSL does not resume a session that was cut off
  return { session: client.session, isResumed: client.isResumed };
}

async function resumes(
  port: number,
  version: number,
  serverName: string,
  session: Deno.PointerObject,
): Promise<boolean> {
  using client = await TlsClient.connect(port, { version, serverName, session });
  await client.send(get("/a"));
  await client.receiveText("hello /a");
  return client.isResumed;
}

Deno.test("a session is resumed by every server with the same secret, and by no other, and not for other names", async () => {
  const tlsTicketSecret = newTicketSecret();
  const served = { handler, tls: [tls, other], tlsTicketSecret };
  await withServer(served, async (one) => {
    await withServer(served, async (two) => {
      await withServer({ ...served, tlsTicketSecret: newTicketSecret() }, async (stranger) => {
        for (const version of [0x0303, 0x0304]) {
          const { session, isResumed } = await sessionOf(one, version, "localhost");
          assertEquals(isResumed, false);
          assertEquals(await resumes(one.port, version, "localhost", session), true, `${version}`);
          assertEquals(
            await resumes(
              two.port,
              version,
              "localhost",
              (await sessionOf(one, version, "localhost")).session,
            ),
            true,
          );
          const third = await sessionOf(one, version, "localhost");
          assertEquals(await resumes(stranger.port, version, "localhost", third.session), false);
          const fourth = await sessionOf(one, version, "localhost");
          assertEquals(
            await resumes(one.port, version, "a.example.org", fourth.session),
            false,
            "RFC 6066 §3",
          );
        }
      });
    });
  });
});

Deno.test("HTTP without TLS gets 400, or a redirect if it asks for a host with a certificate", async () => {
  await withServer({ handler, tls }, async ({ port, errors }) => {
    const answer = async (text: string) => {
      using client = await RawClient.connect(port);
      await client.send(text);
      const buffer = new Uint8Array(4096);
      return new TextDecoder().decode(buffer.subarray(0, await client.receive(buffer)));
    };
    const redirect = await answer(`GET /a%20b?c=d HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
    assertMatch(redirect, /^HTTP\/1.1 308 /);
    assertMatch(redirect, new RegExp(`^Location: https://localhost:${port}/a%20b\\?c=d\r$`, "m"));
    assertMatch(redirect, /^Connection: close\r$/m);
    const usual = await answer("GET /a HTTP/1.1\r\nHost: localhost:443\r\n\r\n");
    assertMatch(usual, /^Location: https:\/\/localhost\/a\r$/m);
    assertMatch(await answer("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"), /^HTTP\/1.1 301 /);
    for (const host of ["evil.test", "localhost@evil.test", ""]) {
      const refused = await answer(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assertMatch(refused, /^HTTP\/1.1 400 /);
      assert(!refused.includes("Location"), refused);
    }
    assertEquals(errors, []);
  });
});

Deno.test("certificates are replaced while clients come and go: none of them notices", async () => {
  using files = new TestCertificates();
  const cert = files.write(tls.cert, "cert.pem");
  const key = files.write(tls.key, "key.pem");
  await withServer({ handler, tls: { cert, key } }, async ({ server, port, errors }) => {
    let isOver = false;
    let fetched = 0;
    const loop = async () => {
      while (!isOver) {
        assertEquals(await fetchOnce(port, "/a"), "hello /a");
        fetched++;
      }
    };
    const clients = Promise.all(Array.from({ length: 20 }, loop));
    using before = await TlsClient.connect(port);
    for (let round = 0; round < 20; round++) {
      const next = round % 2 === 0 ? rsa : tls;
      Deno.writeTextFileSync(cert, next.cert);
      Deno.writeTextFileSync(key, next.key);
      server.updateCertificates();
      await sleep(10);
    }
    isOver = true;
    await clients;
    assert(fetched > 20, `${fetched}`);
    await before.send(get("/b"));
    assertEquals(bodyOf(await before.receiveText("hello /b")), "hello /b");
    assertEquals(errors, []);
  });
});

const POLLER: PollerName = "epoll-edge";
Deno.test("a client that takes nothing while it asks for new keys is bounded, and others are served", async () => {
  await withServer({ handler, tls }, async ({ port, errors }) => {
    using client = await TlsClient.connect(port, { version: 0x0304 });
    for (let i = 0; i < 3000; i++) {
      client.updateKeys();
      if (client.trySend(encodeUtf8(`GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`)) < 0) break;
    }
    assertEquals(await fetchOnce(port, "/a"), "hello /a");
    assertEquals(errors, []);
  }, POLLER);
});
