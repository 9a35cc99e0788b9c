/**
 * Responses to errors: a line of text, 404.html, the pages of --error-page; also when these files change.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Site } from "../support/program.ts";
import { ServedSite, summary } from "../support/served_site.ts";
import { get } from "../support/wire.ts";

const HASH_PRIVATE = { auth: [{ source: "/private/**", users: {} }] };
const FILES = {
  "index.html": "home",
  "a.txt": "0123456789",
  "404.html": "[missing]",
  "e/400.html": "[malformed]",
  "e/401.html": "[who]",
  "e/403.html": "[forbidden]",
  "e/405.html": "[method]",
  "e/406.html": "[form]",
  "e/412.html": "[condition]",
  "e/416.html": "[range]",
  "private/x.txt": "secret",
  "packed.js.gz": "gz",
};
const PAGES = [400, 401, 403, 405, 406, 412, 416].map((status) => `--error-page=${status}=e/${status}.html`);

function request(method: string, target: string, ...lines: string[]): string {
  return [`${method} ${target} HTTP/1.1`, "Host: x", ...lines, "", ""].join("\r\n");
}

Deno.test("each error has its page, with its status and the fields of the error, not those of a file", async () => {
  const isRoot = Deno.uid() === 0; // root may read everything
  await using served = await ServedSite.start(FILES, { args: PAGES, config: HASH_PRIVATE }, (site) => {
    site.write("locked.txt", "x");
    Deno.chmodSync(site.path("locked.txt"), 0);
  });
  const rows: [request: string, expected: string, field: string, value: string | undefined][] = [
    [get("/missing"), "404 [missing]", "allow", undefined],
    [get("/a.txt/"), "404 [missing]", "allow", undefined],
    [get("/.hidden"), "404 [missing]", "allow", undefined],
    [get("/missing?q", "Accept: application/json"), "404 [missing]", "vary", undefined],
    [get("/%00"), "400 [malformed]", "allow", undefined],
    [get("/../x"), "400 [malformed]", "allow", undefined],
    [
      get("/private/x.txt"),
      "401 [who]",
      "www-authenticate",
      'Basic realm="Restricted", charset="UTF-8"',
    ],
    ...(isRoot ? [] : [[get("/locked.txt"), "403 [forbidden]", "allow", undefined] as const]
      .map((row): [string, string, string, string | undefined] => [...row])),
    [request("POST", "/a.txt"), "405 [method]", "allow", "GET, HEAD, OPTIONS"],
    [request("DELETE", "/missing"), "405 [method]", "allow", "GET, HEAD, OPTIONS"],
    [request("POST", "/a.txt", "Content-Length: 3") + "abc", "405 [method]", "allow", "GET, HEAD, OPTIONS"],
    [request("PUT", "/%00"), "405 [method]", "allow", "GET, HEAD, OPTIONS"],
    [get("/packed.js"), "406 [form]", "vary", "Accept-Encoding"],
    [get("/a.txt", 'If-Match: "x"'), "412 [condition]", "content-range", undefined],
    [get("/a.txt", "Range: bytes=10-"), "416 [range]", "content-range", "bytes */10"],
  ];
  for (const [asked, expected, field, value] of rows) {
    for (let i = 0; i < 3; i++) {
      const response = await served.ask(asked);
      const line = asked.split("\r\n")[0];
      assertEquals([summary(response), response.fields[field]], [expected, value], line);
      assertEquals(response.fields["content-type"], "text/html; charset=UTF-8", line);
      for (const absent of ["etag", "last-modified", "accept-ranges", "cache-control"]) {
        assertEquals(response.fields[absent], undefined, `${line}: ${absent}`);
      }
    }
  }
});

Deno.test("conditions and ranges do not apply to an error's page, and HEAD has its fields", async () => {
  await using served = await ServedSite.start(FILES);
  const { etag } = (await served.ask(get("/404.html"))).fields;
  const whole = await served.ask(get("/missing"));
  for (
    const line of [
      "Range: bytes=0-2",
      "Range: bytes=900-",
      `If-None-Match: ${etag}`,
      "If-None-Match: *",
      'If-Match: "x"',
      "If-Modified-Since: Sun, 06 Nov 2094 08:49:37 GMT",
      "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    ]
  ) {
    for (let i = 0; i < 3; i++) assertEquals(await served.say("/missing", line), "404 [missing]", line);
  }
  const head = await served.ask(request("HEAD", "/missing"));
  assertEquals([head.status, { ...head.fields, date: "" }], [404, { ...whole.fields, date: "" }]);
  assertEquals(await served.say("/404.html"), "200 [missing]", "by its own name it is a file");
  assertEquals(await served.say("/404.html", `If-None-Match: ${etag}`), "304");
});

Deno.test("a missing error page is replaced by a line of text, with the same status", async () => {
  using outside = new Site({ "secret.html": "outside" });
  const missing = ["/gone.html", "/dir", "/.hidden/404.html", "/out.html", "/packed.html"];
  for (const page of missing) {
    const files = { "dir/index.html": "index", ".hidden/404.html": "hidden", "packed.html.gz": "gz" };
    await using served = await ServedSite.start(files, { args: ["--error-page", `404=${page}`] }, (site) => {
      Deno.symlinkSync(`${outside.root}/secret.html`, site.path("out.html"));
    });
    for (let i = 0; i < 3; i++) {
      const { status, text, fields } = await served.ask(get("/missing"));
      assertEquals([status, fields["content-type"]], [404, "text/plain; charset=utf-8"], page);
      assert(text.startsWith("404 Not Found\n"), page);
    }
  }
});

Deno.test("the response to 404 follows the files on disk, whatever was requested before", async () => {
  for (const mode of ["auto", "stat"]) {
    await using served = await ServedSite.start({ "x.txt": "x" }, {
      args: ["--cache-validate", mode, "--error-page=405=/e/405.html"],
    });
    const { site } = served;
    for (let round = 0; round < 25; round++) {
      for (let i = 0; i < 2; i++) assertEquals(await served.say("/missing"), "404");
      site.write("404.html", `[page ${round}]`);
      for (let i = 0; i < 2; i++) assertEquals(await served.say("/missing"), `404 [page ${round}]`);
      site.write("404.html", `[more ${round}]`);
      assertEquals(await served.say("/missing"), `404 [more ${round}]`);
      site.write("next", `[next ${round}]`);
      Deno.renameSync(site.path("next"), site.path("404.html"));
      assertEquals(await served.say("/missing"), `404 [next ${round}]`);
      site.write("missing", "here");
      assertEquals(await served.say("/missing"), "200 here");
      Deno.removeSync(site.path("missing"));
      assertEquals(await served.say("/missing"), `404 [next ${round}]`);
      Deno.removeSync(site.path("404.html"));
      site.write("e/405.html", `[method ${round}]`);
      assertEquals(summary(await served.ask(request("POST", "/x.txt"))), `405 [method ${round}]`);
      Deno.removeSync(site.path("e"), { recursive: true });
      assertEquals(summary(await served.ask(request("POST", "/x.txt"))), "405");
    }
  }
});

Deno.test("an error's page is compressed like a file, and has its precompressed forms", async () => {
  const long = `<p>${"missing ".repeat(500)}`;
  await using served = await ServedSite.start({
    "404.html": long,
    "e/405.html": "plain",
    "e/405.html.br": "br",
  }, {
    args: ["--compress", "--error-page=405=e/405.html"],
  });
  for (let i = 0; i < 3; i++) {
    const packed = await served.ask(get("/missing", "Accept-Encoding: gzip"));
    assertEquals([packed.status, packed.fields["content-encoding"]], [404, "gzip"]);
    assertEquals([packed.fields.vary, packed.fields.etag], ["Accept-Encoding", undefined]);
    const stream = new Blob([packed.body.slice()]).stream().pipeThrough(new DecompressionStream("gzip"));
    assertEquals(await new Response(stream).text(), long);
    const plain = await served.ask(get("/missing"));
    assertEquals([plain.status, plain.fields["content-encoding"], plain.text], [404, undefined, long]);
    const sibling = await served.ask(request("POST", "/x", "Accept-Encoding: br"));
    assertEquals([sibling.status, sibling.fields["content-encoding"], sibling.text], [405, "br", "br"]);
  }
});
