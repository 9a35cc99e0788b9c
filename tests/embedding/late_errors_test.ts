/**
 * Errors of an embedder's code after its request is over, or where nothing waits for the result: they are reported to
 * `onError`, and neither the process nor another client is affected. An unhandled error would end the test's process.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FileBody, type HandlerContext, HttpResponse, type Peer } from "../../mod.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { eventually } from "../support/descriptors.ts";
import { type Serving, serving } from "../support/in_process.ts";
import { Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";
import { withServer } from "../support/serving.ts";

/** Requires that the server still answers, and that it reported these errors. */
async function goesOn(running: Serving, ...expected: RegExp[]): Promise<void> {
  await eventually(() => running.errors.length >= expected.length, "errors are reported");
  await sleep(50); // an unhandled error would appear a moment later
  assertEquals(await (await fetch(`${running.url}/alive`)).text(), "alive");
  assertEquals(running.errors.length, expected.length, running.errors.join("\n"));
  for (const [i, pattern] of expected.entries()) assertMatch(running.errors[i]!, pattern);
}

const ALIVE = () => HttpResponse.text("alive");

Deno.test("a late response that cannot be released is an error of its handler, whatever it is", async () => {
  using site = new Site({ "a.txt": "a" });
  const root = openDirectory(site.root);
  const fd = openBeneathByWalking(root, cString("a.txt"));
  const fails = () => {
    close(fd);
    throw new Error("closed twice");
  };
  const stream = new ReadableStream<Uint8Array>();
  stream.cancel = () => {
    throw new Error("no cancel");
  };
  const late: [make: () => unknown, error: RegExp][] = [
    [
      () => new HttpResponse(200, [], new FileBody({ fd, offset: 0, length: 1, close: fails })),
      /closed twice/,
    ],
    [() => new Proxy(HttpResponse.text("x"), {}), /private/],
    [() => Object.create(HttpResponse.prototype), /private/],
    [() => new HttpResponse(200, [], stream), /no cancel/],
    [
      () =>
        new Proxy({}, {
          getPrototypeOf() {
            throw new Error("no prototype");
          },
        }),
      /no prototype/,
    ],
  ];
  for (const [make, error] of late) {
    const answered = Promise.withResolvers<void>();
    await using running = serving(async ({ path }) => {
      if (path === "/alive") return ALIVE();
      await answered.promise;
      return make() as HttpResponse;
    }, { handlerTimeoutMs: 50, keepAlive: false });
    const response = await fetch(`${running.url}/late`);
    await response.body?.cancel();
    assertEquals(response.status, 503);
    answered.resolve();
    await goesOn(running, error);
  }
  close(root);
});

Deno.test("an onError that rejects, or returns an object whose then fails, ends nothing", async () => {
  const sinks: (() => unknown)[] = [
    () => Promise.reject(new Error("onError rejects")),
    async () => {
      await sleep(1);
      throw new Error("onError rejects later");
    },
    () => ({
      then() {
        throw new Error("then throws");
      },
    }),
  ];
  for (const sink of sinks) {
    let calls = 0;
    const onError = () => (calls++, sink()) as void;
    await using running = serving(({ path }) => {
      if (path === "/alive") return ALIVE();
      throw new Error("a handler fails");
    }, { onError, keepAlive: false });
    const response = await fetch(`${running.url}/`);
    await response.body?.cancel();
    assertEquals(response.status, 500);
    await goesOn(running);
    assertEquals(calls, 1);
  }
});

/** A client that sends a request and leaves. */
async function askAndLeave(port: number): Promise<void> {
  using wire = await Wire.connect(port);
  await wire.send(get("/"));
  await wire.arrival();
}

/** How many of three listeners that throw are called: Deno 2.4 stops after the first. */
function calledListeners(): number {
  let called = 0;
  const target = new EventTarget();
  const silence = (event: Event) => event.preventDefault();
  for (let i = 0; i < 3; i++) {
    target.addEventListener("abort", () => {
      called++;
      throw new Error("thrown on purpose");
    });
  }
  globalThis.addEventListener("error", silence);
  target.dispatchEvent(new Event("abort"));
  globalThis.removeEventListener("error", silence);
  return called;
}

Deno.test("an error of a listener on a request's signal is reported, and each listener is called", async () => {
  const patterns = [/listener 0/, /listener 1/, /listener 2/].slice(0, calledListeners());
  let called = 0;
  const listen = (signal: AbortSignal) => {
    for (let i = 0; i < 3; i++) {
      signal.addEventListener("abort", () => {
        called++;
        throw new Error(`listener ${i}`);
      });
    }
  };
  const handler = ({ path }: { path: string }, { signal }: HandlerContext) => {
    if (path === "/alive") return ALIVE();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(encodeUtf8("data: 1\n\n"));
        listen(signal);
      },
    });
    return new HttpResponse(200, [["Content-Type", "text/event-stream"]], body);
  };
  await using running = serving(handler, { keepAlive: false });
  await askAndLeave(running.port);
  await eventually(() => called > 0, "the signal is aborted");
  await goesOn(running, ...patterns);
  assertEquals(called, patterns.length);

  const answered = Promise.withResolvers<void>();
  await using overdue = serving(async (request, { signal }) => {
    if (request.path === "/alive") return ALIVE();
    listen(signal);
    await answered.promise;
    return ALIVE();
  }, { handlerTimeoutMs: 50, keepAlive: false });
  const response = await fetch(`${overdue.url}/`);
  await response.body?.cancel();
  assertEquals(response.status, 503);
  answered.resolve();
  await goesOn(overdue, ...patterns);
  await sleep(50); // the handler has ended by now, too
});

Deno.test("an error of a listener on a coroutine's signal is reported", async () => {
  const coroutine = async (connection: Any) => {
    connection.signal.onabort = () => {
      throw new Error("a listener fails");
    };
    await connection.write(encodeUtf8("hello"));
    while (await connection.read() !== null);
    await connection.sleep(5000);
  };
  await withServer({ coroutine }, async ({ port, errors }) => {
    {
      using wire = await Wire.connect(port);
      await wire.arrival();
    }
    await eventually(() => errors.length > 0, "the error is reported");
    assertMatch(errors[0]!, /a listener fails/);
  });
});

Deno.test("an error elsewhere is not taken for an error of a listener", async () => {
  const seen: unknown[] = [];
  const listener = (event: ErrorEvent) => {
    seen.push(event.error.message);
    event.preventDefault();
  };
  await using running = serving((_request, { signal }) => {
    signal.addEventListener("abort", () => {});
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encodeUtf8("1")),
    });
    return new HttpResponse(200, [], body);
  });
  await askAndLeave(running.port);
  globalThis.addEventListener("error", listener);
  try {
    reportError(new Error("another's"));
  } finally {
    globalThis.removeEventListener("error", listener);
  }
  assertEquals([seen, running.errors], [["another's"], []]);
});

Deno.test("an async callback of a session that rejects ends only its own client, as one that throws does", async () => {
  for (const name of ["received", "ended", "closed"]) {
    const protocol = (peer: Peer) => ({
      received: (bytes: Uint8Array) => void peer.write(bytes),
      ended: () => peer.end(),
      [name]: async () => {
        await sleep(1);
        throw new Error(`${name} fails`);
      },
    });
    await withServer({ protocol }, async ({ port, errors }) => {
      {
        using wire = await Wire.connect(port);
        await wire.send("x");
        if (name === "received") assertEquals((await wire.readToEnd().catch(() => "")).length, 0);
      }
      await eventually(() => errors.length > 0, "the error is reported");
      assertMatch(errors[0]!, new RegExp(`${name} fails`));
      using next = await Wire.connect(port);
      await next.send("y");
      if (name !== "received") assert(await next.some() !== null);
    });
  }
});

Deno.test("a file whose close fails later affects nothing else", async () => {
  using site = new Site({ "a.txt": "text" });
  const root = openDirectory(site.root);
  await using running = serving(({ path }) => {
    if (path === "/alive") return ALIVE();
    const fd = openBeneathByWalking(root, cString("a.txt"));
    const closeLater = async () => {
      await sleep(1);
      close(fd);
      throw new Error("close fails");
    };
    return new HttpResponse(200, [], new FileBody({ fd, offset: 0, length: 4, close: closeLater }));
  }, { keepAlive: false });
  assertEquals(await (await fetch(`${running.url}/`)).text(), "text");
  await goesOn(running);
  close(root);
});

/** Any values, as JavaScript programs may pass them. */
type Any = ReturnType<typeof JSON.parse>;
