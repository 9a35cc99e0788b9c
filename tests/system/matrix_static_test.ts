/**
 * The `static` handler of the program, on each poller, with and without coroutines, over HTTP/1 and HTTP/2.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  assertSameBytes,
  drip,
  leaveInTheMiddle,
  manyAtOnce,
  randomBytes,
  testMatrix,
} from "../support/matrix.ts";
import { Flag, FrameType, PREFACE } from "../../server/protocols/http2/frames/frame.ts";
import { connectHttp2 } from "../support/both_versions.ts";
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
import { Site } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

/** A size that is kept in memory, and one that is sent by sendfile. */
const CACHED_BYTES = 900_000;
const SENT_BYTES = 3_000_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const INDEX = "<p>index 请</p>";
const cached = randomBytes(new Random(1), CACHED_BYTES);
const sent = randomBytes(new Random(2), SENT_BYTES);
const FILES = [["/cached.bin", cached], ["/sent.bin", sent]] as const;

const site = new Site({
  "html/index.html": INDEX,
  "html/a/b.html": "<p>b</p>",
  "html/cached.bin": cached,
  "html/sent.bin": sent,
});
globalThis.addEventListener("unload", () => site[Symbol.dispose]());

/** Returns HEADERS of a request with `method`. */
function asking(stream: number, path: string, method = "GET"): Uint8Array<ArrayBuffer> {
  const [, ...rest] = getFields(path);
  return headers(stream, [[":method", method], ...rest as Line[]]);
}

/** Does over HTTP/2 what the test does over HTTP/1. */
async function checkHttp2(port: number): Promise<void> {
  using wire = await connectHttp2({ port });
  let stream = -1;
  const ask = async (path: string, method?: string) => {
    await wire.send(asking(stream += 2, path, method));
    const { fields, body } = (await wire.response(stream))!;
    return { status: Number(fields[":status"]), fields, body, text: decoder.decode(body) };
  };
  for (const [path, text] of [["/", INDEX], ["/index.html", INDEX], ["/a/b.html", "<p>b</p>"]]) {
    const response = await ask(path!);
    assertEquals([response.status, response.text], [200, text]);
    assertEquals(response.fields["content-type"], "text/html; charset=UTF-8");
  }
  const missing = await ask("/missing");
  assertEquals(missing.status, 404);
  assertStringIncludes(missing.text, "请输入正确的url");
  const head = await ask("/sent.bin", "HEAD");
  assertEquals([head.fields["content-length"], head.body.length], [String(SENT_BYTES), 0]);
  for (const [path, bytes] of FILES) assertSameBytes((await ask(path)).body, bytes, path);
  await wire.send(
    post(stream += 2, "/", ["content-length", "5"]),
    frame(FrameType.DATA, 1, stream, encoder.encode("hello")),
  );
  assertEquals((await wire.response(stream))?.fields[":status"], "405");
  for (const byte of asking(stream += 2, "/")) { // each in its own packet if possible
    await wire.send(Uint8Array.of(byte));
    if (byte % 5 === 0) await sleep(1);
  }
  assertEquals(decoder.decode((await wire.response(stream))?.body), INDEX);

  const first = stream + 2;
  const statuses = new Map<number, string>(); // many at once, answered in any order
  await wire.send(
    ...Array.from({ length: 90 }, (_, i) => asking(stream += 2, i % 2 === 0 ? "/" : "/missing")),
  );
  const ended = new Set<number>();
  while (ended.size < 90) {
    const one = (await wire.next())!;
    if (one.type === FrameType.HEADERS) statuses.set(one.stream, wire.decode(one.payload)[":status"]!);
    if (one.type <= FrameType.HEADERS && one.flags & Flag.END_STREAM) ended.add(one.stream);
  }
  for (let i = 0; i < 90; i++) assertEquals(statuses.get(first + 2 * i), i % 2 === 0 ? "200" : "404");

  for (const [path, bytes] of FILES) {
    using halfClosed = await connectHttp2({ port });
    await halfClosed.send(asking(1, path));
    await halfClosed.end();
    assertSameBytes((await halfClosed.response(1))!.body, bytes, `${path} after a half-close`);
    while (await halfClosed.next() !== null);

    using slow = await Http2Wire.connect(port, setting(4, 20_000));
    await slow.send(asking(1, path));
    await sleep(30);
    assertSameBytes((await slow.response(1, true))!.body, bytes, `${path} to a slow reader`);

    const request = [
      encoder.encode(PREFACE),
      setting(4, 1 << 30),
      update(0, 1 << 30),
      asking(1, path),
      asking(3, path),
    ];
    await leaveInTheMiddle(port, Uint8Array.from(request.flatMap((part) => [...part])));
  }
}

testMatrix("static", async ({ port }) => {
  using wire = await Wire.connect(port);
  for (const [path, text] of [["/", INDEX], ["/index.html", INDEX], ["/a/b.html", "<p>b</p>"]]) {
    await wire.send(get(path!));
    const response = await wire.expect();
    assertEquals([response.status, response.text], [200, text]);
    assertEquals(response.fields["content-type"], "text/html; charset=UTF-8");
  }
  await wire.send(get("/missing"));
  const missing = await wire.expect();
  assertEquals(missing.status, 404);
  assertStringIncludes(missing.text, "请输入正确的url");
  await wire.send("HEAD /sent.bin HTTP/1.1\r\nHost: x\r\n\r\n");
  assertEquals((await wire.expect(true)).fields["content-length"], String(SENT_BYTES));
  for (const [path, bytes] of FILES) {
    await wire.send(get(path));
    assertSameBytes((await wire.expect()).body, bytes, path);
  }
  await wire.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + get("/a/b.html"));
  assertEquals([(await wire.expect()).status, (await wire.expect()).text], [405, "<p>b</p>"]);
  await drip(wire, encoder.encode(get("/")));
  assertEquals((await wire.expect()).text, INDEX);
  await wire.send((get("/") + get("/missing")).repeat(100)); // pipelined, and answered in order
  for (let i = 0; i < 100; i++) {
    assertEquals((await wire.expect()).text, INDEX);
    assertEquals((await wire.expect()).status, 404);
  }

  for (const [path, bytes] of FILES) {
    using halfClosed = await Wire.connect(port);
    await halfClosed.send(get(path));
    await halfClosed.endInput();
    assertSameBytes((await halfClosed.expect()).body, bytes, `${path} after a half-close`);
    assert(await halfClosed.isClosed());

    using slow = await RawClient.connect(port, 20_000);
    await slow.send(get(path, "Connection: close"));
    await sleep(30);
    const all = new Uint8Array(bytes.length + 2000);
    const length = await slow.receive(all);
    const body = all.indexOf(0x0d) >= 0 ? decoder.decode(all.subarray(0, 1000)).indexOf("\r\n\r\n") + 4 : 0;
    assertSameBytes(all.subarray(length - bytes.length, length), bytes, `${path} to a slow reader`);
    assertEquals(length - bytes.length, body);

    await leaveInTheMiddle(port, encoder.encode(get(path).repeat(2)) as Uint8Array<ArrayBuffer>);
  }
  await manyAtOnce(port, async (client, i) => {
    for (const path of i % 2 === 0 ? ["/", "/a/b.html"] : ["/missing", "/"]) {
      await client.send(get(path));
      const { status, text } = await client.expect();
      assertEquals([status, path === "/" ? text : INDEX], [path === "/missing" ? 404 : 200, INDEX]);
    }
  });
  await checkHttp2(port);
  await wire.send(get("/"));
  assertEquals((await wire.expect()).text, INDEX);
}, site.root);
