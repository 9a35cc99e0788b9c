/**
 * CORS fields for pages of other origins. Fetch standard, §3.3.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Cors, isOrigin } from "../../handlers/site/rules/cors.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { CORS_REQUESTED_FIELDS_BYTES_MAX } from "../../handlers/site/limits.ts";
import { bytesOf, withFields } from "../support/request_replay.ts";

const LIST = ["https://a.example", "http://b.example:8080"];
const EXPOSED = [
  "Access-Control-Expose-Headers",
  "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, ETag, Link",
] as const;

function requestWith(method: string, ...lines: string[]): HttpRequest {
  const bytes = bytesOf(withFields(...lines).replace("GET", method));
  const request = new HttpRequest();
  assertEquals(parseRequest(bytes, 0, bytes.length, request), bytes.length, lines.join());
  return request;
}

function preflightOf(cors: Cors, ...lines: string[]): Record<string, string> | null {
  const fields = cors.preflight(requestWith("OPTIONS", ...lines));
  if (fields === null) return null;
  assert(new HttpResponse(204, fields, null));
  const names = fields.map(([name]) => name);
  assertEquals(names.length, new Set(names).size, names.join());
  return Object.fromEntries(fields);
}

Deno.test("without a setting there are no CORS fields", () => {
  const cors = new Cors(null);
  const asking = "Origin: https://a.example";
  assertEquals(cors.originOf(requestWith("GET", asking)), null);
  assertEquals(cors.fieldsFor(null), []);
  assertEquals(cors.fieldsFor("https://a.example"), []);
  assertEquals(preflightOf(cors, asking, "Access-Control-Request-Method: GET"), null);
  assertEquals(cors.variesByOrigin, false);
});

Deno.test("when all origins may read, responses have a star for all, and do not vary", () => {
  for (const cors of [new Cors(["*"]), new Cors(["https://a.example", "*"])]) {
    for (const origin of [null, "https://a.example", "null"]) {
      assertEquals(cors.fieldsFor(origin), [["Access-Control-Allow-Origin", "*"], EXPOSED]);
    }
    assertEquals(cors.originOf(requestWith("GET", "Origin: https://a.example")), null);
    assertEquals(cors.variesByOrigin, false);
  }
});

Deno.test("with a list, an origin in it gets its own name, and every response varies", () => {
  const cors = new Cors(LIST);
  assertEquals(cors.variesByOrigin, true);
  for (const origin of LIST) {
    assertEquals(cors.originOf(requestWith("GET", `Origin: ${origin}`)), origin);
    assertEquals(cors.fieldsFor(origin), [["Access-Control-Allow-Origin", origin], EXPOSED, [
      "Vary",
      "Origin",
    ]]);
  }
  for (const origin of [null, "https://c.example"]) {
    assertEquals(cors.fieldsFor(origin), [["Vary", "Origin"]]);
  }
  assertEquals(new Cors([]).fieldsFor(null), [["Vary", "Origin"]]);
});

Deno.test("origins are compared exactly", () => {
  const cors = new Cors(LIST);
  for (
    const line of [
      "X: y",
      "Origin:",
      "Origin: null",
      "Origin: *",
      "Origin: https://A.example",
      "Origin: HTTPS://a.example",
      "Origin: http://a.example",
      "Origin: https://a.example/",
      "Origin: https://a.example:443",
      "Origin: https://a.example.evil.example",
      "Origin: https://evil.example/https://a.example",
      "Origin: https://xa.example",
      "Origin: http://b.example",
      "Origin: https://a.example https://a.example",
      "Origin: https://a.example\r\nOrigin: https://a.example",
    ]
  ) assertEquals(cors.originOf(requestWith("GET", line)), null, line);
});

Deno.test("the list takes only origins as browsers send them", () => {
  const cases: [string, boolean][] = [
    ["https://example.org", true],
    ["http://localhost:3000", true],
    ["http://[::1]:3000", true],
    ["https://xn--bcher-kva.example", true],
    ["chrome-extension://abcdefghijklmnop", true],
    ["capacitor://localhost", true],
    ["null", false],
    ["", false],
    ["example.org", false],
    ["//example.org", false],
    ["https://", false],
    ["https://example.org/", false],
    ["https://example.org/path", false],
    ["https://example.org:443", false],
    ["http://example.org:80", false],
    ["https://Example.org", false],
    ["HTTPS://example.org", false],
    ["https://bücher.example", false],
    ["https://*.example.org", false],
    ["https://user@example.org", false],
    ["https://example.org,https://a.example", false],
    ["https://example.org ", false],
    ["https://example.org\r\nX: y", false],
    ["https://[::1", false],
    ["https://a:b:c", false],
  ];
  for (const [text, expected] of cases) {
    assertEquals(isOrigin(text), expected, text);
    if (expected) assert(new Cors([text]));
    else assertThrows(() => new Cors([text]), TypeError, JSON.stringify(text));
  }
});

Deno.test("when all origins may read, every preflight request is answered", () => {
  const cors = new Cors(["*"]);
  for (const origin of ["https://a.example", "null"]) {
    assertEquals(preflightOf(cors, `Origin: ${origin}`, "Access-Control-Request-Method: GET"), {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
      "Access-Control-Max-Age": "7200",
      "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
    });
  }
});

Deno.test("a preflight request of a listed origin is answered; others get no permission", () => {
  const cors = new Cors(LIST);
  const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
  const lines = ["Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: range,if-none-match"];
  assertEquals(preflightOf(cors, `Origin: ${LIST[1]}`, ...lines), {
    "Access-Control-Allow-Origin": LIST[1]!,
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "range,if-none-match",
    "Access-Control-Max-Age": "7200",
    "Vary": vary,
  });
  for (const origin of ["https://c.example", "null", "*", ""]) {
    assertEquals(preflightOf(cors, `Origin: ${origin}`, ...lines), { Vary: vary }, origin);
  }
});

Deno.test("a request that is no preflight request is not answered as one", () => {
  const cors = new Cors(["*"]);
  assertEquals(preflightOf(cors), null);
  assertEquals(preflightOf(cors, "Origin: https://a.example"), null);
  assertEquals(preflightOf(cors, "Access-Control-Request-Method: GET"), null);
  for (const method of ["GET", "HEAD", "POST"]) {
    const request = requestWith(method, "Origin: https://a.example", "Access-Control-Request-Method: GET");
    assertEquals(cors.preflight(request), null, method);
  }
});

Deno.test("of the field names in a preflight request only a well-formed list is returned, up to a limit", () => {
  const cors = new Cors(["*"]);
  const longest = "x".repeat(CORS_REQUESTED_FIELDS_BYTES_MAX);
  const cases: [string, boolean][] = [
    ["range", true],
    ["range, If-Range ,\tx-a", true],
    ["a,b,c", true],
    ["!#$%&'*+-.^_`|~09azAZ", true],
    [longest, true],
    [longest + "x", false],
    ["", false],
    [",", false],
    ["a,", false],
    [",a", false],
    ["a,,b", false],
    ["a b", false],
    ["a: b", false],
    ["a;b", false],
    ["<script>", false],
    ["\xfc", false],
  ];
  for (const [value, isListed] of cases) {
    const lines = [
      "Origin: null",
      "Access-Control-Request-Method: GET",
      `Access-Control-Request-Headers: ${value}`,
    ];
    const listed = preflightOf(cors, ...lines)?.["Access-Control-Allow-Headers"];
    assertEquals(listed, isListed ? value : undefined, value);
  }
  const two = ["Access-Control-Request-Headers: a", "Access-Control-Request-Headers: b"];
  const fields = preflightOf(cors, "Origin: null", "Access-Control-Request-Method: GET", ...two);
  assertEquals(fields?.["Access-Control-Allow-Headers"], "a, b");
});

Deno.test("credentials are never allowed", () => {
  for (const origins of [["*"], LIST]) {
    const cors = new Cors(origins);
    const request = requestWith("OPTIONS", `Origin: ${LIST[0]}`, "Access-Control-Request-Method: GET");
    for (const fields of [cors.fieldsFor(LIST[0]!), cors.preflight(request) ?? []]) {
      assert(fields.length > 1);
      for (const [name] of fields) assert(!/credentials/i.test(name), name);
    }
  }
});
