/**
 * HTTP/1: what comes before and behind a response: early hints (RFC 8297) and trailers (RFC 9112 §7.1.2).
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Fields, type Handler, type HandlerContext, HttpResponse, requestCoroutine } from "../../mod.ts";
import { contextOutside } from "../../server/connection/handler.ts";
import { HttpClock } from "../../server/http/date.ts";
import { readUntil, wholeText } from "../support/in_process.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

const encoder = new TextEncoder();
const LINK = "</style.css>; rel=preload; as=style";
const HINT = `HTTP/1.1 103 Early Hints\r\nLink: ${LINK}\r\n\r\n`;
const last = (path: string, ...lines: string[]) => get(path, "Connection: close", ...lines);

onAll(
  "early hints precede the response: of a handler that answers at once, later, or by a stream",
  async (poller) => {
    const handler: Handler = ({ path }, context) => {
      const hint = () => context.earlyHints([["Link", LINK]]);
      if (path !== "/later") hint();
      if (path === "/twice") hint();
      if (path === "/now" || path === "/twice") return HttpResponse.text("body");
      if (path === "/stream") {
        const pull = async (controller: ReadableStreamDefaultController) => {
          await sleep(10);
          hint();
          await sleep(10);
          controller.enqueue(encoder.encode("body"));
          controller.close();
        };
        return new HttpResponse(200, [], { stream: new ReadableStream({ pull }), length: 4 });
      }
      return sleep(10).then(() => {
        hint();
        return HttpResponse.text("body");
      });
    };
    await withServer({ handler }, async ({ port, errors }) => {
      for (const [path, count] of [["/now", 1], ["/twice", 2], ["/later", 1], ["/stream", 2]] as const) {
        for (const request of [last(path), last(path).replace("GET", "HEAD")]) {
          const isHead = request.startsWith("HEAD");
          const text = await wholeText(port, request);
          const expected = path === "/stream" && isHead ? 1 : count; // a HEAD has no stream
          assertEquals(text.startsWith(HINT.repeat(expected)), true, text);
          const rest = text.slice(HINT.length * expected);
          assertMatch(rest, /^HTTP\/1\.1 200 OK\r\n/);
          assert(rest.endsWith(isHead ? "\r\n\r\n" : "\r\n\r\nbody"), rest);
        }
      }
      using wire = await Wire.connect(port); // pipelined: each hint before its own response
      await wire.send(get("/now") + get("/later") + get("/now"));
      const text = await readUntil(wire, (text) => text.split("\r\n\r\nbody").length === 4);
      assertMatch(text, /^(HTTP\/1\.1 103 [^]*?\r\n\r\nHTTP\/1\.1 200 [^]*?body){3}$/);
      assertEquals(errors, []);
    }, poller);
  },
);

Deno.test("early hints arrive while the response is being made, and not after its head", async () => {
  let finish = () => {};
  let kept: HandlerContext | null = null;
  const handler: Handler = (_request, context) => {
    kept = context;
    context.earlyHints([["Link", LINK]]);
    return new Promise((resolve) => finish = () => resolve(HttpResponse.text("body")));
  };
  await withServer({ handler }, async ({ port, errors }) => {
    using wire = await Wire.connect(port);
    await wire.send(get("/"));
    assertEquals(await readUntil(wire, (text) => text.endsWith("\r\n\r\n")), HINT);
    kept!.earlyHints([["Link", LINK]]); // from outside of the loop
    assertEquals(await readUntil(wire, (text) => text.endsWith("\r\n\r\n")), HINT);
    finish();
    assertMatch(await readUntil(wire, (text) => text.endsWith("body")), /^HTTP\/1\.1 200 OK/);
    kept!.earlyHints([["Link", LINK]]);
    await sleep(20);
    await wire.send(get("/"));
    assertEquals(
      await readUntil(wire, (text) => text.endsWith("\r\n\r\n")),
      HINT,
      "one, of the second request",
    );
    finish();
    assertEquals(errors, []);
  });
});

Deno.test("HTTP/1.0 gets no early hints, and a body reaches a handler that has sent some", async () => {
  const handler: Handler = async (request, context) => {
    context.earlyHints([["Link", LINK]]);
    return HttpResponse.text(`${request.protocol} ${await request.text()}`);
  };
  await withServer({ handler }, async ({ port }) => {
    const old = await wholeText(port, "GET / HTTP/1.0\r\n\r\n");
    assertMatch(old, /^HTTP\/1\.1 200 OK[^]*\r\n\r\nHTTP\/1\.0 $/);
    using wire = await Wire.connect(port);
    await wire.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    const interim = await readUntil(wire, (text) => text.includes("100 Continue"));
    assertEquals(interim, `${HINT}HTTP/1.1 100 Continue\r\n\r\n`);
    await wire.send("body");
    assertMatch(await readUntil(wire, (text) => text.endsWith("body")), /^HTTP\/1\.1 200 OK/);
  });
});

Deno.test("early hints that would split the head, or say what only the server says, are one TypeError", async () => {
  const wrong: [unknown, RegExp][] = [
    [[["X-A", "b\r\nX-C: d"]], /Invalid value of X-A/],
    [[["X-A", "b\0"]], /Invalid value of X-A/],
    [[["X\n", "b"]], /Invalid field name/],
    [[["", "b"]], /Invalid field name/],
    [[["Link", 5]], /The value of Link must be a string/],
    [[[5, "a"]], /The name of a field must be a string/],
    [[["Link", LINK], ["Content-Length", "4"]], /Content-Length is the server's to write/],
    [[["Transfer-Encoding", "chunked"]], /Transfer-Encoding is the server's to write/],
    [[["Connection", "close"]], /Connection is the server's to write/],
    [[["Upgrade", "h2c"]], /Upgrade may not be among early hints/],
    [["Link"], /A field of early hints must be \[name, value\]/],
    [{ Link: LINK }, /early hints must be a list of \[name, value\]/],
    [undefined, /early hints must be a list/],
    ["Link", /early hints must be a list/],
  ];
  const messages: string[] = [];
  const handler: Handler = ({ path }, context) => {
    try {
      context.earlyHints(wrong[Number(path.slice(1))]![0] as Fields);
    } catch (error) {
      assert(error instanceof TypeError);
      messages.push(error.message);
    }
    return HttpResponse.text("body");
  };
  await withServer({ handler }, async ({ port, errors }) => {
    for (const [i, [, message]] of wrong.entries()) {
      assertMatch(await wholeText(port, last(`/${i}`)), /^HTTP\/1\.1 200 OK/, "nothing of it is sent");
      assertEquals(messages.length, i + 1);
      assertMatch(messages[i]!, message);
    }
    assertEquals(errors, []);
  });
  contextOutside(new HttpClock(), 1, AbortSignal.abort()).earlyHints([["Link", LINK]]); // has no client
});

onAll("a coroutine sends early hints for its request, also directly before its response", async (poller) => {
  const handler: Handler = (_request, context) => {
    context.earlyHints([["Link", LINK]]);
    return HttpResponse.text("body");
  };
  await withServer({ coroutine: requestCoroutine(handler) }, async ({ port, errors }) => {
    using wire = await Wire.connect(port);
    for (let i = 0; i < 3; i++) {
      await wire.send(get("/"));
      assertMatch(
        await readUntil(wire, (text) => text.endsWith("body")),
        /^HTTP\/1\.1 103 [^]*\r\n\r\nHTTP\/1\.1 200/,
      );
    }
    assertEquals(errors, []);
  }, poller);
});

const TRAILERS = "Server-Timing: total;dur=5\r\nX-Sum: 1\r\n";

onAll(
  "trailers follow the last chunk for a client that accepts them; others get the body alone",
  async (poller) => {
    let made = 0;
    const handler: Handler = ({ path }) => {
      const trailers = async (): Promise<Fields> => {
        made++;
        await sleep(1);
        return path === "/none" ? [] : [["Server-Timing", "total;dur=5"], ["X-Sum", "1"]];
      };
      const stream = ReadableStream.from([encoder.encode("body")]);
      return new HttpResponse(200, [], { stream, length: path === "/length" ? 4 : null, trailers });
    };
    await withServer({ handler }, async ({ port, errors }) => {
      const ends: [request: string, end: string][] = [
        [last("/", "TE: trailers"), `4\r\nbody\r\n0\r\n${TRAILERS}\r\n`],
        [last("/", "TE: gzip;q=0.5 ,\tTrailers"), `4\r\nbody\r\n0\r\n${TRAILERS}\r\n`],
        [last("/", "TE: gzip", "TE: trailers"), `4\r\nbody\r\n0\r\n${TRAILERS}\r\n`],
        [last("/"), "4\r\nbody\r\n0\r\n\r\n"],
        [last("/", "TE: nottrailers"), "4\r\nbody\r\n0\r\n\r\n"],
        [last("/none", "TE: trailers"), "4\r\nbody\r\n0\r\n\r\n"],
        [last("/length", "TE: trailers"), "\r\n\r\nbody"],
        ["GET / HTTP/1.0\r\nTE: trailers\r\n\r\n", "\r\n\r\nbody"],
        [last("/", "TE: trailers").replace("GET", "HEAD"), "\r\n\r\n"],
      ];
      for (const [request, end] of ends) {
        const text = await wholeText(port, request);
        assert(text.endsWith(end), `${request}${text}`);
        assertEquals(text.includes("X-Sum"), end.includes("X-Sum"));
      }
      assertEquals(made, ends.length - 1, "once for each stream");
      using wire = await Wire.connect(port); // the connection goes on behind trailers
      for (let i = 0; i < 3; i++) {
        await wire.send(get("/", "TE: trailers"));
        await readUntil(wire, (text) => text.endsWith(`0\r\n${TRAILERS}\r\n`));
      }
      assertEquals(errors, []);
    }, poller);
  },
);

Deno.test("trailers that may be none cut the response off, so that it does not look complete", async () => {
  const handler: Handler = () => {
    const stream = ReadableStream.from([encoder.encode("body")]);
    return new HttpResponse(200, [], { stream, length: null, trailers: () => [["Set-Cookie", "a=b"]] });
  };
  await withServer({ handler }, async ({ port, errors }) => {
    const text = await wholeText(port, get("/", "TE: trailers"));
    assert(text.endsWith("4\r\nbody\r\n"), text);
    assertMatch(errors.join(), /Set-Cookie may not be among trailers/);
  });
});

Deno.test("trailers are not asked for once the client has left", async () => {
  let made = 0;
  let isCancelled = false;
  const handler: Handler = () => {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encoder.encode("body")),
      cancel: () => void (isCancelled = true),
    });
    return new HttpResponse(200, [], { stream, length: null, trailers: () => [["X-Sum", `${++made}`]] });
  };
  await withServer({ handler }, async ({ port, errors }) => {
    const wire = await Wire.connect(port);
    await wire.send(get("/", "TE: trailers"));
    await readUntil(wire, (text) => text.endsWith("body\r\n"));
    wire[Symbol.dispose]();
    for (let i = 0; i < 300 && !isCancelled; i++) await sleep(10);
    assertEquals([isCancelled, made, errors.length], [true, 0, 0]);
  });
});
