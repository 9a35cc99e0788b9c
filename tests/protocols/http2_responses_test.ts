/**
 * Responses over HTTP/2 that no usual client provokes: large heads, odd values, memory that is gone, slow and ended clients.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Handler, HttpResponse } from "../../mod.ts";
import { ErrorCode } from "../../server/protocols/http2/frames/errors.ts";
import { FrameType, PREFACE } from "../../server/protocols/http2/frames/frame.ts";
import { LogInFile, parseLine } from "../support/access_log.ts";
import { askEach, BothVersions, connectHttp2 } from "../support/both_versions.ts";
import {
  frame,
  getFields,
  headers,
  Http2Wire,
  type Line,
  post,
  setting,
  update,
} from "../support/http2_wire.ts";
import { RawClient } from "../support/raw_client.ts";
import { onAll, withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";

const LARGE = 2_000_000;
const textOf = (body: Uint8Array | undefined) => new TextDecoder().decode(body);

/** Bytes as text, a character for each. */
function encodeLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Fields of a head of about `bytes` bytes. */
function fieldsOf(bytes: number): Line[] {
  const value = "0123456789".repeat(100);
  return Array.from({ length: bytes / 1000 }, (_, i): Line => [`X-${i}`, value]);
}

onAll("HTTP/2: a head of any size arrives, continued where a frame is too small for it", async (poller) => {
  const handler: Handler = ({ path }) =>
    HttpResponse.text("body", { fields: fieldsOf(Number(path.slice(1)) * 1000) });
  await withServer({ http2: true, handler }, async ({ port, errors }) => {
    await askEach({ port }, [0, 15, 16, 17, 18, 19, 20, 21, 22, 23, 40, 400], async (both, kilobytes) => {
      const { lines } = await both.same({ target: `/${kilobytes}` }, 2);
      assertEquals(lines.length, kilobytes + 2);
      using wire = await Http2Wire.connect(port);
      await wire.send(setting(1, 0)); // the next head begins with a size
      await wire.expect(FrameType.SETTINGS);
      await wire.send(headers(1, getFields(`/${kilobytes}`)), headers(3, getFields(`/${kilobytes}`)));
      const response = await wire.response(1);
      assertEquals([response?.lines.length, textOf(response?.body)], [kilobytes + 3, "body"]);
      assertEquals(textOf((await wire.response(3))?.body), "body");
    });
    assertEquals(errors, []);
  }, poller);
});

Deno.test("HTTP/2: values keep each of their bytes, whatever a language counts as white space", async () => {
  const values = ["dej\u00c3\u00a0", "\u00a0x\u00a0", "\u0085", "a\tb", "", "x".repeat(130)];
  const handler: Handler = ({ path }) =>
    new HttpResponse(
      200,
      [["X", values[Number(path.slice(1))]!], ["Date", "Sat, 29 Feb 2020 12:34:56 GMT"], [
        "Set-Cookie",
        "a=b",
      ], ["Set-Cookie", "c=d"]],
      null,
      false,
      undefined,
      encodeLatin1,
    );
  await withServer({ http2: true, handler }, async ({ port }) => {
    using both = await BothVersions.connect({ port });
    for (let i = 0; i < values.length; i++) {
      const { lines } = await both.same({ target: `/${i}` });
      assertEquals(lines, [`x: ${values[i]}`, "set-cookie: a=b", "set-cookie: c=d", "content-length: 0"]);
    }
  });
});

Deno.test("HTTP/2: a date of the handler's own goes out as it is", async () => {
  const handler: Handler = () => new HttpResponse(200, [["Date", "today"]], null);
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(headers(1, getFields("/")));
    assertEquals((await wire.response(1))?.fields["date"], "today");
  });
});

Deno.test("HTTP/2: a body whose memory is transferred or becomes smaller while it is sent resets its stream only", async () => {
  const changes: Record<string, (buffer: ArrayBuffer) => void> = {
    transferred: (buffer) => void structuredClone(buffer, { transfer: [buffer] }),
    smaller: (buffer) => buffer.resize(1000),
    empty: (buffer) => buffer.resize(0),
  };
  for (const [name, change] of Object.entries(changes)) {
    const buffer = new ArrayBuffer(LARGE, { maxByteLength: LARGE });
    const handler: Handler = ({ path }) =>
      path === "/large" ? HttpResponse.bytes(new Uint8Array(buffer)) : HttpResponse.text("small");
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields("/large")));
      await wire.expect(FrameType.DATA);
      change(buffer);
      await wire.send(update(0, LARGE), update(1, LARGE));
      const response = (await wire.response(1))!;
      assertEquals(response.reset, ErrorCode.INTERNAL_ERROR, name);
      await wire.send(headers(3, getFields("/small")));
      assertEquals(textOf((await wire.response(3))?.body), "small");
      assertEquals(errors.length, 1);
      assertStringIncludes(errors[0]!, "buffer was transferred, or became smaller");
    });
  }
});

onAll(
  "HTTP/2: a client that ends its half after its requests gets all of the responses, also if it reads slowly",
  async (poller) => {
    const body = "0123456789".repeat(LARGE / 10);
    const handler: Handler = ({ path }) =>
      path === "/later"
        ? sleep(20).then(() => HttpResponse.text("later"))
        : HttpResponse.text(body.slice(0, Number(path.slice(1))));
    await withServer({ http2: true, handler }, async ({ port }) => {
      for (const path of ["/5", "/later", "/200000", `/${LARGE}`]) {
        using client = await RawClient.connect(port, 65_536); // much less than the largest response
        const preface = new TextEncoder().encode(PREFACE) as Uint8Array<ArrayBuffer>;
        for (const part of [preface, setting(4, LARGE), update(0, LARGE), headers(1, getFields(path))]) {
          await client.send(part);
        }
        client.endInput();
        await sleep(50);
        const all = new Uint8Array(2 * LARGE);
        const length = await client.receive(all);
        let data = 0;
        let hasEnded = false;
        for (let at = 0; at < length;) {
          const size = (all[at]! << 16) | (all[at + 1]! << 8) | all[at + 2]!;
          if (all[at + 3] === FrameType.DATA) {
            data += size;
            hasEnded ||= (all[at + 4]! & 1) !== 0;
          }
          at += 9 + size;
        }
        assertEquals([data, hasEnded], [path === "/later" ? 5 : Number(path.slice(1)), true], path);
      }
    }, poller);
  },
);

onAll("HTTP/2: the preface may be cut anywhere", async (poller) => {
  await withServer({ http2: true, handler: () => HttpResponse.text("hello") }, async ({ port }) => {
    const bytes = new TextEncoder().encode(PREFACE);
    await Promise.all(Array.from({ length: bytes.length - 1 }, async (_, i) => {
      const connection = await Deno.connect({ port });
      connection.setNoDelay(true);
      await connection.write(bytes.subarray(0, i + 1));
      await sleep(20);
      const rest = { // what is left of the preface is sent by the wire's first write
        write: (part: Uint8Array) =>
          part.length === bytes.length
            ? connection.write(bytes.subarray(i + 1)).then(() => part.length)
            : connection.write(part),
        read: (buffer: Uint8Array) => connection.read(buffer),
        close: () => connection.close(),
      };
      using wire = await Http2Wire.over(rest as Deno.Conn);
      await wire.send(headers(1, getFields("/")));
      assertEquals(textOf((await wire.response(1))?.body), "hello", `after ${i + 1} bytes`);
    }));
  }, poller);
});

Deno.test("HTTP/2: a client that waits for 100 gets it also where no handler reads bodies", async () => {
  const handler = Object.assign(() => HttpResponse.text("hello"), { ignoresBodies: true });
  await withServer({ http2: true, handler }, async ({ port }) => {
    using wire = await Http2Wire.connect(port);
    await wire.send(post(1, "/", ["expect", "100-continue"], ["content-length", "5"]));
    assertEquals(wire.decode((await wire.expect(FrameType.HEADERS)).payload)[":status"], "100");
    await wire.send(frame(FrameType.DATA, 1, 1, new Uint8Array(5)));
    assertEquals(textOf((await wire.response(1))?.body), "hello");
  });
});

Deno.test("HTTP/2: the time that a handler waits for its client is not the handler's", async () => {
  const handler: Handler = (request) =>
    request.bytes().then(async (bytes) => {
      await sleep(20);
      return HttpResponse.text(`${bytes.length}`);
    });
  await withServer({ http2: true, handler, handlerTimeoutMs: 200, bodyTimeoutMs: 2000 }, async ({ port }) => {
    for (const ends of ["with data", "by a frame of its own", "by trailers"]) {
      using wire = await Http2Wire.connect(port);
      await wire.send(post(1, "/"));
      await sleep(350);
      await wire.send(frame(FrameType.DATA, ends === "with data" ? 1 : 0, 1, new Uint8Array(5)));
      if (ends === "by trailers") await wire.send(headers(1, [["x", "y"]]));
      else if (ends !== "with data") await wire.send(frame(FrameType.DATA, 1, 1));
      assertEquals(textOf((await wire.response(1))?.body), "5", ends);
    }
  });
});

Deno.test("HTTP/2: a refused head is logged by its own line, and HEAD has no body", async () => {
  using log = new LogInFile();
  const handler = () => HttpResponse.text("hello");
  await withServer(
    { http2: true, handler, accessLog: { file: log.path, format: "combined" } },
    async ({ port }) => {
      using wire = await Http2Wire.connect(port);
      const head = (
        path: string,
        ...more: Line[]
      ): Line[] => [[":method", "HEAD"], ...getFields(path, ...more).slice(1)];
      await wire.send(headers(1, getFields("/of-another-client", ["user-agent", "another"])));
      await wire.response(1);
      const refused: [Line[], number, RegExp][] = [
        [head("/a", ["x", "a".repeat(20_000)]), 431, /^HEAD \/a HTTP\/2(?:\.0)?$/],
        [
          head("/b", ...Array.from({ length: 101 }, (_, i): Line => [`x-${i}`, "y"])),
          431,
          /^HEAD \/b HTTP\/2(?:\.0)?$/,
        ],
        [head(`/${"c".repeat(9000)}`), 414, /^HEAD \/c{900,1024} HTTP\/2(?:\.0)?$/],
        [head(`/${"c".repeat(20_000)}`), 414, /^HEAD +HTTP\/2(?:\.0)?$/],
        [[[":method", "D".repeat(33)], ...getFields("/d").slice(1)], 501, /^D{33} \/d HTTP\/2(?:\.0)?$/],
        [
          [[":method", "CONNECT"], [":authority", "e.test:443"]],
          501,
          /^CONNECT e\.test:443 HTTP\/2(?:\.0)?$/,
        ],
      ];
      for (const [i, [lines, status]] of refused.entries()) {
        await wire.send(headers(3 + 2 * i, lines));
        const response = (await wire.response(3 + 2 * i))!;
        assertEquals(response.fields[":status"], String(status));
        if (lines[0]![1] === "HEAD") assertEquals(response.body.length, 0, "HEAD");
      }
      const logged = (await log.has(1 + refused.length)).slice(1).map(parseLine);
      for (const [i, [, status, line]] of refused.entries()) {
        assertEquals(logged[i]!.status, status);
        assert(line.test(logged[i]!.request), logged[i]!.request);
        assert(logged[i]!.agent !== "another");
      }
    },
  );
});

Deno.test("HTTP/2: the date is that of the second in which a response is sent", async () => {
  await withServer({ http2: true, handler: () => HttpResponse.text("hello") }, async ({ port }) => {
    using wire = await connectHttp2({ port });
    let last = "";
    let changes = 0;
    for (let stream = 1; changes < 2; stream += 2) {
      const beforeMs = Math.floor(Date.now() / 1000) * 1000;
      await wire.send(headers(stream, getFields("/")));
      const date = (await wire.response(stream))!.fields["date"]!;
      const ms = Date.parse(date);
      assert(ms >= beforeMs - 1000 && ms <= Date.now(), date);
      if (date !== last) changes++;
      last = date;
      await sleep(10);
    }
  });
});
