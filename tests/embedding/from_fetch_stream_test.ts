/**
 * Fetch handlers over real sockets: request bodies, streams, and clients that leave.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ABANDONED_TIMEOUT_MS } from "../../server/limits.ts";
import { Descriptors, eventually, read, write } from "../support/descriptors.ts";
import { Source } from "../support/exchanges.ts";
import { readUntil, resetOnClose, servingFetch, wholeText } from "../support/in_process.ts";
import { DENO, REPOSITORY } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

/** The response to a plain request, up to the end of the connection. */
function whole(port: number, method = "GET", path = "/"): Promise<string> {
  return wholeText(port, `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
}

Deno.test("a body that fails, or is shorter than announced, cuts the connection; a longer one ends at the announced length", async () => {
  const encoder = new TextEncoder();
  await using server = servingFetch((request) => {
    const path = new URL(request.url).pathname;
    const pieces = async function* () {
      yield encoder.encode("abc");
      await sleep(5);
      if (path === "/breaks") throw new Error("the source broke");
    };
    const length = { "/breaks": "", "/short": "5", "/long": "2" }[path]!;
    return new Response(
      ReadableStream.from(pieces()),
      length === "" ? {} : { headers: { "Content-Length": length } },
    );
  });
  assertMatch(await whole(server.port, "GET", "/breaks"), /\r\n\r\n3\r\nabc\r\n$/);
  assertMatch(
    await whole(server.port, "GET", "/short"),
    /Content-Length: 5\r\nConnection: close\r\n\r\nabc$/,
  );
  assertMatch(await whole(server.port, "GET", "/long"), /Content-Length: 2\r\nConnection: close\r\n\r\nab$/);
  assertEquals(server.errors.length, 3);
  await sleep(20); // until the pause of the last source is over
});

Deno.test("a body that fails before its first byte is a 500, and onError gets the reason", async () => {
  await using server = servingFetch((request) =>
    new Response(
      new ReadableStream({
        start: (controller) => {
          if (request.url.endsWith("/start")) controller.error(new Error("at the start"));
        },
        pull: () => Promise.reject(new Error("at the first pull")),
      }),
    )
  );
  for (const path of ["/start", "/pull"]) {
    assertMatch(await whole(server.port, "GET", path), /^HTTP\/1\.1 500 /);
  }
  assertEquals(server.errors.length, 2);
  assertMatch(server.errors.join(), /at the start[^]*at the first pull/);
});

for (const poller of ["epoll-edge", "epoll-level", "poll", "select"] as const) {
  Deno.test(`when a client leaves, request.signal is aborted and the stream is cancelled (${poller})`, async () => {
    const leave = async (isReset: boolean, path: string) => {
      const source = new Source(["a"], false);
      const signals: AbortSignal[] = [];
      await using server = servingFetch(async (request) => {
        signals.push(request.signal);
        if (path === "/waits") {
          await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        }
        return new Response(source.stream);
      }, { poller });
      using sockets = new Descriptors();
      const client = sockets.connect(server.port);
      await sleep(5);
      write(client, get(path));
      let received = "";
      const hasBegun = () => {
        const part = read(client);
        if (typeof part === "string") received += part;
        return path === "/stream" ? received.endsWith("a\r\n") : signals.length === 1;
      };
      await eventually(hasBegun, "the handler was not called");
      const startMs = performance.now();
      if (isReset) resetOnClose(client);
      sockets.close(client);
      await eventually(() => signals[0]!.aborted, "the signal tells nothing");
      const tookMs = performance.now() - startMs;
      assert(tookMs < (isReset ? 0 : ABANDONED_TIMEOUT_MS) + 500, `${path}, reset ${isReset}: ${tookMs} ms`);
      assertEquals((signals[0]!.reason as Error).name, "AbortError");
      await eventually(() => source.cancels.length === 1, "the stream goes on");
      assertEquals(server.errors, []);
    };
    await Promise.all([
      leave(true, "/stream"),
      leave(true, "/waits"),
      leave(false, "/stream"),
      leave(false, "/waits"),
    ]);
  });
}

Deno.test("request bodies: text, JSON, forms, streams, and one that is not read", async () => {
  await using server = servingFetch(async (request) => {
    switch (new URL(request.url).pathname) {
      case "/text":
        return new Response(await request.text());
      case "/json":
        return Response.json(await request.json());
      case "/clone":
        return new Response(await request.clone().text() + await request.text());
      case "/form": {
        const form = await request.formData();
        const file = form.get("file") as File;
        return new Response(`${form.get("name")} ${file.name} ${file.type} ${await file.text()}`);
      }
      case "/null":
        return new Response(String(request.body));
      default:
        return new Response("unread");
    }
  });
  const send = async (path: string, body: BodyInit | null) =>
    await (await fetch(server.url + path, { method: "POST", body })).text();
  assertEquals(await send("/text", "größer"), "größer");
  assertEquals(await send("/json", '{"a":[1]}'), '{"a":[1]}');
  assertEquals(await send("/clone", "x"), "xx");
  assertEquals(await send("/unread", "x".repeat(100_000)), "unread");
  assertEquals(await send("/null", null), "null");
  const form = new FormData();
  form.set("name", "größer");
  form.set("file", new File(["content\r\n"], "a.txt", { type: "text/plain" }));
  assertEquals(await send("/form", form), "größer a.txt text/plain content\r\n");
  assertEquals(server.errors, []);
});

Deno.test("a body that is too long for its handler is 413, whatever the handler does with the error", async () => {
  await using server = servingFetch(async (request) => {
    try {
      return new Response(await request.text());
    } catch {
      return new Response("caught", { status: 400 });
    }
  }, { bodyBytesMax: 10 });
  for (const body of ["x".repeat(11), ReadableStream.from([new Uint8Array(6), new Uint8Array(6)])]) {
    const response = await fetch(server.url, { method: "POST", body });
    assertEquals(response.status, 413);
    await response.body?.cancel();
  }
});

Deno.test("server-sent events arrive one by one, the head before any of them", async () => {
  let push = (_text: string | null) => {};
  await using server = servingFetch(() => {
    const stream = new ReadableStream<string>({
      start: (controller) => {
        push = (text) => text === null ? controller.close() : controller.enqueue(text);
      },
    });
    return new Response(stream.pipeThrough(new TextEncoderStream()), {
      headers: { "Content-Type": "text/event-stream" },
    });
  });
  using wire = await Wire.connect(server.port);
  await wire.send(get("/"));
  assertMatch(
    await readUntil(wire, (text) => text.endsWith("\r\n\r\n")),
    /content-type: text\/event-stream\r\n/,
  );
  for (let i = 0; i < 3; i++) {
    push(`data: ${i}\n\n`);
    assertEquals(await readUntil(wire, (text) => text.endsWith("\n\n\r\n")), `9\r\ndata: ${i}\n\n\r\n`);
  }
  push(null);
  assertEquals(await readUntil(wire, (text) => text.endsWith("0\r\n\r\n")), "0\r\n\r\n");
  await wire.send(get("/"));
  await readUntil(wire, (text) => text.includes("200 OK"));
  push(null);
});

Deno.test("Expect: 100-continue is answered when the handler reads", async () => {
  await using server = servingFetch(async (request) => {
    const path = new URL(request.url).pathname;
    if (path === "/refuses") return new Response("no", { status: 403 });
    return new Response(path === "/echo" ? request.body : await request.text());
  });
  for (const path of ["/reads", "/echo", "/refuses"]) {
    using wire = await Wire.connect(server.port);
    await wire.send(`PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
    const first = await readUntil(wire, (text) => text.includes("\r\n\r\n"));
    if (path === "/refuses") {
      assertMatch(first, /^HTTP\/1\.1 403 [^]*\r\nConnection: close\r\n/);
      continue;
    }
    assert(first.startsWith("HTTP/1.1 100 Continue\r\n\r\n"), first);
    await wire.send("abc");
    const rest = await readUntil(wire, (text) => /abc(\r\n0\r\n\r\n)?$/.test(text));
    assertEquals((first + rest).match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 100", "HTTP/1.1 200"]);
  }
});

Deno.test("a listener on request.signal is called even if the handler keeps nothing else of the request", async () => {
  const program = `${REPOSITORY}tests/support/signal_garbage.ts`;
  const [deno, ...rest] = DENO;
  const args = [
    ...rest,
    "run",
    "--no-prompt",
    "--v8-flags=--expose-gc",
    "--allow-ffi",
    "--allow-net",
    program,
  ];
  const { stdout, stderr } = await new Deno.Command(deno, { args }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stdout), "10 of 10\n", decoder.decode(stderr));
});
