/**
 * The access log with clients that try to forge a line, or to break one.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "../../server/http/bytes.ts";
import { ADDED_BYTES_MAX } from "../../server/access_log/escape.ts";
import type { LogFormatName } from "../../server/access_log/format.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import {
  HEAD_BYTES_MAX,
  HEAD_BYTES_MOST,
  LOG_ESCAPES_BYTES_MAX,
  LOG_LINE_BYTES_MAX,
} from "../../server/limits.ts";
import { LogInFile, parseLine } from "../support/access_log.ts";
import { serving } from "../support/in_process.ts";
import { Wire } from "../support/wire.ts";

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Returns the lines of a server that got each of `requests`. */
async function logged(
  requests: readonly Uint8Array[],
  format: Exclude<LogFormatName, "none">,
  proxyProtocol = false,
): Promise<string[]> {
  using log = new LogInFile();
  const server = serving(() => HttpResponse.text("ok"), {
    accessLog: { format, file: log.path },
    proxyProtocol,
  });
  for (const request of requests) {
    using wire = await Wire.connect(server.port);
    await wire.send(request);
    await wire.endInput();
    await wire.readToEnd();
  }
  await server.handle.shutdown();
  return log.lines;
}

Deno.test("the path of a UNIX socket that a PROXY header names as the client cannot forge a line", async () => {
  const path = 'x" 200 1\n6.6.6.6 - - [\x1b[2J\xff';
  const addresses = new Uint8Array(216);
  addresses.set(latin1(path));
  const header = Uint8Array.of(
    13,
    10,
    13,
    10,
    0,
    13,
    10,
    81,
    85,
    73,
    84,
    10,
    0x21,
    0x31,
    0,
    addresses.length,
  );
  const request = concat([header, addresses, latin1("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]);
  for (const format of ["combined", "json"] as const) {
    const lines = await logged([request], format, true);
    assertEquals(lines.length, 1, lines.join("\n"));
    assertMatch(lines[0]!, /^[\x20-\x7e]+$/);
    if (format === "combined") {
      const { client } = parseLine(lines[0]!);
      assertEquals(
        client,
        "unix:x\\x22\\x20200\\x201\\x0a6.6.6.6\\x20-\\x20-\\x20\\x5b\\x1b\\x5b2J\\xef\\xbf\\xbd",
      );
    } else assertMatch(JSON.parse(lines[0]!).client, /^unix:x" 200 1\n6\.6\.6\.6/);
  }
});

Deno.test("the longest possible line is complete anywhere in the buffer, and its long fields are cut", async () => {
  // NFC makes three characters of one.
  const user = btoa(String.fromCharCode(...encodeUtf8("\u{1d160}".repeat(188) + ":")));
  const begin = `GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${user}\r\nUser-Agent: `;
  const agent = "\xff".repeat(HEAD_BYTES_MAX - begin.length - 4);
  const request = latin1(`${begin}${agent}\r\n\r\n`);
  const lines = await logged([request, request, request], "json");
  assertEquals(lines.length, 3);
  const lineBytesMax = LOG_LINE_BYTES_MAX - HEAD_BYTES_MOST + HEAD_BYTES_MAX;
  for (const line of lines) {
    assert(line.length > agent.length && line.length <= lineBytesMax, `${line.length}`);
    const shown: string = JSON.parse(line).userAgent;
    assertMatch(shown, /^\xff{2500,}\u2026$/);
  }
});

/** The part of a line that a client did not send: names, date, numbers, and the client's address. */
const FRAME_BYTES_MAX = 260;

/** Requests with long fields of the most expensive characters, and the number of fields in which these are logged. */
const COSTLY: readonly [what: string, request: (size: number) => string, fields: number][] = [
  [
    "a browser's name",
    (size) => `GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ${"\xff".repeat(size)}\r\n\r\n`,
    1,
  ],
  ["a target", (size) => `GET /${"\x80".repeat(Math.min(size, 8000))} HTTP/1.1\r\nHost: a\r\n\r\n`, 1],
  [
    "quotes and tabs",
    (size) => `GET / HTTP/1.1\r\nHost: a\r\nReferer: ${'a"\t\\'.repeat(size / 4)}a\r\n\r\n`,
    1,
  ],
  [
    "three fields",
    (size) =>
      `GET /${"\xe9".repeat(size / 4)} HTTP/1.1\r\nHost: a\r\nReferer: ${
        "\xe9".repeat(size / 4)
      }\r\nUser-Agent: ${"\xe9".repeat(size / 4)}\r\n\r\n`,
    3,
  ],
  ["no request", (size) => `${"\x01".repeat(Math.min(size, 1000))}\r\n\r\n`, 1],
];

for (const format of ["combined", "common", "json"] as const) {
  Deno.test(`a line in ${format} is at most as long as its fields, and 1 KiB more for each field with other than ASCII`, async () => {
    for (const [what, request, fields] of COSTLY) {
      for (const size of [40, 400, 4000, 15_000]) {
        const bytes = latin1(request(size));
        for (const [i, line] of (await logged([bytes, bytes, bytes], format)).entries()) {
          const most = bytes.length + fields * ADDED_BYTES_MAX + FRAME_BYTES_MAX;
          assert(line.length <= most, `${what} of ${size}, time ${i}: ${line.length} of ${most}`);
          assertMatch(line, /^[\x20-\x7e]+$/);
          if (format === "json") JSON.parse(line);
          else parseLine(line);
        }
      }
    }
  });
}

Deno.test("a cut field differs from a client's imitation, and is cut between two characters", async () => {
  for (let ascii = 0; ascii < 14; ascii++) { // the cut comes at each position of an escape
    const cut = "a".repeat(ascii) + "\xff".repeat(2000);
    for (const end of ["\\...", "\\\\...", "\\u2026", "\xe2\x80\xa6"]) {
      const request = (agent: string) => latin1(`GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ${agent}\r\n\r\n`);
      const agents = [cut, `b${end}`].map(request);
      const json = (await logged(agents, "json")).map((line): string => JSON.parse(line).userAgent);
      assertMatch(json[0]!, /^a*\xff+\u2026$/);
      assertEquals(json[1], `b${end}`);
      const text = (await logged(agents, "combined")).map((line) => parseLine(line).agent!);
      assertMatch(text[0]!, /^a*(\\xff)+\\\\\.\.\.$/);
      assert(!text[1]!.includes("\\\\..."), text[1]);
      if (ascii > 0) break; // for ends no more is needed
    }
  }
});

Deno.test("fields whose escapes take exactly 1 KiB are complete", async () => {
  const agent = "\xff".repeat(Math.floor(LOG_ESCAPES_BYTES_MAX / 5));
  for (const [extra, isWhole] of [["", true], ["x".repeat(9000), true], ["\xff", false]] as const) {
    const request = latin1(`GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ${agent}${extra}x\r\n\r\n`);
    const [line] = await logged([request], "json") as [string];
    const shown = JSON.parse(line).userAgent;
    if (isWhole) assertEquals(shown, `${agent}${extra}x`);
    else assertMatch(shown, /\u2026$/);
  }
});
