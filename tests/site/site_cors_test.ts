/**
 * CORS over a real socket, and fields that are longer than any client sends.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ServedSite } from "../support/served_site.ts";
import { get } from "../support/wire.ts";

const FILES = {
  "index.html": "home",
  "a.txt": "0123456789",
  "assets/app.js": "script",
  "assets/app.js.gz": "gz",
  "docs/index.html": "docs",
  "404.html": "[missing]",
};
const A = "https://a.example";
const B = "http://b.example:8080";

Deno.test("--cors: pages of all origins may read everything, also errors; the Origin of a request makes no difference", async () => {
  await using served = await ServedSite.start(FILES, { args: ["--cors"] });
  const { etag } = (await served.ask(get("/a.txt"))).fields;
  for (
    const request of [
      get("/a.txt"),
      get("/a.txt", `Origin: ${A}`),
      get("/a.txt", "Origin: null"),
      get("/a.txt", `If-None-Match: ${etag}`),
      get("/a.txt", "Range: bytes=1-2"),
      get("/a.txt", "Range: bytes=90-"),
      get("/missing", `Origin: ${A}`),
      get("/docs"),
      get("/%00"),
      get("/a.txt").replace("GET", "POST"),
    ]
  ) {
    const { fields } = await served.ask(request);
    assertEquals([fields["access-control-allow-origin"], fields.vary], ["*", undefined], request);
    assert(fields["access-control-expose-headers"]!.includes("Content-Range"));
    assertEquals(fields["access-control-allow-credentials"], undefined);
  }
});

Deno.test("--cors with a list: a response never has the field of another origin, whatever was answered before", async () => {
  await using served = await ServedSite.start(FILES, { args: [`--cors=${A},${B}`] });
  const { etag } = (await served.ask(get("/a.txt"))).fields;
  const kinds: [string, string[], number][] = [
    ["/a.txt", [], 200],
    ["/a.txt", [`If-None-Match: ${etag}`], 304],
    ["/a.txt", ["Range: bytes=1-2"], 206],
    ["/a.txt", ["Range: bytes=90-"], 416],
    ["/assets/app.js", ["Accept-Encoding: gzip"], 200],
    ["/missing", [], 404],
    ["/docs", [], 301],
    ["/%00", [], 400],
  ];
  const origins: [string | null, string | undefined][] = [
    [A, A],
    [null, undefined],
    [B, B],
    ["https://evil.example", undefined],
    ["HTTPS://A.EXAMPLE", undefined],
    [`${A}:443`, undefined],
    [`${A}.evil.example`, undefined],
    [`${A}, ${B}`, undefined],
    ["null", undefined],
    ["*", undefined],
  ];
  for (let round = 0; round < 4; round++) {
    for (const [target, lines, status] of kinds) {
      for (const [origin, allowed] of origins) {
        const asked = get(target, ...lines, ...(origin === null ? [] : [`Origin: ${origin}`]));
        const { fields, ...response } = await served.ask(asked);
        assertEquals([response.status, fields["access-control-allow-origin"]], [status, allowed], asked);
        assert(/(^|, )Origin($|,)/.test(fields.vary!), `${asked}: Vary is ${fields.vary}`);
        assertEquals(fields["access-control-allow-credentials"], undefined);
      }
    }
  }
  const preflight = (origin: string) =>
    get(
      "/a.txt",
      `Origin: ${origin}`,
      "Access-Control-Request-Method: GET",
      "Access-Control-Request-Headers: range",
    )
      .replace("GET", "OPTIONS");
  for (let round = 0; round < 3; round++) {
    for (const [origin, allowed] of [[A, A], ["https://evil.example", undefined], [B, B]] as const) {
      const { status, fields } = await served.ask(preflight(origin));
      assertEquals([status, fields["access-control-allow-origin"]], [204, allowed]);
      assertEquals(fields["access-control-allow-headers"], allowed && "range");
      assertEquals(fields["access-control-allow-methods"], allowed && "GET, HEAD, OPTIONS");
    }
  }
});

Deno.test("fields of 14 KB, well-formed or not, are answered in a moment, and nothing is printed on standard error", async () => {
  const config = { cors: [A], compress: true, spa: true, auth: [{ source: "/private/**", users: {} }] };
  await using served = await ServedSite.start(FILES, { config });
  const size = 14_000;
  const fill = (text: string) => text.repeat(Math.floor(size / text.length));
  const fields: [string, string[]][] = [
    ["Accept", ["text/html,", "a;q=0.1,", ";", ",", '"', '\\"', "*/*;", "text/html;q=,", " \t", "q=0;"]],
    ["Accept-Encoding", ["gzip,", "br;q=0.5,", ";q=", ",,", "gzip ", "*;q=0,", "\t"]],
    ["Origin", ["a", "https://", "null,", "%00", "[::1]"]],
    ["Authorization", ["Basic ", "a", "=", "Basic YTpi, ", "\t", "Bearer x "]],
    ["Range", ["bytes=0-0,", "0-,", "-1,", "bytes=", "9", "-", "0-0, ", "\t,"]],
    ["If-Range", ['"a"', "Mon, ", '"']],
    ["If-None-Match", ['"a",', "W/", '"', ",", "*", " "]],
    ["If-Modified-Since", ["Mon, ", "0", ":"]],
    ["Access-Control-Request-Headers", ["a,", " ,", "range, "]],
    ["X-Anything", ["x"]],
  ];
  for (const [name, pieces] of fields) {
    for (const piece of pieces) {
      for (const begin of ["", name === "Range" ? "bytes=0-1," : name === "Authorization" ? "Basic " : ""]) {
        const lines = [`${name}: ${begin}${fill(piece)}x`, "Access-Control-Request-Method: GET"];
        const before = performance.now();
        const count = 20;
        for (let i = 0; i < count; i++) {
          const target = i % 4 === 0 ? "/private/x" : i % 4 === 1 ? "/app/route" : "/assets/app.js";
          const request = get(target, ...lines);
          const { status } = await served.ask(i % 4 === 3 ? request.replace("GET", "OPTIONS") : request);
          assert(status < 500, `${name} ${piece}: ${status}`);
        }
        const ms = (performance.now() - before) / count;
        assert(ms < 60, `${name}: ${piece} took ${ms} ms`);
      }
    }
  }
  assertEquals(await served.say("/a.txt"), "200 0123456789");
});
