/**
 * The lines of the access log: their contents for each exchange, and that no client can forge one.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LogFormatName } from "../../server/access_log/format.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { HttpError } from "../../server/http/http_error.ts";
import { HttpResponse } from "../../server/http/response.ts";
import type { ServerSettings } from "../../server/server_options.ts";
import { type LoggedLine, LogInFile, parseLine } from "../support/access_log.ts";
import { serving } from "../support/in_process.ts";
import { Random, SEED } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { get, head, Wire } from "../support/wire.ts";

const twice = (size: number) => ReadableStream.from([new Uint8Array(size), new Uint8Array(size)]);

const handler: Handler = async (request) => {
  const size = Number(request.path.slice(2));
  switch (request.path[1]) {
    case "f":
      return HttpResponse.bytes(new Uint8Array(size));
    case "p":
      await sleep(1);
      return HttpResponse.bytes(new Uint8Array(size));
    case "s":
      return new HttpResponse(200, [], { stream: twice(size), length: 2 * size });
    case "c":
      return new HttpResponse(200, [], twice(size));
    case "n":
      return new HttpResponse(304, [], null);
    case "e":
      throw new HttpError(418, "a teapot");
    case "b":
      return HttpResponse.bytes(await request.bytes());
    default:
      throw new Error("on purpose");
  }
};
/** Answers synchronously when nothing has to be waited for. */
const synchronous: Handler = (request, context) =>
  request.path[1] === "f"
    ? HttpResponse.bytes(new Uint8Array(Number(request.path.slice(2))))
    : handler(request, context);

/** Returns the lines of a server that has served `talk` and ended. */
async function logged(
  talk: (port: number) => Promise<void>,
  format: Exclude<LogFormatName, "none"> = "combined",
  settings: ServerSettings = {},
): Promise<string[]> {
  using log = new LogInFile();
  const server = serving(synchronous, { accessLog: { format, file: log.path }, ...settings });
  try {
    await talk(server.port);
  } finally {
    await server.handle.shutdown();
  }
  return log.lines;
}

/** Sends all of `text`, and reads to the end. */
async function say(port: number, text: string | Uint8Array): Promise<Uint8Array> {
  using wire = await Wire.connect(port);
  await wire.send(text);
  await wire.endInput();
  return await wire.readToEnd();
}

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("each format has its line for an exchange", async () => {
  const request = get(
    "/f12?a=b",
    "Referer: http://ref.example/",
    "User-Agent: test/1",
    "Authorization: Basic YW5uYTp4",
  );
  const end = "0\\.\\d{6}$";
  const date = "\\[\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d \\+0000\\]";
  const line = `^127\\.0\\.0\\.1 - anna ${date} "GET /f12\\?a=b HTTP/1\\.1" 200 12`;
  for (
    const [format, pattern] of [
      ["common", `${line} ${end}`],
      ["combined", `${line} "http://ref\\.example/" "test/1" ${end}`],
    ] as const
  ) {
    const lines = await logged(async (port) => void await say(port, request.repeat(3)), format);
    assertEquals(lines.length, 3);
    for (const line of lines) assertMatch(line, new RegExp(pattern));
  }
  const [text, plain] = await logged(async (port) => {
    await say(port, request);
    await say(port, "GET /f0 HTTP/1.0\r\n\r\n");
  }, "json") as [string, string];
  const { time, duration, ...rest } = JSON.parse(text);
  assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert(typeof duration === "number" && duration > 0 && duration < 5);
  const common = { client: "127.0.0.1", method: "GET", status: 200 };
  assertEquals(rest, {
    ...common,
    user: "anna",
    target: "/f12?a=b",
    protocol: "HTTP/1.1",
    bytes: 12,
    host: "test",
    referer: "http://ref.example/",
    userAgent: "test/1",
  });
  const { time: _, duration: __, ...bare } = JSON.parse(plain);
  const none = { user: null, host: null, referer: null, userAgent: null };
  assertEquals(bare, { ...common, ...none, target: "/f0", protocol: "HTTP/1.0", bytes: 0 });
});

Deno.test("no byte of a client that could end, colour or forge a line gets into one unescaped", async () => {
  let all = "";
  for (let byte = 0; byte < 256; byte++) if (byte !== 10 && byte !== 13) all += String.fromCharCode(byte);
  const field = all.replace(/\p{Cc}/gu, (control) => control === "\t" || control >= "\x80" ? control : "");
  const requests = [
    `GET /f1?${
      field.replace(/[\t #]/g, "")
    } HTTP/1.1\r\nHost: a\r\nUser-Agent: x${field}x\r\nReferer: "\\\x80\r\n\r\n`,
    `${all}\r\n\r\n`,
    `GET / HTTP/1.1" 200 1 "-" "-" 0.1\\\r\nx\r\n\r\n`,
    `GET /f2 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${btoa('a b"]\xc3\xa9\\:x')}\r\n\r\n`,
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS\r\n\r\n",
  ];
  const talk = async (port: number) => {
    for (const request of requests) await say(port, latin1(request));
  };
  for (const format of ["combined", "common", "json", "dev"] as const) {
    const lines = await logged(talk, format);
    assertEquals(lines.length, requests.length, lines.join("\n"));
    for (const line of lines) assertMatch(line, /^[\x20-\x7e]+$/);
    if (format === "dev") continue;
    if (format === "json") {
      const [first, second, , fourth, fifth] = lines.map((line) => JSON.parse(line));
      assertEquals(first.userAgent, `x${field}x`);
      assertEquals(first.referer, '"\\\x80');
      assertEquals([second.method, second.target, second.status], [null, all, 400]);
      assertEquals(fourth.user, 'a b"]\xc3\xa9\\');
      assertEquals(fifth.target, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS");
    } else {
      const parsed = lines.map(parseLine);
      assertEquals(parsed.map(({ status }) => status), [200, 400, 400, 200, 400]);
      assertEquals(parsed[3]!.user, "a\\x20b\\x22\\x5d\\xc3\\xa9\\x5c");
      assertEquals(parsed[4]!.request, "\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfc\\x03\\x03 TLS");
    }
  }
});

Deno.test("a refused, aborted or unanswered request has a line, with what is known of it", async () => {
  const limits = { headTimeoutMs: 100, bodyTimeoutMs: 100, bodyBytesMax: 100, handlerTimeoutMs: 100 };
  const lines = await logged(
    async (port) => {
      await say(port, `GET /${"a".repeat(9000)} HTTP/1.1\r\n\r\n`);
      await say(port, get("/f1", `X: ${"a".repeat(20_000)}`));
      await say(port, "BREW * HTTP/1.1\r\nHost: x\r\n\r\n");
      await say(port, "\r\n\r\nGET /f3 HTTP/2.0\r\nHost: x\r\n\r\n");
      await say(port, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
      {
        using slow = await Wire.connect(port);
        await slow.send("GET /slow HTTP/1.1\r\nHos");
        await slow.readToEnd();
        using half = await Wire.connect(port);
        await half.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
        await half.readToEnd();
      }
      await say(port, get("/x"));
      await say(port, get("/e"));
      await say(port, head("/f7"));
      await say(port, get("/n"));
    },
    "combined",
    limits,
  );
  const told = lines.map(parseLine).map((
    { request, status, bytes },
  ) => [request.slice(0, 24), status, bytes]);
  const error = (status: number) => told.find((line) => line[1] === status)?.[2];
  assertEquals(told, [
    ["GET /aaaaaaaaaaaaaaaaaaa", 414, error(414)],
    ["GET /f1 HTTP/1.1", 431, error(431)],
    ["BREW * HTTP/1.1", 400, error(400)],
    ["GET /f3 HTTP/2.0", 505, error(505)],
    ["POST /b HTTP/1.1", 413, error(413)],
    ["GET /slow HTTP/1.1", 408, error(408)],
    ["POST /b HTTP/1.1", 408, error(408)],
    ["GET /x HTTP/1.1", 500, error(500)],
    ["GET /e HTTP/1.1", 418, error(418)],
    ["HEAD /f7 HTTP/1.1", 200, 0],
    ["GET /n HTTP/1.1", 304, 0],
  ]);
});

Deno.test("for an aborted response the log has the bytes that were sent, and without a response that the client left", async () => {
  const sizes: number[] = [];
  const lines = await logged(async (port) => {
    {
      using client = await RawClient.connect(port, 4096);
      await client.send(get(`/f${64 << 20}`));
      const buffer = new Uint8Array(100_000);
      sizes.push(await client.receive(buffer));
      client.reset();
    }
    await sleep(50);
    {
      using client = await RawClient.connect(port);
      await client.send(get("/p1"));
      client.reset();
    }
    await sleep(50);
  });
  const [cut, left] = lines.map(parseLine) as [LoggedLine, LoggedLine];
  assertEquals([cut.request, cut.status], [`GET /f${64 << 20} HTTP/1.1`, 200]);
  assert(cut.bytes > sizes[0]! - 1000 && cut.bytes < 64 << 20, `${cut.bytes} of which ${sizes[0]} arrived`);
  assertEquals([left.request, left.bytes], ["GET /p1 HTTP/1.1", left.status === 499 ? 0 : 1]);
  assertEquals(lines.length, 2);
});

Deno.test("clients over the connection limit or the request rate are logged, too", async () => {
  const rate = { requests: 1, periodMs: 3_600_000 };
  const [first, second, third] = (await logged(
    async (port) => {
      using wire = await Wire.connect(port);
      await wire.send(get("/f1").repeat(2));
      await wire.expect();
      await wire.expect();
      await say(port, get("/full"));
    },
    "combined",
    { connectionsMax: 1, requestRateMax: rate },
  )).map(parseLine) as [LoggedLine, LoggedLine, LoggedLine];
  assertEquals([first.status, second.status, third?.status], [200, 429, 503]);
  assertEquals(third.request, "GET /full HTTP/1.1");
});

/** Returns an exchange: the request, and the expected line, except for values that only the client knows. */
function exchangeOf(
  random: Random,
): { text: string; isHead: boolean; request: string; status: number; bytes: number } {
  const size = random.pick([0, 1, 100, 5000, 70_000, 300_000]);
  const [method, path, status, bytes] = random.pick<[string, string, number, number]>([
    ["GET", `/f${size}`, 200, size],
    ["HEAD", `/f${size}`, 200, 0],
    ["GET", `/p${size}`, 200, size],
    ["GET", `/n${size}`, 304, 0],
    ["GET", `/s${size}`, 200, 2 * size],
    ["GET", "/e", 418, -1],
    ["POST", "/b", 200, size],
  ]);
  const body = method === "POST" ? "x".repeat(size) : "";
  const fields = method === "POST" ? `Content-Length: ${size}\r\n` : "";
  const agent = random.pick(["", "User-Agent: a\r\n", `User-Agent: ${random.below(1e9)}\r\n`]);
  const text = `${method} ${path} HTTP/1.1\r\nHost: x\r\n${agent}${fields}\r\n${body}`;
  return { text, isHead: method === "HEAD", request: `${method} ${path} HTTP/1.1`, status, bytes };
}

Deno.test(`random exchanges, pipelined or not, have one line each, with the status and the bytes that the client saw (EPOLLET_SEED=${SEED})`, async () => {
  const random = new Random();
  const expected: string[] = [];
  const lines = await logged(async (port) => {
    for (let client = 0; client < 4; client++) {
      using wire = await Wire.connect(port);
      for (let round = 0; round < 8; round++) {
        const exchanges = Array.from({ length: 1 + random.below(4) }, () => exchangeOf(random));
        await wire.send(exchanges.map(({ text }) => text).join(""));
        for (const { request, status, bytes, isHead } of exchanges) {
          const response = await wire.expect(isHead);
          assertEquals(response.status, status);
          const seen = isHead ? 0 : response.body.length;
          if (bytes >= 0) assertEquals(seen, bytes);
          expected.push(`${request} ${status} ${seen}`);
        }
      }
    }
  }, "common");
  const shown = ({ request, status, bytes }: LoggedLine) => `${request} ${status} ${bytes}`;
  assertEquals(lines.map(parseLine).map(shown), expected);
});

Deno.test("chunks are counted as they were sent, with their framing", async () => {
  let seen = 0;
  const [line] = await logged(async (port) => {
    const bytes = await say(port, get("/c1000"));
    const text = String.fromCharCode(...bytes);
    seen = bytes.length - text.indexOf("\r\n\r\n") - 4;
  }) as [string];
  assert(seen > 2000);
  assertEquals(parseLine(line).bytes, seen);
});

Deno.test("under load there are as many lines as requests", async () => {
  const lines = await logged(async (port) => {
    await Promise.all(Array.from({ length: 8 }, async (_, client) => {
      using wire = await Wire.connect(port);
      for (let round = 0; round < 20; round++) {
        await wire.send(get(`/f${client}`).repeat(25));
        for (let i = 0; i < 25; i++) await wire.expect();
      }
    }));
  });
  assertEquals(lines.length, 8 * 20 * 25);
  const counts = new Map<string, number>();
  for (const { request, bytes } of lines.map(parseLine)) {
    assertEquals(request, `GET /f${bytes} HTTP/1.1`);
    counts.set(request, (counts.get(request) ?? 0) + 1);
  }
  assertEquals([...counts.values()], new Array(8).fill(500));
});

Deno.test("nothing is logged without a log in the settings", async () => {
  await using server = serving(synchronous);
  assertEquals((await say(server.port, get("/f1"))).length > 0, true);
});
