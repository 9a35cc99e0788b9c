/**
 * Heads of requests in HTTP/2: what they become, and which are malformed (RFC 9113 §8).
 * @module
 */
import { assertEquals } from "@std/assert";
import { latin1 } from "../../server/http/characters.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { HpackDecoder } from "../../server/protocols/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../server/protocols/http2/hpack/encoder.ts";
import { MALFORMED, RequestHead } from "../../server/protocols/http2/requests/request_head.ts";

const BYTES_MAX = 16_384;
const FIELDS_MAX = 100;
const head = new RequestHead(BYTES_MAX);

type Lines = readonly (readonly [name: string, value: string])[];

const GET: Lines = [[":method", "GET"], [":scheme", "https"], [":authority", "a.test"], [":path", "/x?y"]];

function blockOf(lines: Lines): Uint8Array {
  const encoder = new HpackEncoder();
  for (const [name, value] of lines) encoder.add(name, Uint8Array.from(value, (c) => c.charCodeAt(0)));
  return encoder.toBytes();
}

function read(lines: Lines, hasEnded = true, bytesMax = BYTES_MAX, fieldsMax = FIELDS_MAX) {
  const request = new HttpRequest(fieldsMax);
  head.begin(request, bytesMax, fieldsMax);
  const block = blockOf(lines);
  assertEquals(new HpackDecoder().decode(block, 0, block.length, head), true);
  return { status: head.finish(hasEnded), request };
}

Deno.test("a head becomes one of HTTP/1, with the authority as Host before all other fields", () => {
  const { status, request } = read([...GET, ["accept", "*/*"], ["cookie", "a=1"], ["cookie", "b=2"], [
    "range",
    "bytes=0-",
  ]]);
  assertEquals(status, 0);
  assertEquals(
    latin1(head.bytes, head.start, head.end),
    "GET /x?y HTTP/2.0\r\nhost: a.test\r\naccept: */*\r\ncookie: a=1\r\ncookie: b=2\r\nrange: bytes=0-\r\n\r\n",
  );
  assertEquals([request.method, request.path, request.query, request.authority], [
    "GET",
    "/x",
    "?y",
    "a.test",
  ]);
  assertEquals(request.header("cookie"), "a=1; b=2");
  assertEquals([request.isConditional, request.fieldCount, request.keepAlive, request.hasBody], [
    true,
    5,
    true,
    false,
  ]);
  assertEquals([...request.headers()].map(([name]) => name), ["host", "accept", "cookie", "cookie", "range"]);
  assertEquals(latin1(request.buffer, request.lineStart, request.lineEnd), "GET /x?y HTTP/2.0");
});

Deno.test("a Host field may stand for the authority, or beside it if it says the same", () => {
  const plain = GET.filter(([name]) => name !== ":authority");
  assertEquals(read([...plain, ["host", "b.test"]]).request.authority, "b.test");
  assertEquals(read([...GET, ["host", "A.test"]]).request.authority, "a.test");
  assertEquals(read([...GET, ["host", "b.test"]]).status, MALFORMED);
  assertEquals(read([...GET, ["host", "a.test"], ["host", "a.test"]]).status, MALFORMED);
  assertEquals(read(plain).status, MALFORMED);
});

Deno.test("a body follows unless the stream has ended, and its length has to agree with that", () => {
  const post = [[":method", "POST"], ...GET.slice(1)] as Lines;
  const sized = read([...post, ["content-length", "5"], ["expect", "100-continue"]], false).request;
  assertEquals([sized.contentLength, sized.hasBody, sized.expectsContinue], [5, true, true]);
  assertEquals(read(post, false).request.hasBody, true);
  assertEquals(read([...post, ["content-length", "0"]], true).status, 0);
  assertEquals(read([...post, ["content-length", "5"]], true).status, MALFORMED);
  assertEquals(read([...post, ["content-length", "5"], ["content-length", "5"]], false).status, MALFORMED);
  assertEquals(read([...post, ["content-length", "-1"]], false).status, MALFORMED);
});

Deno.test("malformed heads: pseudo-fields, names, values, fields of a connection", () => {
  const without = (name: string) => GET.filter(([other]) => other !== name);
  const wrong: readonly Lines[] = [
    without(":method"),
    without(":scheme"),
    without(":path"),
    [...GET, [":path", "/"]],
    [...GET, [":other", "x"]],
    [...GET, [":status", "200"]],
    [["accept", "x"], ...GET],
    [...without(":path"), [":path", ""]],
    [...without(":path"), [":path", "x"]],
    [...without(":path"), [":path", "*"]],
    [...without(":path"), [":path", "/a b"]],
    [...without(":path"), [":path", "/a#b"]],
    [...without(":authority"), [":authority", ""]],
    [...without(":authority"), [":authority", "user@a.test"]],
    [...without(":authority"), [":authority", "a b"]],
    [[":method", ""], ...GET.slice(1)],
    [[":method", "G T"], ...GET.slice(1)],
    [...GET, ["Accept", "x"]],
    [...GET, ["a b", "x"]],
    [...GET, ["", "x"]],
    [...GET, ["x", "a\0b"]],
    [...GET, ["x", "a\nb"]],
    [...GET, ["x", "a\rb"]],
    [...GET, ["x", " a"]],
    [...GET, ["x", "a\t"]],
    [...GET, ["connection", "close"]],
    [...GET, ["keep-alive", "x"]],
    [...GET, ["proxy-connection", "x"]],
    [...GET, ["transfer-encoding", "chunked"]],
    [...GET, ["upgrade", "h2c"]],
    [...GET, ["te", "gzip"]],
    [[":method", "CONNECT"], ...GET.slice(1)],
  ];
  for (const lines of wrong) assertEquals(read(lines).status, MALFORMED, JSON.stringify(lines));
  assertEquals(read([...GET, ["te", "trailers"]]).status, 0);
  assertEquals(read([[":method", "OPTIONS"], ...without(":path").slice(1), [":path", "*"]]).status, 0);
  assertEquals(read([[":method", "CONNECT"], [":authority", "a.test:443"]]).status, -501);
  assertEquals(read([...GET, ["expect", "x"]]).status, -417);
});

Deno.test("heads that are too large are 431, a target that is too long is 414, and the table is kept right", () => {
  assertEquals(read([...GET, ["x", "y".repeat(BYTES_MAX)]]).status, -431);
  assertEquals(read([...GET, ...Array.from({ length: 100 }, () => ["x", "y"] as const)]).status, -431);
  assertEquals(read([...GET, ...Array.from({ length: 98 }, () => ["x", "y"] as const)]).status, 0);
  assertEquals(read([...GET.slice(0, 3), [":path", `/${"x".repeat(9000)}`]]).status, -414);
});

Deno.test("trailers have no pseudo-fields", () => {
  const status = (lines: Lines) => {
    head.begin(null, BYTES_MAX, FIELDS_MAX);
    const block = blockOf(lines);
    new HpackDecoder().decode(block, 0, block.length, head);
    return head.finishTrailers();
  };
  assertEquals(status([["x-checksum", "1"]]), 0);
  assertEquals(status([[":path", "/"]]), MALFORMED);
  assertEquals(status([["Bad", "1"]]), MALFORMED);
});
