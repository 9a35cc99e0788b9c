/**
 * A Hono app on this server, as it was written for `Deno.serve`.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ABANDONED_TIMEOUT_MS } from "../../server/limits.ts";
import { eventually } from "../support/descriptors.ts";
import { makeApp, Told } from "../support/hono_app.ts";
import { readUntil, type Serving, servingFetch, wholeText } from "../support/in_process.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, Wire } from "../support/wire.ts";

/** Runs `test` against the app. */
function withApp(name: string, test: (server: Serving, told: Told) => Promise<void>): void {
  Deno.test(name, async () => {
    const told = new Told();
    const app = makeApp(told);
    await using server = servingFetch((request) => app.fetch(request));
    await test(server, told);
    assertEquals(server.errors, []);
  });
}

withApp("routes, parameters, middleware, the app's own 404 and 500", async ({ port }) => {
  for (
    const [path, status, text] of [
      ["/", 200, "root"],
      ["/users/gr%C3%BC%C3%9F/posts/12?page=2", 200, '{"name":"grüß","id":"12","page":"2"}'],
      ["/users/x/posts/y", 404, "nothing here"],
      ["/broken", 500, "app: broken"],
      ["/html", 200, "<p>größer</p>"],
      ["http://other/users/a/posts/1", 200, '{"name":"a","id":"1","page":null}'],
    ] as const
  ) {
    const response = await exchange(port, get(path));
    assertEquals([response.status, response.text], [status, text], path);
    assertEquals(response.fields["x-middleware"], "was here");
  }
  const old = await wholeText(port, "GET / HTTP/1.0\r\n\r\n");
  assertMatch(old, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nroot$/);
});

withApp("one connection, many requests of all kinds", async ({ port }) => {
  using wire = await Wire.connect(port);
  for (let i = 0; i < 20; i++) {
    await wire.send(get("/") + get("/nothing") + get("/missing"));
    assertEquals((await wire.expect()).text, "root");
    assertEquals((await wire.expect()).status, 204);
    assertEquals((await wire.expect()).status, 404);
  }
});

withApp("JSON in and out, and what is no JSON", async ({ url }) => {
  const post = (body: string) => fetch(`${url}/json`, { method: "POST", body });
  const response = await post('{"a":["größer",null]}');
  assertEquals([response.status, await response.text()], [201, '{"got":{"a":["größer",null]}}']);
  const wrong = await post("{");
  assertEquals(wrong.status, 500);
  assertMatch(await wrong.text(), /^app: .*JSON/);
});

withApp("cookies: read, and set one a line", async ({ port }) => {
  using wire = await Wire.connect(port);
  await wire.send(get("/cookies", "Cookie: a=b; c=d%20e"));
  const text = await readUntil(wire, (text) => text.endsWith("}"));
  assertMatch(text, /\r\nset-cookie: one=1; [^\r]*HttpOnly\r\nset-cookie: two=2; Path=\/x\r\n/);
  assert(text.endsWith('{"a":"b","c":"d e"}'));
});

withApp("redirects, HEAD, OPTIONS and CORS", async ({ port }) => {
  const redirect = await exchange(port, get("/redirect"));
  assertEquals([redirect.status, redirect.fields.location], [302, "/elsewhere"]);
  const head = await exchange(port, get("/html").replace("GET", "HEAD"), true);
  assertEquals([head.status, head.fields["content-type"]], [200, "text/html; charset=UTF-8"]);
  const missing = await exchange(port, get("/missing").replace("GET", "HEAD"), true);
  assertEquals(missing.status, 404);
  const preflight = await exchange(
    port,
    get("/cors/x", "Origin: http://example.com", "Access-Control-Request-Method: GET").replace(
      "GET",
      "OPTIONS",
    ),
  );
  assertEquals(
    [preflight.status, preflight.fields["access-control-allow-origin"]],
    [204, "http://example.com"],
  );
});

withApp("uploads: a form with several files, and a body that goes back as it comes", async ({ url }) => {
  const form = new FormData();
  form.set("title", "größer");
  form.append("files", new File(["a".repeat(100_000)], "a.txt"));
  form.append("files", new File(["\r\n--x\r\n"], "b.txt"));
  const response = await fetch(`${url}/upload`, { method: "POST", body: form });
  assertEquals(await response.text(), `größer a.txt:${"a".repeat(100_000)} b.txt:\r\n--x\r\n`);
  const echoed = await fetch(`${url}/echo`, { method: "POST", body: "x".repeat(300_000) });
  assertEquals((await echoed.text()).length, 300_000);
});

withApp("streamText: every line, and the end", async ({ url }) => {
  assertEquals(await (await fetch(`${url}/text`)).text(), "one\ntwo\nthree\n");
});

withApp("stream: each piece when it is written; leaving aborts it", async ({ port }, told) => {
  const wire = await Wire.connect(port);
  await wire.send(get("/stream"));
  assertMatch(await readUntil(wire, (text) => text.includes("piece 0")), /Transfer-Encoding: chunked/);
  for (let i = 1; i < 4; i++) {
    await sleep(2);
    told.next();
    await readUntil(wire, (text) => text.includes(`piece ${i}`));
  }
  const startMs = performance.now();
  wire[Symbol.dispose]();
  await eventually(() => told.aborts === 1 && told.signals[0]!.aborted, "the stream is not told");
  assert(performance.now() - startMs < ABANDONED_TIMEOUT_MS + 500);
  told.next();
  await sleep(5);
  assertEquals(told.aborts, 1);
});

withApp(
  "streamSSE: the head is sent at once, each event when it is written; a client that leaves aborts the stream",
  async ({ port }, told) => {
    const wire = await Wire.connect(port);
    await wire.send(get("/events"));
    assertMatch(
      await readUntil(wire, (text) => text.includes("\r\n\r\n")),
      /^HTTP\/1\.1 200 OK\r\n[^]*content-type: text\/event-stream\r\n[^]*\r\n\r\n$/,
    );
    for (let id = 0; id < 3; id++) {
      await sleep(2);
      told.next();
      const text = await readUntil(wire, (text) => text.endsWith("\n\n\r\n"));
      assertMatch(text, new RegExp(`\r\nevent: tick\ndata: line ${id}\nid: ${id}\n\n\r\n$`));
    }
    wire[Symbol.dispose]();
    await eventually(() => told.aborts === 1, "the stream was not aborted");
    told.next();
    await sleep(5);
  },
);
