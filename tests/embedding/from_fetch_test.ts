/**
 * Fetch handlers over real sockets: what a handler gets of a request, and how its response is sent.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { HttpResponse } from "../../server/http/response.ts";
import { eventually } from "../support/descriptors.ts";
import { Source } from "../support/exchanges.ts";
import { serving, servingFetch, wholeText } from "../support/in_process.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, Wire } from "../support/wire.ts";

/** The response to a plain request, up to the end of the connection. */
function whole(port: number, method = "GET", path = "/"): Promise<string> {
  return wholeText(port, `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
}

Deno.test("a request's method, URL, fields and address are as they were sent", async () => {
  let seen: unknown = null;
  await using server = servingFetch((request, info) => {
    const { method, url, headers } = request;
    seen = [
      method,
      url,
      headers.get("x"),
      headers.get("cookie"),
      info.remoteAddr.transport,
      info.remoteAddr.hostname,
    ];
    return new Response("ok");
  });
  const { port } = server;
  const cases: readonly (readonly [
    request: string | Uint8Array,
    method: string,
    url: string | ((port: number) => string),
  ])[] = [
    [get("/a/b?c=d&e"), "GET", "http://test/a/b?c=d&e"],
    [get("/%E4%B8%AD"), "GET", "http://test/%E4%B8%AD"],
    [get("//elsewhere/x"), "GET", "http://test//elsewhere/x"],
    [get("http://other:81/y?z"), "GET", "http://other:81/y?z"],
    [get("http://other?z"), "GET", "http://other/?z"],
    ["GET /old HTTP/1.0\r\n\r\n", "GET", (port) => `http://localhost:${port}/old`],
    ["GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET", "http://[::1]:8080/"],
    ["GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", (port) => `http://localhost:${port}/`],
    ["OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", "OPTIONS", "http://test/*"],
    ["PATCH /p HTTP/1.1\r\nHost: test\r\n\r\n", "PATCH", "http://test/p"],
    ["DELETE /p HTTP/1.1\r\nHost: test\r\n\r\n", "DELETE", "http://test/p"],
    [
      Uint8Array.from(get("/\xe9?\xff"), (character) => character.charCodeAt(0)),
      "GET",
      "http://test/%E9?%FF",
    ],
  ];
  for (const [request, method, url] of cases) {
    seen = null;
    using wire = await Wire.connect(port);
    await wire.send(request);
    assertEquals((await wire.expect()).text, "ok", String(request));
    assertEquals(seen, [method, typeof url === "string" ? url : url(port), null, null, "tcp", "127.0.0.1"]);
  }
  await exchange(port, get("/", "X: one", "x: two", "Cookie: a=b"));
  assertEquals((seen as unknown[]).slice(2, 4), ["one, two", "a=b"]);
  assertEquals(server.errors, []);
});

Deno.test("a Host that makes no valid URL is 400; CONNECT and TRACE are 501", async () => {
  await using server = servingFetch(() => new Response("ok"));
  for (
    const [request, status] of [
      ["GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: %zz\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: a%00b\r\n\r\n", 400],
      ["TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 501],
      ["CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 501],
    ] as const
  ) assertEquals((await exchange(server.port, request)).status, status, request);
  assertEquals(server.errors, []);
});

/** Hop-by-hop fields, and fields of the message framing. */
const NOT_ITS_OWN = ["Transfer-Encoding", "Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection"];

Deno.test("response fields: a line for each, bytes unchanged, the server's own dropped", async () => {
  await using server = servingFetch(() => {
    const response = new Response("ok", {
      status: 201,
      headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2; HttpOnly"], ["X-Latin", "caf\xe9"], [
        "X-Empty",
        "",
      ]],
    });
    for (const name of NOT_ITS_OWN) response.headers.set(name, "mine");
    response.headers.set("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
    return response;
  });
  const text = await whole(server.port);
  assertEquals(text.match(/^date: .*$/gim), ["date: Sun, 06 Nov 1994 08:49:37 GMT"]);
  assertMatch(text, /\r\nset-cookie: a=1\r\nset-cookie: b=2; HttpOnly\r\n/);
  assert(text.includes("\r\nx-latin: caf\xe9\r\n"), "one byte for é");
  assert(!text.includes("mine"));
  assertMatch(text, /\r\nx-empty: \r\n/);
  assertMatch(text, /\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok$/);
  await using own = serving(() => new HttpResponse(200, [["X-Utf8", "caf\xe9 ☃"]], null));
  const bytes = new TextDecoder().decode(
    Uint8Array.from(await whole(own.port), (character) => character.charCodeAt(0)),
  );
  assert(bytes.includes("\r\nX-Utf8: café ☃\r\n"), "an HttpResponse's own fields are UTF-8");
});

Deno.test("a handler's Connection: close ends the connection", async () => {
  await using server = servingFetch(() => new Response("ok", { headers: { Connection: "close" } }));
  using wire = await Wire.connect(server.port);
  await wire.send(get("/"));
  assertEquals((await wire.expect()).fields.connection, "close");
  assert(await wire.isClosed());
});

Deno.test("a body in memory is sent at once with its length, any other in chunks", async () => {
  const encoder = new TextEncoder();
  const pauses: Promise<void>[] = []; // the stream that HEAD cancels also ends before the test does
  const bodies: Readonly<Record<string, () => Response>> = {
    text: () => new Response("text"),
    bytes: () => new Response(encoder.encode("bytes")),
    blob: () => new Response(new Blob(["bl", "ob"])),
    form: () => new Response(new URLSearchParams({ a: "b" })),
    json: () => Response.json({ a: 1 }),
    empty: () => new Response(""),
    nothing: () => new Response(null),
    ended: () => new Response(new ReadableStream({ start: (controller) => controller.close() })),
    stream: () => new Response(ReadableStream.from([encoder.encode("a"), encoder.encode("bc")])),
    later: () =>
      new Response(
        new ReadableStream({
          pull: async (controller) => {
            pauses.push(sleep(5));
            await pauses.at(-1);
            controller.enqueue(encoder.encode("later"));
            controller.close();
          },
        }),
      ),
    announced: () =>
      new Response(ReadableStream.from([encoder.encode("ab")]), { headers: { "Content-Length": "2" } }),
  };
  await using server = servingFetch((request) => bodies[new URL(request.url).pathname.slice(1)]!());
  const expected: Readonly<Record<string, string>> = {
    text: "text",
    bytes: "bytes",
    form: "a=b",
    json: '{"a":1}',
    empty: "",
    nothing: "",
    ended: "",
    announced: "ab",
  };
  for (const [name, text] of Object.entries(expected)) {
    const response = await exchange(server.port, get(`/${name}`));
    assertEquals([response.text, response.fields["content-length"]], [text, String(text.length)], name);
    if (name === "nothing") continue; // a framework may have dropped the body
    const head = await exchange(server.port, get(`/${name}`).replace("GET", "HEAD"), true);
    assertEquals(head.fields["content-length"], String(text.length), `HEAD ${name}`);
  }
  for (const [name, text] of [["stream", "abc"], ["later", "later"], ["blob", "blob"]]) {
    assertEquals(await (await fetch(`${server.url}/${name}`)).text(), text);
    const response = await whole(server.port, "HEAD", `/${name}`);
    assert(response.endsWith("\r\n\r\n"), name);
  }
  await Promise.all(pauses);
  assertEquals(server.errors, []);
});

Deno.test("HEAD: a stream is cancelled, and a body that a framework dropped is not announced as empty", async () => {
  const source = new Source(["a"], false);
  await using server = servingFetch((request) => {
    switch (new URL(request.url).pathname) {
      case "/stream":
        return new Response(source.stream);
      case "/length":
        return new Response(null, { headers: { "Content-Length": "1234" } });
      case "/304":
        return new Response(null, { status: 304, headers: { ETag: '"x"' } });
      default:
        return new Response(null);
    }
  });
  const head = async (path: string) =>
    (await exchange(server.port, get(path).replace("GET", "HEAD"), true)).fields;
  assertEquals((await head("/stream"))["transfer-encoding"], "chunked");
  await eventually(() => source.cancels.length === 1, "the stream goes on");
  assertEquals((await head("/length"))["content-length"], "1234");
  assertEquals((await head("/"))["content-length"], undefined);
  for (const name of ["content-length", "transfer-encoding"]) {
    assertEquals((await head("/304"))[name], undefined);
  }
  assertEquals(server.errors, []);
});

Deno.test("statuses without a body have none", async () => {
  await using server = servingFetch((request) => {
    return new Response(null, { status: Number(new URL(request.url).pathname.slice(1)) });
  });
  for (const status of [204, 205, 304]) {
    const text = await whole(server.port, "GET", `/${status}`);
    assertMatch(text, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert(text.endsWith("\r\n\r\n"));
    assertEquals(/content-length: (\d+)/i.exec(text)?.[1], status === 205 ? "0" : undefined);
  }
});

Deno.test(
  "a result that is not a valid Response is 500 and logged: thrown, rejected, undefined, error, read already",
  async () => {
    const wrong: readonly (() => unknown)[] = [
      () => {
        throw new Error("thrown");
      },
      () => Promise.reject(new Error("rejected")),
      () => undefined,
      () => "text",
      () => HttpResponse.text("of the other kind"),
      () => Response.error(),
      async () => {
        const response = new Response("read already");
        await response.text();
        return response;
      },
      () => {
        const response = new Response("being read");
        response.body!.getReader();
        return response;
      },
    ];
    await using server = servingFetch((request) =>
      wrong[Number(new URL(request.url).pathname.slice(1))]!() as Response
    );
    for (let i = 0; i < wrong.length; i++) {
      assertEquals((await exchange(server.port, get(`/${i}`))).status, 500, String(wrong[i]));
      assertEquals(server.errors.length, i + 1, server.errors.at(-1) ?? "");
    }
  },
);
