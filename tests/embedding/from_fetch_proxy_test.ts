/**
 * Fetch handlers that answer with responses of another server; requests through a proxy and over a UNIX socket; and
 * mistakes of handlers.
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { type FetchUnixAddress, fromFetch } from "../../handlers/from_fetch.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { serve } from "../../server/serve.ts";
import { serving, servingFetch, wholeText } from "../support/in_process.ts";
import { exchange, get, head, Wire } from "../support/wire.ts";

/** The head and the body of a response that ends with its connection, with a character for each byte. */
async function answerTo(port: number, path: string): Promise<[head: string, body: string]> {
  const text = await wholeText(port, `GET ${path} HTTP/1.0\r\n\r\n`);
  const end = text.indexOf("\r\n\r\n");
  return [text.slice(0, end), text.slice(end + 4)];
}

Deno.test("a body that fetch has decoded is sent plain, and one that it has not is sent as it came", async () => {
  const text = "hello ".repeat(1000);
  const forms: Record<string, Uint8Array<ArrayBuffer>> = {
    gzip: new Uint8Array(gzipSync(text)),
    br: new Uint8Array(brotliCompressSync(text)),
    deflate: new Uint8Array(deflateSync(text)),
    "x-own": encodeUtf8(text),
  };
  const codingOf = (url: string) => new URL(url).pathname.slice(1);
  const upstream = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const coding = codingOf(request.url);
    const form = forms[coding]!;
    const headers = { "Content-Encoding": coding, "Content-Length": String(form.length), "X-Up": "1" };
    return new Response(request.method === "HEAD" ? null : form, { headers });
  });
  await using server = servingFetch((request) =>
    fetch(`http://127.0.0.1:${upstream.addr.port}/${codingOf(request.url)}`, { method: request.method })
  );
  for (const [coding, form] of Object.entries(forms)) {
    const isDecoded = coding === "gzip" || coding === "br";
    const [answer, body] = await answerTo(server.port, `/${coding}`);
    assertEquals(/^content-encoding: (.*)$/im.exec(answer)?.[1]?.trim(), isDecoded ? undefined : coding);
    assertEquals(body, isDecoded ? text : String.fromCharCode(...form));
    assertMatch(answer, /^x-up: 1\r?$/im);
    const { status, fields } = await exchange(server.port, head(`/${coding}`), true);
    assertEquals([status, fields["content-encoding"]], [200, isDecoded ? undefined : coding]);
  }
  // A body that the handler itself has compressed stays as it is.
  await using own = servingFetch(() => new Response(forms.gzip, { headers: { "Content-Encoding": "gzip" } }));
  assertEquals((await exchange(own.port, get("/"))).body, forms.gzip);
  assertEquals([server.errors, own.errors], [[], []]);
  await upstream.shutdown();
});

Deno.test("a wrong length of a body in memory is corrected, and onError is called", async () => {
  let length = "";
  await using server = servingFetch(() => new Response("hello", { headers: { "Content-Length": length } }));
  for (length of ["2", "999", "0"]) {
    const { text, fields } = await exchange(server.port, get("/"));
    assertEquals([text, fields["content-length"]], ["hello", "5"]);
  }
  assertEquals(server.errors.length, 3);
  assertMatch(server.errors[0]!, /announced 2 bytes, and has 5/);
  await using empty = servingFetch(() => new Response("", { headers: { "Content-Length": "7" } }));
  assertEquals((await exchange(empty.port, get("/"))).fields["content-length"], "0");
  assertEquals((await exchange(empty.port, head("/"), true)).fields["content-length"], "7");
});

Deno.test("an upgrade is answered 501, and an interim status of a handler is an error (500)", async () => {
  await using server = servingFetch((request) => {
    const { pathname } = new URL(request.url);
    return pathname === "/ws" ? Deno.upgradeWebSocket(request).response : new Response("ok");
  });
  const fields = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
  ];
  using wire = await Wire.connect(server.port);
  await wire.send(get("/ws", ...fields) + get("/"));
  assertEquals((await wire.expect()).status, 501);
  assertEquals((await wire.expect()).text, "ok");
  assertMatch(server.errors[0]!, /TypeError: .*WebSocket/);
  for (const status of [100, 101, 102, 103, 199]) {
    await using wrong = serving(() => new HttpResponse(status, [], null));
    assertEquals((await exchange(wrong.port, get("/"))).status, 500);
    assertMatch(wrong.errors[0]!, /is no status of a response: 200 to 599/);
  }
});

Deno.test("several Cookie lines become one, joined by semicolons", async () => {
  let seen: (string | null)[] = [];
  await using server = servingFetch((request) => {
    seen = [request.headers.get("cookie"), request.headers.get("x")];
    return new Response("ok");
  });
  await exchange(server.port, get("/", "Cookie: a=1; b=2", "X: 1", "cookie: c=3", "X: 2"));
  assertEquals(seen, ["a=1; b=2; c=3", "1, 2"]);
  await using own = serving((request) => HttpResponse.text(String(request.header("cookie"))));
  assertEquals((await exchange(own.port, get("/", "Cookie: a=1", "Cookie: b=2"))).text, "a=1; b=2");
});

Deno.test("behind a trusted proxy a request has the client's scheme, host and address; else its own", async () => {
  const plain = "http://test/p 127.0.0.1";
  const both = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"];
  const cases: [lines: string[], expected: string][] = [
    [[], plain],
    [[...both, "X-Forwarded-Host: example.org"], "https://example.org/p 192.0.2.1"],
    [["X-Forwarded-For: 192.0.2.1, 127.0.0.2", "X-Forwarded-Proto: https, http"], "https://test/p 192.0.2.1"],
    [
      ["X-Forwarded-For: 6.6.6.6, 192.0.2.1", "X-Forwarded-Host: evil.example, example.org"],
      "http://example.org/p 192.0.2.1",
    ],
    [["X-Forwarded-Proto: https"], "https://test/p 127.0.0.1"],
    [["X-Forwarded-Proto: javascript", "X-Forwarded-Host: a b"], plain],
    [["X-Forwarded-Host: user@evil.example"], plain],
    [
      ['Forwarded: for=192.0.2.1;proto=https;host="example.org:8443"'],
      "https://example.org:8443/p 192.0.2.1",
    ],
    [["Forwarded: for=192.0.2.1;proto=http", ...both], "http://test/p 192.0.2.1"],
  ];
  for (const trustProxy of [["loopback"], ["10.0.0.0/8"]]) {
    const isTrusted = trustProxy[0] === "loopback";
    await using server = servingFetch(
      (request, info) => new Response(`${request.url} ${info.remoteAddr.hostname}`),
      { trustProxy },
    );
    for (const [lines, expected] of cases) {
      const { text } = await exchange(server.port, get("/p", ...lines));
      assertEquals(text, isTrusted ? expected : plain, lines.join(" | "));
    }
  }
});

Deno.test("on a UNIX socket a client has a path, not an address", async () => {
  const folder = Deno.makeTempDirSync();
  const seen: unknown[] = [];
  const handler = fromFetch<FetchUnixAddress>((request, { remoteAddr }) => {
    seen.push(remoteAddr, request.url);
    return new Response("ok");
  });
  {
    await using _server = serve({ path: `${folder}/s.sock`, handler, onListen() {} });
    using wire = await Wire.connectUnix(`${folder}/s.sock`);
    await wire.send("GET /a HTTP/1.0\r\n\r\n");
    assertEquals((await wire.expect()).text, "ok");
  }
  assertEquals(seen, [{ transport: "unix", path: "" }, "http://localhost/a"]);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("an adapted handler may answer for an error that it throws", async () => {
  const handler = fromFetch(
    (request) => {
      if (request.url.endsWith("/twice")) throw new Error("first");
      throw new RangeError("out of range");
    },
    {
      onError: (error, request) => {
        if (request.url.endsWith("/twice")) throw new Error("second");
        return new Response(`${error}`, { status: 418 });
      },
    },
  );
  await using server = serving(handler);
  const { status, text } = await exchange(server.port, get("/"));
  assertEquals([status, text, server.errors.length], [418, "RangeError: out of range", 0]);
  assertEquals((await exchange(server.port, get("/twice"))).status, 500);
  assertMatch(server.errors[0]!, /second/);
});
