/**
 * The limits and timeouts of HTTP/1 hold for HTTP/2, each for its stream or connection; and where HTTP/2 is spoken.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Handler, HttpResponse } from "../../mod.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { FrameType, readUint31, readUint32 } from "../../server/protocols/http2/frames/frame.ts";
import { LogInFile, parseLine } from "../support/access_log.ts";
import { blockOf, frame, getFields, headers, Http2Wire, post } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { TestCertificates } from "../support/test_certificates.ts";
import { TlsClient } from "../support/tls_client.ts";
import { get, Wire } from "../support/wire.ts";

const { DATA, HEADERS, CONTINUATION, SETTINGS, GOAWAY, RST_STREAM } = FrameType;

const handler: Handler = (request) => {
  if (request.path === "/body") return request.text().then((text) => HttpResponse.text(`${text.length}`));
  if (request.path === "/later") return sleep(20).then(() => HttpResponse.text("later"));
  if (request.path === "/held") return sleep(1000).then(() => HttpResponse.text("held"));
  if (request.path === "/cookies") return HttpResponse.text(`${request.header("cookie")?.length}`);
  return HttpResponse.text(`hello ${request.path}`);
};
const ignoring: Handler = Object.assign((...args: Parameters<Handler>) => handler(...args), {
  ignoresBodies: true,
});

const textOf = (body: Uint8Array | undefined) => new TextDecoder().decode(body);
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

Deno.test("a handler speaks HTTP/2 unless it is told not to, by prior knowledge and by ALPN", async () => {
  using certificates = new TestCertificates();
  const tls = certificates.make({ names: ["localhost", "127.0.0.1"], isIssued: true });
  const authority = Deno.readTextFileSync(certificates.root);
  await withServer({ handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/a")));
    assertEquals(textOf((await wire.response(1))?.body), "hello /a");
    using old = await Wire.connect(port);
    await old.send(get("/b"));
    assertEquals((await old.read())?.text, "hello /b");
  });
  await withServer({ handler, tls }, async ({ port }) => {
    using wire = await Http2Wire.connectTls(port, authority);
    await wire.send(headers(1, getFields("/a")));
    assertEquals(textOf((await wire.response(1))?.body), "hello /a");
    for (
      const [alpn, chosen] of [[["http/1.1", "h2"], "h2"], [["http/1.1"], "http/1.1"], [[], ""]] as const
    ) {
      using client = await TlsClient.connect(port, { alpn });
      assertEquals(client.alpn, chosen);
    }
  });
  await withServer({ handler, http2: false }, async ({ port }) => {
    using wire = await Wire.connect(port);
    await wire.send(PREFACE);
    assertEquals((await wire.read())?.status, 505);
  });
  await withServer({ handler, http2: false, tls }, async ({ port }) => {
    using client = await TlsClient.connect(port, { alpn: ["h2", "http/1.1"] });
    assertEquals(client.alpn, "http/1.1");
  });
});

Deno.test("HTTP/1 with the version of HTTP/2 in its line stays 505, also for a head that HTTP/2 has made known", async () => {
  await withServer({ handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    for (let id = 1; id < 10; id += 2) {
      await wire.send(headers(id, getFields("/known")));
      assertEquals(textOf((await wire.response(id))?.body), "hello /known");
    }
    using old = await Wire.connect(port);
    await old.send("GET /known HTTP/2.0\r\nhost: localhost\r\n\r\n");
    assertEquals((await old.read())?.status, 505);
  });
});

Deno.test("HTTP/2: streamsMax is announced and kept, heads may be as long and have as many fields as for HTTP/1", async () => {
  const limits = { streamsMax: 3, headBytesMax: 300_000, fieldsMax: 20 };
  await withServer({ handler, ...limits }, async ({ port, server }) => {
    using wire = await Http2Wire.connect(port);
    const { payload } = await wire.expect(SETTINGS);
    const told = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) {
      told.set((payload[at]! << 8) | payload[at + 1]!, readUint32(payload, at + 2));
    }
    assertEquals([told.get(3), told.get(6)], [3, 300_000]);
    await wire.send(...[1, 3, 5, 7].map((id) => headers(id, getFields("/held"))));
    const { stream, payload: code } = await wire.expect(RST_STREAM);
    assertEquals([stream, readUint32(code, 0)], [7, ErrorCode.REFUSED_STREAM]);
    for (const id of [1, 3, 5]) assertEquals(textOf((await wire.response(id))?.body), "held");
    assertEquals(server.snapshot().http2?.refused, 1);
    const long = blockOf(getFields("/cookies", ["cookie", "x".repeat(250_000)]));
    const parts = Array.from(
      { length: Math.ceil(long.length / 16_384) },
      (_, i) => long.subarray(i * 16_384, (i + 1) * 16_384),
    );
    await wire.send(
      ...parts.map((part, i) =>
        frame(i === 0 ? HEADERS : CONTINUATION, (i === 0 ? 1 : 0) | (i === parts.length - 1 ? 4 : 0), 9, part)
      ),
    );
    assertEquals(textOf((await wire.response(9))?.body), "250000");
    const fields = (count: number) => Array.from({ length: count }, (_, i) => [`x-${i}`, "y"] as const);
    await wire.send(headers(11, getFields("/a", ...fields(19))), headers(13, getFields("/a", ...fields(20))));
    assertEquals((await wire.response(11))?.fields[":status"], "200");
    assertEquals((await wire.response(13))?.fields[":status"], "431");
  });
  await withServer({ handler, headBytesMax: 2048 }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/a", ["x", "y".repeat(2000)])));
    assertEquals((await wire.response(1))?.fields[":status"], "431");
    await wire.send(headers(3, getFields("/a", ["x", "y".repeat(1500)])));
    assertEquals((await wire.response(3))?.fields[":status"], "200");
  });
});

onAll(
  "HTTP/2: a body that stops or drips gets 408, whether the handler reads it or not; other streams go on",
  async (poller) => {
    for (const one of [handler, ignoring]) {
      const limits = { bodyTimeoutMs: 300, receiveRateMin: 100 };
      await withServer({ handler: one, ...limits }, async ({ port, server }) => {
        using wire = await Http2Wire.connect(port);
        await wire.send(post(1, "/body"), frame(DATA, 0, 1, encodeUtf8("begun")));
        await wire.send(post(3, "/body"));
        const dripping = (async () => {
          for (let i = 0; i < 40; i++) {
            await wire.send(frame(DATA, 0, 3, [0x78]));
            await sleep(25);
          }
        })();
        const statuses: Record<number, string | undefined> = {};
        while (Object.keys(statuses).length < 2) {
          const { stream, payload } = await wire.expect(HEADERS);
          statuses[stream] = wire.decode(payload)[":status"];
        }
        assertEquals(statuses, { 1: "408", 3: "408" });
        await dripping;
        await wire.send(headers(5, getFields("/after")));
        assertEquals(textOf((await wire.response(5))?.body), "hello /after");
        await wire.send(post(7, "/body"), frame(DATA, 0, 7, new Uint8Array(1000)));
        await sleep(200);
        await wire.send(frame(DATA, 1, 7, new Uint8Array(1000)));
        assertEquals((await wire.response(7))?.fields[":status"], "200");
        assertEquals(server.snapshot().responses, { 200: 2, 408: 2 });
      }, poller);
    }
  },
);

Deno.test("HTTP/2: requestRateMax answers 429 on the stream, and the connection goes on", async () => {
  await withServer({ handler, requestRateMax: { requests: 2, periodMs: 1000 } }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(...[1, 3, 5].map((id) => headers(id, getFields("/a"))));
    const statuses = [];
    for (const id of [1, 3]) statuses.push((await wire.response(id))?.fields[":status"]);
    const limited = await wire.response(5);
    statuses.push(limited?.fields[":status"]);
    assertEquals(statuses, ["200", "200", "429"]);
    assertMatch(limited!.fields["retry-after"]!, /^[12]$/);
    await sleep(1100);
    await wire.send(headers(7, getFields("/a")));
    assertEquals((await wire.response(7))?.fields[":status"], "200");
    assert(wire.frames.every(({ type }) => type !== GOAWAY));
  });
});

Deno.test("HTTP/2: a full server and an address with enough connections answer 503 and GOAWAY; over TLS they close", async () => {
  using certificates = new TestCertificates();
  const tls = certificates.make({ names: ["localhost", "127.0.0.1"], isIssued: true });
  for (const limit of [{ connectionsMax: 1 }, { connectionsPerAddressMax: 1 }]) {
    await withServer({ handler, ...limit }, async ({ port, server }) => {
      using first = await Http2Wire.connect(port);
      await first.send(headers(1, getFields("/later")));
      assertEquals(textOf((await first.response(1))?.body), "later");
      const connection = await Deno.connect({ port, hostname: "127.0.0.1" });
      const requests = [...headers(1, getFields("/a")), ...headers(3, getFields("/b"))];
      const begin = [...encodeUtf8(PREFACE), ...frame(SETTINGS, 0, 0), ...requests];
      using second = await Http2Wire.over(connection, new Uint8Array(0), Uint8Array.from(begin).subarray(0));
      for (const id of [1, 3]) {
        const { fields } = (await second.response(id))!;
        assertEquals([fields[":status"], fields["retry-after"]], ["503", "1"]);
      }
      const goAway = await second.expect(GOAWAY);
      assertEquals([readUint31(goAway.payload, 0), readUint32(goAway.payload, 4)], [3, 0]);
      assertEquals(await second.next(), null);
      await first.send(headers(3, getFields("/a")));
      assertEquals(textOf((await first.response(3))?.body), "hello /a");
      assertEquals(server.snapshot().refused, 1);
    });
    await withServer({ handler, tls, ...limit }, async ({ port }) => {
      using first = await TlsClient.connect(port, { alpn: ["h2"] });
      assertEquals(first.alpn, "h2");
      let failure = "";
      await TlsClient.connect(port, { alpn: ["h2"] }).catch((error) => failure = error.message);
      assert(failure !== "", "the second one gets no handshake");
    });
  }
});

Deno.test("HTTP/2 follows a PROXY header, with TLS and without; lines of the access log have its client and HTTP/2.0", async () => {
  using certificates = new TestCertificates();
  const tls = certificates.make({ names: ["localhost", "127.0.0.1"], isIssued: true });
  const header = encodeUtf8("PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n");
  for (const format of ["combined", "json"] as const) {
    using log = new LogInFile();
    const accessLog = { format, file: log.path };
    await withServer({ handler, proxyProtocol: true, accessLog }, async ({ port }) => {
      const connection = await Deno.connect({ port, hostname: "127.0.0.1" });
      using wire = await Http2Wire.over(connection, undefined, header);
      await wire.send(headers(1, getFields("/a", ["user-agent", "test"])), headers(3, getFields("/later")));
      assertEquals(textOf((await wire.response(1))?.body), "hello /a");
      assertEquals(textOf((await wire.response(3))?.body), "later");
      await wire.send(post(5, "/body"), frame(RST_STREAM, 0, 5, [0, 0, 0, 8]));
      await wire.send(headers(7, getFields("/end")));
      assertEquals(textOf((await wire.response(7))?.body), "hello /end");
    });
    const lines = await log.has(4);
    if (format === "combined") {
      assertEquals(
        lines.map(parseLine).map((
          { client, request, status, bytes, agent },
        ) => [client, request, status, bytes, agent]),
        [
          ["192.0.2.7", "GET /a HTTP/2.0", 200, 8, "test"],
          ["192.0.2.7", "GET /later HTTP/2.0", 200, 5, "-"],
          ["192.0.2.7", "POST /body HTTP/2.0", 499, 0, "-"],
          ["192.0.2.7", "GET /end HTTP/2.0", 200, 10, "-"],
        ],
      );
    } else {
      assertEquals(
        lines.map((line) => JSON.parse(line)).map((
          { client, method, target, protocol, status, host },
        ) => [client, method, target, protocol, status, host])[0],
        ["192.0.2.7", "GET", "/a", "HTTP/2.0", 200, "localhost"],
      );
    }
  }
  await withServer({ handler, tls, proxyProtocol: true }, async ({ port }) => {
    const plain = await Deno.connect({ port, hostname: "127.0.0.1" });
    await plain.write(header);
    const connection = await Deno.startTls(plain, {
      hostname: "localhost",
      caCerts: [Deno.readTextFileSync(certificates.root)],
      alpnProtocols: ["h2"],
    });
    using wire = await Http2Wire.over(connection);
    await wire.send(headers(1, getFields("/a")));
    assertEquals(textOf((await wire.response(1))?.body), "hello /a");
  });
});

Deno.test("HTTP/2: bytes that were sent count once, and resets and ends by their codes", async () => {
  await withServer({ handler }, async ({ port, server }) => {
    const before = server.snapshot().sentBytes;
    using wire = await Http2Wire.connect(port);
    for (let id = 1; id <= 21; id += 2) {
      await wire.send(headers(id, getFields(`/${"x".repeat(1000)}`)));
      await wire.response(id);
    }
    const received = wire.frames.reduce((sum, { payload }) => sum + 9 + payload.length, 0);
    const sent = server.snapshot().sentBytes - before;
    assertEquals(sent, received);
    await wire.send(post(23, "/body"), frame(FrameType.WINDOW_UPDATE, 0, 23, [0, 0, 0, 0]));
    await wire.expect(RST_STREAM);
    await wire.send(frame(FrameType.PUSH_PROMISE, 4, 1, [0, 0, 0, 2]));
    assertEquals(await wire.goAwayCode(), ErrorCode.PROTOCOL_ERROR);
    const { http2 } = server.snapshot();
    assertEquals([http2?.resetByServer, http2?.goAways["protocol-error"], http2?.goAways["no-error"]], [
      1,
      1,
      0,
    ]);
  });
});
