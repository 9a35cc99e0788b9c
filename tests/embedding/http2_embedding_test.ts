/**
 * What embedders serve, over HTTP/2: the runtime's `fetch` chooses it by ALPN, as browsers do.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Coroutine, fromFetch, type Handler, HttpResponse, requestCoroutine, serve } from "../../mod.ts";
import { makeApp, Told } from "../support/hono_app.ts";
import { getFields, headers, Http2Wire } from "../support/http2_wire.ts";
import { readUntil as readTextUntil } from "../support/in_process.ts";
import { withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { TlsClient } from "../support/tls_client.ts";
import { local } from "../support/tls_serving.ts";
import { eventually } from "../support/waiting.ts";
import { get, Wire } from "../support/wire.ts";

const encoder = new TextEncoder();

/** Fetches from one server. */
type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** Serves over TLS to one client, whose requests are all HTTP/2. */
async function withClient(
  served: { readonly handler: Handler } | { readonly coroutine: Coroutine },
  test: (fetchFrom: Fetch, errors: string[]) => Promise<void>,
): Promise<void> {
  await withServer({ ...served, tls: local, http2: true }, async ({ port, errors }) => {
    using client = Deno.createHttpClient({ caCerts: [local.cert] });
    await test((path, init = {}) => fetch(`https://localhost:${port}${path}`, { ...init, client }), errors);
  });
}

/** Returns `handler`, which fails for requests that are not of HTTP/2. */
function onlyHttp2(handler: Handler): Handler {
  return (request, context) => {
    assertEquals(request.protocol, "HTTP/2");
    return handler(request, context);
  };
}

/** Reads text until `isEnough` says so. */
async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  isEnough: (text: string) => boolean,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  while (!isEnough(text)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  return text;
}

Deno.test("over HTTP/2 a Hono app has JSON, cookies, forms, redirects, errors, CORS, and bodies that stream back", async () => {
  const app = makeApp(new Told());
  await withClient(
    { handler: onlyHttp2(fromFetch((request) => app.fetch(request))) },
    async (get, errors) => {
      const root = await get("/");
      assertEquals([root.status, root.headers.get("x-middleware"), await root.text()], [
        200,
        "was here",
        "root",
      ]);
      for (const name of ["connection", "keep-alive", "transfer-encoding"]) {
        assertEquals(
          root.headers.get(name),
          null,
        );
      }
      const posted = await get("/json", { method: "POST", body: '{"a":["größer",null]}' });
      assertEquals([posted.status, await posted.text()], [201, '{"got":{"a":["größer",null]}}']);
      const cookies = await get("/cookies", { headers: { cookie: "a=b; c=d%20e" } });
      assertEquals(await cookies.text(), '{"a":"b","c":"d e"}');
      assertEquals(cookies.headers.getSetCookie().length, 2);
      const redirect = await get("/redirect", { redirect: "manual" });
      assertEquals([redirect.status, redirect.headers.get("location")], [302, "/elsewhere"]);
      await redirect.body?.cancel();
      assertEquals((await get("/nothing")).status, 204);
      const broken = await get("/broken");
      assertEquals([broken.status, await broken.text()], [500, "app: broken"]);
      const missing = await get("/missing", { method: "HEAD" });
      assertEquals([missing.status, await missing.text()], [404, ""]);
      const origin = { origin: "http://example.com", "access-control-request-method": "GET" };
      const preflight = await get("/cors/x", { method: "OPTIONS", headers: origin });
      assertEquals(preflight.headers.get("access-control-allow-origin"), "http://example.com");
      const form = new FormData();
      form.set("title", "größer");
      form.append("files", new File(["a".repeat(100_000)], "a.txt"));
      const upload = await get("/upload", { method: "POST", body: form });
      assertEquals(await upload.text(), `größer a.txt:${"a".repeat(100_000)}`);
      const echoed = await get("/echo", { method: "POST", body: "x".repeat(300_000) });
      assertEquals((await echoed.text()).length, 300_000);
      assertEquals(await (await get("/text")).text(), "one\ntwo\nthree\n");
      const many = await Promise.all(Array.from({ length: 40 }, (_, i) => get(`/users/a/posts/${i}`)));
      for (const [i, one] of many.entries()) {
        assertEquals(await one.json(), {
          name: "a",
          id: `${i}`,
          page: null,
        });
      }
      assertEquals(errors, []);
    },
  );
});

Deno.test("over HTTP/2 Hono's streams and events arrive when they are written, and leaving one aborts it alone", async () => {
  const told = new Told();
  const app = makeApp(told);
  await withClient(
    { handler: onlyHttp2(fromFetch((request) => app.fetch(request))) },
    async (get, errors) => {
      const leaving = new AbortController();
      const stream = await get("/stream", { signal: leaving.signal });
      const pieces = stream.body!.getReader();
      await readUntil(pieces, (text) => text.includes("piece 0"));
      for (let i = 1; i < 4; i++) {
        await sleep(2);
        told.next();
        assertEquals(await readUntil(pieces, (text) => text.endsWith("\n")), `piece ${i}\n`);
      }
      const events = await get("/events");
      assertEquals(events.headers.get("content-type"), "text/event-stream");
      leaving.abort();
      await pieces.read().catch(() => {});
      await eventually(() => told.aborts === 1 && told.signals[0]!.aborted, "the stream is told");
      const lines = events.body!.getReader();
      for (let id = 0; id < 3; id++) {
        await sleep(2);
        told.next();
        const text = await readUntil(lines, (text) => text.endsWith("\n\n"));
        assertEquals(text, `event: tick\ndata: line ${id}\nid: ${id}\n\n`);
      }
      await lines.cancel();
      await eventually(() => told.aborts === 2, "the events are told");
      assertEquals(await (await get("/")).text(), "root");
      assertEquals(errors, []);
    },
  );
});

Deno.test("over HTTP/2 events of a handler flow while other streams are served, and end when the server stops", async () => {
  const signals: AbortSignal[] = [];
  const handler: Handler = (request, { signal }) => {
    if (request.path !== "/events") return HttpResponse.text("other");
    signals.push(signal);
    const events = new ReadableStream<Uint8Array>({
      start: (controller) => {
        let count = 0;
        const timer = setInterval(() => controller.enqueue(encoder.encode(`data: ${count++}\n\n`)), 5);
        signal.addEventListener("abort", () => {
          clearInterval(timer);
          controller.close();
        });
      },
    });
    return new HttpResponse(200, [["Content-Type", "text/event-stream"]], events);
  };
  const errors: string[] = [];
  const server = serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: local,
    http2: true,
    handler: onlyHttp2(handler),
    onListen() {},
    onError: (message) => errors.push(message),
  });
  using client = Deno.createHttpClient({ caCerts: [local.cert] });
  const get = (path: string) => fetch(`https://localhost:${server.addr.port}${path}`, { client });
  const events = (await get("/events")).body!.getReader();
  const other = (await get("/events")).body!.getReader();
  await readUntil(events, (text) => text.includes("data: 3"));
  assertEquals(await (await get("/")).text(), "other");
  await other.cancel();
  await eventually(() => signals[1]!.aborted, "the second is told");
  assertEquals(signals[0]!.aborted, false);
  const startMs = performance.now();
  const finished = server.shutdown();
  assertMatch(await readUntil(events, () => false), /(data: \d+\n\n)*$/);
  await finished;
  assert(performance.now() - startMs < 10_000, "the events do not keep the server");
  assertEquals([signals[0]!.aborted, errors], [true, []]);
});

Deno.test("over HTTP/2 a response streams no faster than it is read, and a body no faster than the handler reads", async () => {
  let pulled = 0;
  let read = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  const handler: Handler = async (request) => {
    if (request.path === "/down") {
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pulled++ === 200) return controller.close();
          controller.enqueue(new Uint8Array(65_536));
        },
      }, { highWaterMark: 0 });
      return new HttpResponse(200, [], stream);
    }
    await released;
    for await (const piece of request.body!) read += piece.length;
    return HttpResponse.text(`${read}`);
  };
  await withClient({ handler: onlyHttp2(handler) }, async (get, errors) => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 900_000) return controller.close();
        sent += 10_000;
        controller.enqueue(new Uint8Array(10_000));
      },
    }, { highWaterMark: 0 });
    const uploading = get("/up", { method: "POST", body });
    const down = await get("/down");
    await sleep(300);
    assert(sent < 600_000, `${sent} bytes were taken before the handler read`);
    assert(pulled < 199, `${pulled} pieces were pulled before the client read`);
    release();
    assertEquals(await (await uploading).text(), "900000");
    assertEquals((await down.arrayBuffer()).byteLength, 200 * 65_536);
    assertEquals(errors, []);
  });
});

Deno.test("over TLS a coroutine that speaks HTTP is served by HTTP/2, and one for bytes is not offered it", async () => {
  const own: Coroutine = Object.assign(async (connection: Parameters<Coroutine>[0]) => {
    for await (const { request, respond } of connection.requests()) {
      await respond(HttpResponse.text(`${request.protocol} ${connection.context.serverName}`));
    }
  }, { speaksHttp: true });
  const handler: Handler = ({ protocol }, { serverName }) => HttpResponse.text(`${protocol} ${serverName}`);
  for (const coroutine of [own, requestCoroutine(handler)]) {
    await withClient({ coroutine }, async (get, errors) => {
      const texts = await Promise.all(["/a", "/b", "/c"].map(async (path) => await (await get(path)).text()));
      assertEquals(new Set(texts), new Set(["HTTP/2 localhost"]));
      assertEquals(errors, []);
    });
  }
  const echo: Coroutine = async (connection) => {
    for (let bytes = await connection.read(); bytes !== null; bytes = await connection.read()) {
      await connection.write(bytes);
    }
  };
  for (const [coroutine, expected] of [[echo, ""], [own, "h2"]] as const) {
    await withServer({ coroutine, tls: local, http2: true }, async ({ port }) => {
      using client = await TlsClient.connect(port, { alpn: ["h2", "http/1.1"] });
      assertEquals(client.alpn, expected);
    });
  }
});

Deno.test("a fetch handler sends early hints, and its Connection: close ends the connection once others are answered", async () => {
  const handler = fromFetch(async (request, { earlyHints }) => {
    earlyHints([["Link", "</a.css>; rel=preload"]]);
    await sleep(10);
    const closes = new URL(request.url).pathname === "/last";
    return new Response("body", { headers: closes ? { connection: "close" } : {} });
  });
  await withServer({ http2: true, handler }, async ({ port, errors }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/")));
    const { sections, body } = await wire.message(1);
    assertEquals(sections.map((section) => section[":status"]), ["103", "200"]);
    assertEquals([sections[0]!["link"], body], ["</a.css>; rel=preload", "body"]);
    await wire.send(headers(3, getFields("/last")), headers(5, getFields("/")));
    assertEquals((await wire.message(3)).sections[1]!["connection"], undefined);
    assertEquals((await wire.message(5)).body, "body");
    assertEquals(await wire.goAwayCode(), 0);
    assertEquals(wire.failure, null);
    using old = await Wire.connect(port);
    await old.send(get("/last"));
    const text = await readTextUntil(old, (text) => text.endsWith("body"));
    assertMatch(
      text,
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK\r\n/i,
    );
    assertMatch(text, /\r\nConnection: close\r\n/i);
    assertEquals(errors, []);
  });
});
