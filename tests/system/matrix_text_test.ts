/**
 * The `hello`, `greet` and `print` handlers of the program, on each poller, with and without coroutines.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/descriptors.ts";
import {
  CLIENTS_AT_ONCE,
  type Combination,
  drip,
  leaveInTheMiddle,
  manyAtOnce,
  testMatrix,
} from "../support/matrix.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { Wire } from "../support/wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const HELLO =
  /^HTTP\/1\.0 200 OK\r\nDate: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\nContent-Type: text\/plain\r\nContent-Length: 13\r\n\r\nHello, world!$/;
const DASHES = "-".repeat(40);
const MUCH = new Uint8Array(2_000_000).fill(0x78);

/** Reads until the end, which must not be a reset. */
async function readText(wire: Wire): Promise<string> {
  return decoder.decode(await wire.readToEnd());
}

/** Sends as much as the server takes, which may close meanwhile. */
async function sendMuch(wire: Wire): Promise<void> {
  await wire.send(MUCH).catch(() => {});
}

testMatrix("hello", async ({ port, program }: Combination) => {
  for (const blank of ["\n\n", "\n\r\n", "\r\n\r\n"]) {
    const path = `/${blank.replaceAll("\r", "r").replaceAll("\n", "n")}`;
    using wire = await Wire.connect(port);
    await wire.send(`GET ${path} HTTP/1.1\r\nHost: x${blank}`);
    assertMatch(await readText(wire), HELLO);
    await program.printed(new RegExp(`^${DASHES}\nGET ${path} HTTP/1\\.1\nHost: x\n`, "m"));
  }
  { // byte by byte, and the client's half ends at once
    using wire = await Wire.connect(port);
    await drip(wire, encoder.encode("GET /drip HTTP/1.1\r\nHost: x\r\n\r\n"));
    await wire.endInput();
    assertMatch(await readText(wire), HELLO);
    await program.printed(new RegExp(`^${DASHES}\nGET /drip HTTP/1\\.1\nHost: x\n`, "m"));
  }
  { // later bytes are ignored, and do not destroy the response
    using wire = await Wire.connect(port);
    const sending = wire.send("POST /more HTTP/1.1\n\nand a body").then(() => sendMuch(wire));
    assertMatch(await readText(wire), HELLO);
    await sending;
  }
  { // without an empty line there is no response
    using wire = await Wire.connect(port);
    await wire.send("GET /unfinished HTTP/1.1\r\nHost: x\r\n");
    await wire.endInput();
    assert(await wire.isClosed());
  }
  { // longer than a head may be
    using wire = await Wire.connect(port);
    await wire.send("x: y\r\n".repeat(4000));
    assert(await wire.isClosed());
  }
  { // bytes of a client do not control the terminal
    using wire = await Wire.connect(port);
    await wire.send("GET /\x1b[31m\x07\r 请 HTTP/1.1\n\n");
    assertMatch(await readText(wire), HELLO);
    await program.printed(/^GET \/\\x1b\[31m\\x07\\x0d 请 HTTP\/1\.1\n/m);
  }
  await leaveInTheMiddle(
    port,
    encoder.encode("GET /left HTTP/1.1\r\nHost: x\r\n") as Uint8Array<ArrayBuffer>,
  );
  await leaveInTheMiddle(port, encoder.encode("GET /answered HTTP/1.1\n\n") as Uint8Array<ArrayBuffer>);
  await manyAtOnce(port, async (wire, i) => {
    await wire.send(`GET /many/${i} HTTP/1.1\r\n`);
    await wire.send("\r\n");
    assertMatch(await readText(wire), HELLO);
  });
  const countMany = () => [...program.stdout.matchAll(/^GET \/many\/\d+ HTTP\/1\.1\n/gm)].length;
  await eventually(() => countMany() === CLIENTS_AT_ONCE, "not every client is printed"); // in any order
  const printed = program.stdout;
  assert(!/\/unfinished|\/left|and a body|x: y/.test(printed), "only whole heads are printed");
  for (let i = 0; i < CLIENTS_AT_ONCE; i++) {
    assertStringIncludes(printed, `${DASHES}\nGET /many/${i} HTTP/1.1\n`);
  }
});

testMatrix("greet", async ({ port }: Combination) => {
  for (const bytes of [Uint8Array.of(0), encoder.encode("hi\n"), new Uint8Array(16 * 1024), MUCH]) {
    using wire = await Wire.connect(port);
    const sending = wire.send(bytes).catch(() => {});
    assertEquals(await readText(wire), "hello world", `after ${bytes.length} bytes`);
    await sending;
  }
  { // a client that sends byte by byte is answered at the first byte
    using wire = await Wire.connect(port);
    const dripping = drip(wire, encoder.encode("some bytes, one by one")).catch(() => {});
    assertEquals(await readText(wire), "hello world");
    await dripping;
  }
  {
    using wire = await Wire.connect(port);
    await wire.send("hi");
    await wire.endInput();
    assertEquals(await readText(wire), "hello world");
  }
  {
    using wire = await Wire.connect(port);
    await wire.endInput();
    assert(await wire.isClosed(), "who says nothing is not greeted");
  }
  { // a client that reads late gets everything
    using client = await RawClient.connect(port, 4096);
    await client.send("hi");
    await sleep(20);
    const answer = new Uint8Array(20);
    assertEquals(decoder.decode(answer.subarray(0, await client.receive(answer))), "hello world");
  }
  await leaveInTheMiddle(port, new Uint8Array(100_000));
  await manyAtOnce(port, async (wire, i) => {
    await wire.send("x".repeat(1 + i));
    assertEquals(await readText(wire), "hello world");
  });
});

/** Returns all printed text of a client, joined. */
function printedOf(stdout: string, who: string): string {
  return stdout.split("\n").filter((line) => line.startsWith(`${who}: `))
    .map((line) => line.slice(who.length + 2)).join("");
}

testMatrix("print", async ({ port, program }: Combination) => {
  const nameOf = (wire: Wire) => `127.0.0.1:${(wire.connection.localAddr as Deno.NetAddr).port}`;
  const escape = (text: string) => text.replace(/[.\\[\]$^*+?(){}|]/g, "\\$&");
  { // connection, text and end are printed; nothing is sent
    using wire = await Wire.connect(port);
    const who = nameOf(wire);
    await program.printed(new RegExp(`^${who} connected\n`, "m"));
    await wire.send("100%s %d %% \x1b[2J\x00\x7f\x85\ttab");
    await program.printed(
      new RegExp(`^${who}: ${escape("100%s %d %% \\x1b[2J\\x00\\x7f\\x85\ttab")}\n`, "m"),
    );
    await wire.endInput();
    assertEquals(await readText(wire), "");
    await program.printed(new RegExp(`^${who} left\n`, "m"));
    assertEquals(program.stdout.split(`${who} `).length, 3, "connected and left, once each");
  }
  { // characters that are cut between two packets, and one that never ends
    using wire = await Wire.connect(port);
    const who = nameOf(wire);
    const bytes = encoder.encode("请é🎈");
    await wire.send(bytes.subarray(0, 4));
    await program.printed(new RegExp(`^${who}: 请\n`, "m"));
    await wire.send(bytes.subarray(4, 8));
    await program.printed(new RegExp(`^${who}: é\n`, "m"));
    await wire.send(bytes.subarray(8));
    await program.printed(new RegExp(`^${who}: 🎈\n`, "m"));
    await wire.send(Uint8Array.of(0xff, 0x41, 0xe8, 0xaf));
    await program.printed(new RegExp(`^${who}: \ufffdA\n`, "m"));
    await wire.endInput();
    assertEquals(await readText(wire), "");
    await program.printed(new RegExp(`^${who}: \ufffd\n${who} left\n`, "m"));
  }
  { // byte by byte, and much at once
    using wire = await Wire.connect(port);
    const who = nameOf(wire);
    const text = Array.from({ length: 60_000 }, (_, i) => `${i}é`).join(" ");
    await drip(wire, encoder.encode(text.slice(0, 30)));
    await wire.send(text.slice(30));
    await wire.endInput();
    assertEquals(await readText(wire), "");
    await program.printed(new RegExp(`^${who} left\n`, "m"));
    const printed = printedOf(program.stdout, who);
    assert(printed === text, `${printed.length} characters are printed, not ${text.length}, or others`);
  }
  { // a reset is printed as an end
    using client = await RawClient.connect(port);
    const who = `127.0.0.1:${client.port}`;
    await client.send("hi");
    await program.printed(new RegExp(`^${who}: hi\n`, "m"));
    client.reset();
    await program.printed(new RegExp(`^${who} left\n`, "m"));
  }
  await leaveInTheMiddle(port, new Uint8Array(100_000).fill(0x61));
  const names: string[] = [];
  const begin = program.stdout.length;
  await manyAtOnce(port, async (wire, i) => {
    names[i] = nameOf(wire);
    await wire.send(`client ${i}`);
    await wire.endInput();
    assertEquals(await readText(wire), "");
  });
  const lines = new Map<string, string[]>();
  const readLines = () => {
    lines.clear();
    for (const line of program.stdout.slice(begin).split("\n")) {
      const who = line.slice(0, /: | /.exec(line)?.index);
      lines.set(who, [...lines.get(who) ?? [], line]);
    }
    return names.every((who) => lines.get(who)?.at(-1) === `${who} left`);
  };
  await eventually(readLines, "all of them came and left");
  for (const [i, who] of names.entries()) {
    const wanted = [`${who} connected`, `${who}: client ${i}`, `${who} left`];
    assertEquals(lines.get(who)?.slice(-3), wanted); // an earlier client may have had the same port
  }
});
