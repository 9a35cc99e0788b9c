/**
 * The cache of heads: a request that is found by its bytes equals the one that the parser makes of them, whatever
 * requests come in between.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { HeadCache } from "../../server/http/heads/head_cache.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { CACHED_HEAD_BYTES_MAX, CACHED_HEADS_BYTES_MAX, CACHED_HEADS_MAX } from "../../server/limits.ts";
import { type Random, repeat } from "../support/random.ts";
import { answer, describe, onBoth, Scripted, withoutDate } from "../support/scripted.ts";
import { get } from "../support/wire.ts";

/**
 * Receives `text` at `start` of a slot, as a connection does: finds it in the cache, or parses it and lets the cache
 * learn it.
 */
function receive(heads: HeadCache, text: string, start = 0): { request: HttpRequest; isKnown: boolean } {
  const bytes = new Uint8Array(start + text.length);
  bytes.set(encodeUtf8(text), start);
  const view = new DataView(bytes.buffer);
  const known = heads.find(view, start, text.length);
  if (known !== null) return { request: known, isKnown: true };
  const request = new HttpRequest();
  const taken = parseRequest(bytes, start, bytes.length, request);
  assert(taken > 0, text);
  heads.learn(request, view, start, taken);
  return { request, isKnown: false };
}

/** Returns the request that the parser makes of `text`. */
function parsed(text: string): HttpRequest {
  const bytes = encodeUtf8(text);
  const request = new HttpRequest();
  assert(parseRequest(bytes, 0, bytes.length, request) > 0, text);
  return request;
}

function summary(request: HttpRequest): unknown[] {
  const { method, targetForm, path, query, minorVersion, keepAlive, isConditional, fieldCount } = request;
  const fields = ["host", "x", "range", "cookie"].map((name) => request.header(name));
  return [method, targetForm, path, query, minorVersion, keepAlive, isConditional, fieldCount, ...fields];
}

function randomHead(random: Random): string {
  const target = random.oneIn(5) ? "*" : `/${random.below(3)}${random.oneIn(2) ? "?q=1" : ""}`;
  const method = target === "*" ? "OPTIONS" : random.pick(["GET", "HEAD", "DELETE"]);
  const fields = Array.from(
    { length: random.below(2) },
    () =>
      random.pick(["X: y", "Range: bytes=1-2", "Cookie: abcdefghijk", "Connection: close", "X:"]) + "\r\n",
  );
  return `${method} ${target} HTTP/1.${random.below(2)}\r\nHost: a${random.below(3)}\r\n${
    fields.join("")
  }\r\n`;
}

Deno.test("a head is known from its third use on, as one object with bytes of its own", () => {
  const heads = new HeadCache();
  const text = get("/a/b.html?c=d", "X: y");
  assert(!receive(heads, text, 7).isKnown);
  assert(!receive(heads, text, 2).isKnown);
  const third = receive(heads, text, 5);
  assert(third.isKnown && third.request.isShared);
  assertEquals(third.request.buffer.length, text.length);
  assertEquals(summary(third.request), summary(parsed(text)));
  assertEquals(third.request.header("x"), "y");
  assert(receive(heads, text).request === third.request);
});

Deno.test("a found request equals the parsed one, for heads that differ by little and come in random order", () => {
  const heads = new HeadCache();
  let known = 0;
  repeat(20_000, (random) => {
    const text = randomHead(random);
    const following = random.oneIn(3) ? randomHead(random).slice(0, random.below(60)) : "";
    const found = receive(heads, text + following, random.below(9));
    if (found.isKnown) known++;
    assertEquals(summary(found.request), summary(parsed(text)), text);
  });
  assert(known > 10_000, `only ${known} of 20,000 were known`);
});

Deno.test("a head with one byte changed is another head, wherever the byte is", () => {
  const text = get("/path", "X: yyy");
  for (let i = 0; i < text.length; i++) {
    const heads = new HeadCache();
    for (let k = 0; k < 3; k++) receive(heads, text);
    const bytes = encodeUtf8(text);
    bytes[i]! ^= 1;
    assertEquals(heads.find(new DataView(bytes.buffer), 0, bytes.length), null, `byte ${i}`);
    assertEquals(heads.find(new DataView(bytes.buffer), 0, bytes.length - 1), null, `byte ${i}, one shorter`);
  }
});

Deno.test("more heads than there is room for push each other out, and a long head is never kept", () => {
  const heads = new HeadCache();
  const count = CACHED_HEADS_MAX * 2;
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < count; i++) receive(heads, get(`/${i}`));
  }
  let known = 0;
  for (let i = 0; i < count; i++) {
    const { request, isKnown } = receive(heads, get(`/${i}`));
    assertEquals(request.path, `/${i}`);
    if (isKnown) known++;
  }
  assert(known > 0 && known <= CACHED_HEADS_MAX, String(known));
  const long = get("/long", `X: ${"y".repeat(CACHED_HEAD_BYTES_MAX)}`);
  for (let i = 0; i < 4; i++) assert(!receive(heads, long).isKnown);
});

for (const isLogged of [false, true]) {
  Deno.test(`the memory of known heads is bounded and counted, ${isLogged ? "with" : "without"} a log`, () => {
    const heads = new HeadCache();
    heads.isLogged = isLogged;
    const head = (i: number) => get(`/${i}`, `X: ${"y".repeat(900)}`);
    const empty = heads.snapshot();
    assertEquals(empty.count, 0);
    assertEquals(empty.bytesMax, CACHED_HEADS_BYTES_MAX);
    for (let k = 0; k < 2; k++) receive(heads, head(0));
    const one = heads.snapshot();
    assertEquals(one.count, 1);
    const each = one.bytes - empty.bytes;
    assert(each > 2 * head(0).length, String(each));
    const room = Math.floor((CACHED_HEADS_BYTES_MAX - empty.bytes) / (each + 20));
    assert(room < CACHED_HEADS_MAX * 0.7, "bytes run out before places do");
    for (let i = 1; i < CACHED_HEADS_MAX * 3; i++) {
      for (let k = 0; k < 2; k++) receive(heads, head(i));
      assert(heads.snapshot().bytes <= CACHED_HEADS_BYTES_MAX, String(i));
    }
    const full = heads.snapshot();
    assert(full.count >= room, `${full.count} of ${room}`);
    let known = 0;
    for (let i = 0; i < CACHED_HEADS_MAX * 3; i++) {
      const found = heads.find(new DataView(encodeUtf8(head(i)).buffer), 0, head(i).length);
      if (found === null) continue;
      known++;
      assertEquals(found.path, `/${i}`);
    }
    assertEquals(known, full.count, "what is counted is found");
    // Short heads replace the long ones one by one, and the account stays exact.
    for (let i = 0; i < CACHED_HEADS_MAX * 4; i++) for (let k = 0; k < 2; k++) receive(heads, get(`/${i}`));
    const short = heads.snapshot();
    assert(short.bytes <= CACHED_HEADS_BYTES_MAX);
    assert(short.count > full.count, `${short.count} short ones, ${full.count} long ones`);
  });
}

onBoth(
  "the same request is found again and again: alone, pipelined, cut in two and after a body",
  (trigger) => {
    using scripted = new Scripted(describe, trigger);
    const body = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let expected = "";
    for (let i = 0; i < 6; i++) {
      scripted.receive(get("/a"));
      scripted.receive(get("/a") + get("/a") + get("/b") + get("/a").slice(0, 9));
      scripted.receive(get("/a").slice(9));
      scripted.receive(body + get("/a"));
      for (const path of ["/a", "/a", "/a", "/b", "/a"]) expected += answer(`GET ${path}`);
      expected += answer("POST /p") + answer("GET /a");
      assertEquals(withoutDate(scripted.socket.text), expected, `round ${i}`);
    }
  },
);

onBoth(
  "a handler that keeps a shared request finds it unchanged after other requests",
  async (trigger) => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => release = resolve);
    using scripted = new Scripted(async (request) => {
      if (request.isShared && request.path === "/kept") await gate;
      return new HttpResponse(200, [], encodeUtf8(`${request.path} ${request.header("x")}`));
    }, trigger);
    for (let i = 0; i < 2; i++) {
      scripted.receive(get("/kept", "X: 1"));
      await scripted.settle();
    }
    scripted.socket.sent = [];
    scripted.receive(get("/kept", "X: 1") + get("/next", "X: 2"));
    for (let i = 0; i < 3; i++) await scripted.settle();
    assertEquals(scripted.socket.text, "", "the first is pending");
    release();
    for (let i = 0; i < 3; i++) await scripted.settle();
    assertEquals(withoutDate(scripted.socket.text), answer("/kept 1") + answer("/next 2"));
  },
);
