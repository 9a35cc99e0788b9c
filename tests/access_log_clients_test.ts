/**
 * The access log of a server whose clients do what they can to forge a line, or to break one.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes";
import type { LogFormatName } from "../server/access_log/format.ts";
import { encodeUtf8 } from "../server/http/characters.ts";
import { HttpResponse } from "../server/http/response.ts";
import { HEAD_BYTES_MAX, LOG_LINE_BYTES_MAX } from "../server/limits.ts";
import { LogInFile, parseLine } from "./support/access_log.ts";
import { serving } from "./support/in_process.ts";
import { Wire } from "./support/wire.ts";

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** The lines of a server that was sent each of `requests`. */
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

Deno.test("the path of a UNIX socket that a proxy names as its client cannot forge a line", async () => {
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
    assertMatch(lines[0], /^[\x20-\x7e]+$/);
    if (format === "combined") {
      const { client } = parseLine(lines[0]);
      assertEquals(
        client,
        "unix:x\\x22\\x20200\\x201\\x0a6.6.6.6\\x20-\\x20-\\x20\\x5b\\x1b\\x5b2J\\xef\\xbf\\xbd",
      );
    } else assertMatch(JSON.parse(lines[0]).client, /^unix:x" 200 1\n6\.6\.6\.6/);
  }
});

Deno.test("the longest line that a request can cause is whole, in whatever place of the buffer", async () => {
  const user = btoa(String.fromCharCode(...encodeUtf8("\u{1d160}".repeat(188) + ":"))); // NFC makes three of one
  const begin = `GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${user}\r\nUser-Agent: `;
  const agent = "\xff".repeat(HEAD_BYTES_MAX - begin.length - 4);
  const request = latin1(`${begin}${agent}\r\n\r\n`);
  const lines = await logged([request, request, request], "json");
  assertEquals(lines.length, 3);
  for (const line of lines) {
    assert(line.length > 6 * agent.length && line.length <= LOG_LINE_BYTES_MAX, `${line.length}`);
    assertEquals(JSON.parse(line).userAgent, agent);
  }
});
