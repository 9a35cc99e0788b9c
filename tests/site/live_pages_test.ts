/**
 * `--live`: pages on their way out.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { connectsToSelf, withRoom } from "../../handlers/live/content_policy.ts";
import { policiesIn, withScript } from "../../handlers/live/page_script.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { LiveSite } from "../support/live.ts";
import { Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { curl, exchange, get, head } from "../support/wire.ts";

const SCRIPT = /<script src="\/\.epollet\/live\.js" data-state="[\w.]+"(?: nonce="[\w-]+")?><\/script>/;
const PAGE = "<!doctype html>\n<html><title>page</title><p>text";

Deno.test("the script stands behind the document type, whatever comes before that, and else first", () => {
  const rows: [before: string, after: string][] = [
    ["<!doctype html>", "<html>"],
    ["\ufeff<!DOCTYPE html>", "<html>"],
    [" \n<!-- a > b --><!--><!doctype html PUBLIC '-//W3C//DTD HTML 4.01//EN'>", "<html>"],
    ['<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">', "<html>"],
    ["<!bogus><!doctype html>", "<html>"],
    ['<!DOCTYPE html SYSTEM "a>b">', "<html>"],
    ["<!-- only a comment -->", "<html><!doctype html>"],
    ["", "text"],
    ["", ""],
    ["", "<p>x</p><!doctype html>"],
    ["<!-- a --!>", "<p>"],
    ["", "<!-- never closed <!doctype html>"],
  ];
  for (const [before, after] of rows) {
    const page = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      withScript(encodeUtf8(before + after), "[script]"),
    );
    assertEquals(page, `${before}[script]${after}`);
  }
});

Deno.test("a page in UTF-16 stays as it is", () => {
  for (const start of [[0xff, 0xfe], [0xfe, 0xff]]) {
    const page = Uint8Array.of(...start, 0x3c, 0);
    assertEquals(withScript(page, "[script]"), page);
  }
});

Deno.test("a policy gets room for the script, and for nothing else", () => {
  const needs = { script: "http://h/.epollet/live.js", nonce: "n", connect: "http://h/.epollet/" };
  const rows: [policy: string, changed: string][] = [
    ["default-src 'self'", "default-src 'self'"],
    ["img-src 'none'", "img-src 'none'"],
    ["script-src 'self'; object-src 'none'", "script-src 'self'; object-src 'none'"],
    [
      "default-src 'none'",
      "default-src 'none'; script-src-elem 'nonce-n'; connect-src http://h/.epollet/",
    ],
    ["script-src 'none'", "script-src 'nonce-n'"],
    ["script-src 'sha256-x' 'unsafe-inline'", "script-src 'sha256-x' 'unsafe-inline' 'nonce-n'"],
    ["script-src 'unsafe-inline'", "script-src 'unsafe-inline' http://h/.epollet/live.js"],
    [
      "script-src 'strict-dynamic' 'self' 'nonce-a'",
      "script-src 'strict-dynamic' 'self' 'nonce-a' 'nonce-n'",
    ],
    ["script-src-elem https:; script-src 'self'", "script-src-elem https: 'nonce-n'; script-src 'self'"],
    ["connect-src https://a.example", "connect-src https://a.example http://h/.epollet/"],
    ["CONNECT-SRC 'none'; connect-src *", "connect-src http://h/.epollet/"],
    ["default-src *, script-src 'none'", "default-src *, script-src 'nonce-n'"],
    ["", ""],
  ];
  for (const [policy, changed] of rows) assertEquals(withRoom(policy, needs), changed, policy);
});

Deno.test("a policy in a page is found, and whether it lets the page ask the server", () => {
  const page = (content: string) =>
    policiesIn(
      encodeUtf8(`<!doctype html><meta charset=utf-8><meta http-equiv="Content-Security-Policy" ${content}>`),
    );
  for (
    const [content, isFree] of [
      [`content="default-src 'self'"`, true],
      [`content="img-src 'none'"`, true],
      [`content="default-src 'none'"`, false],
      [`content='default-src "none"; connect-src https:'`, false],
    ] as const
  ) {
    assertEquals(page(content).map(connectsToSelf), [isFree], content);
  }
  assertEquals(policiesIn(encodeUtf8("<meta name=description content='default-src none'>")), []);
});

const FILES = {
  "index.html": PAGE,
  "index.html.gz": "packed",
  "a.css": "body {}",
  "large.html": PAGE + "x".repeat(1_200_000),
  "404.html": "<!doctype html>own",
  "d/file.txt": "text",
};

Deno.test("each page gets the script, with its length, to HEAD too; no other file does", async () => {
  await using served = await ServedSite.start(FILES, { args: ["--live", "--browse", "--compress"] });
  for (const coding of [[], ["Accept-Encoding: gzip, br"]]) {
    for (const target of ["/", "/index.html", "/large.html", "/d/", "/missing.png"]) {
      const { text, fields, status } = await served.ask(get(target, ...coding));
      assertMatch(text, SCRIPT, target);
      assertEquals(status, target === "/missing.png" ? 404 : 200);
      assertEquals(fields["content-length"], String(encodeUtf8(text).length), target);
      assertEquals(fields["content-encoding"], undefined);
      const { fields: headFields } = await served.ask(head(target, ...coding));
      assertEquals([headFields["content-length"], headFields.etag], [fields["content-length"], fields.etag]);
    }
  }
  const { text, fields } = await served.ask(get("/"));
  assertEquals(text.replace(SCRIPT, ""), PAGE);
  assert(text.startsWith("<!doctype html><script"));
  assertEquals(fields["last-modified"], undefined, "it would confirm a copy without the script");
  for (const target of ["/a.css", "/d/file.txt"]) {
    assertEquals((await served.ask(get(target))).text.includes("epollet"), false);
  }
  // HTML that a script fetches is a part of its page.
  const part = await served.ask(get("/", "Sec-Fetch-Dest: empty"));
  assertEquals([part.text, part.fields.vary], [PAGE, "Accept-Encoding"]);
  assertMatch((await served.ask(get("/", "Sec-Fetch-Dest: iframe"))).text, SCRIPT);
  assertEquals((await served.ask(get("/", "Accept-Encoding: gzip", "Accept: application/json"))).status, 200);
});

Deno.test("a page without the script is never confirmed, and conditions and ranges hold for the page with it", async () => {
  const plain = await (async () => {
    await using served = await ServedSite.start(FILES, {});
    return (await served.ask(get("/"))).fields;
  })();
  await using served = await ServedSite.start(FILES, { args: ["--live"] });
  const { text, fields: { etag } } = await served.ask(get("/"));
  const ask = async (...lines: string[]) => await served.ask(get("/", ...lines));
  assertNotEquals(etag, plain.etag);
  assertEquals((await ask(`If-None-Match: ${etag}`)).status, 304);
  assertEquals((await ask(`If-None-Match: ${etag}`)).fields.etag, etag);
  assertMatch((await ask(`If-None-Match: ${plain.etag}`)).text, SCRIPT);
  assertMatch((await ask(`If-Modified-Since: ${plain["last-modified"]}`)).text, SCRIPT);
  assertEquals((await ask("If-None-Match: *")).status, 304);
  assertEquals((await ask(`If-Match: ${plain.etag}`)).status, 412);
  assertEquals((await ask(`If-Match: ${etag}`)).text, text);
  const part = await ask("Range: bytes=10-29");
  assertEquals([part.status, part.text], [206, text.slice(10, 30)]);
  assertEquals(part.fields["content-range"], `bytes 10-29/${text.length}`);
  assertEquals((await ask("Range: bytes=10-29", `If-Range: ${plain.etag}`)).text, text);
  assertEquals((await ask("Range: bytes=999999-")).status, 416);
  // Other files keep their tags and times.
  const css = (await served.ask(get("/a.css"))).fields;
  assertEquals((await served.ask(get("/a.css", `If-None-Match: ${css.etag}`))).status, 304);
  assertEquals((await served.ask(get("/a.css", "Range: bytes=0-3"))).text, "body");
  assertEquals((await served.ask(get("/a.css", "Range: bytes=99-"))).status, 416);
  assertEquals((await served.ask(get("/a.css", 'If-Match: "x"'))).status, 412);
  // The page changes, and with it its tag.
  served.site.write("index.html", PAGE + "!");
  const changed = await ask(`If-None-Match: ${etag}`);
  assertEquals(changed.status, 200);
  assert(changed.text.endsWith("!"));
});

Deno.test("over HTTP/2 a page gets the script, too, whatever the request prefers or has", async () => {
  await using live = await LiveSite.start(new Site(FILES), ["--compress"]);
  const ask = (...lines: string[]) =>
    curl("-i", "--http2-prior-knowledge", ...lines.flatMap((line) => ["-H", line]), live.urlOf("/"));
  const whole = ask();
  const [, etag, own] = /^etag: ("([^"]*)-live[^"]*")\r/m.exec(whole)!;
  assertMatch(whole, /^HTTP\/2 200/);
  assertMatch(ask("Accept-Encoding: gzip, br"), SCRIPT);
  assertMatch(ask(`If-None-Match: "${own}"`), SCRIPT);
  assertMatch(ask(`If-None-Match: ${etag}`), /^HTTP\/2 304/);
  assertMatch(ask("Range: bytes=0-20"), /^HTTP\/2 206[^]*\n<!doctype html><scrip$/);
});

Deno.test("policies of the site's settings get a nonce, which the element has; a policy in a page is noted", async () => {
  const files = {
    ...FILES,
    "meta.html": `<!doctype html><meta http-equiv="content-security-policy" content="default-src 'none'">`,
  };
  const policy = "script-src 'sha256-x'; connect-src 'none'";
  await using live = await LiveSite.start(new Site(files), ["-H", `Content-Security-Policy: ${policy}`]);
  const { port } = live.program;
  const { text, fields } = await exchange(port, get("/"));
  const [, nonce] = /nonce="([\w-]+)"/.exec(text)!;
  assertEquals(
    fields["content-security-policy"],
    `script-src 'sha256-x' 'nonce-${nonce}'; connect-src http://test/.epollet/`,
  );
  assertEquals((await exchange(port, get("/a.css"))).fields["content-security-policy"], policy);
  for (let i = 0; i < 2; i++) await exchange(port, get("/meta.html"));
  live.program.kill("SIGTERM");
  const { stderr } = await live.program.finish();
  assertEquals(stderr.match(/\/meta\.html: the Content-Security-Policy in its <meta>/g)?.length, 1);
});

Deno.test("an error without a page is one for a browser, so that it comes back with the file", async () => {
  await using served = await ServedSite.start({ "index.html": PAGE }, { args: ["--live"] });
  const page = await served.ask(get("/later.html", "Accept: text/html,*/*", "Accept-Language: en"));
  assertEquals([page.status, page.fields["content-type"]], [404, "text/html; charset=utf-8"]);
  assertMatch(page.text, SCRIPT);
  assertStringIncludes(page.text, "The file was not found.");
  assertMatch((await served.ask(get("/later.html"))).fields["content-type"]!, /^text\/plain/);
});

Deno.test("a single-page application, a virtual host and --coroutine get the script, too", async () => {
  const config = { spa: "/index.html", live: true, hosts: { "b.test": { index: ["b.html"] } } };
  for (const args of [[], ["--coroutine"]]) {
    await using served = await ServedSite.start({ ...FILES, "b.html": PAGE + "b" }, { config, args });
    const page = await served.ask(get("/users/7", "Accept: text/html"));
    assertEquals([page.status, page.text.replace(SCRIPT, "")], [200, PAGE]);
    assertMatch(page.text, SCRIPT);
    const other = await served.ask("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    assertEquals(other.text.replace(SCRIPT, ""), PAGE + "b");
    assertMatch(other.text, SCRIPT);
  }
});
