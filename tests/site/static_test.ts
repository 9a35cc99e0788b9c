/**
 * Responses of the static handler, over a real socket.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { FOLLOWS_LINKS, Program, Site } from "../support/program.ts";
import { exchange, get, Wire } from "../support/wire.ts";
import { sleep } from "../support/sleep.ts";

const OUTSIDE = "outside of the root";

/** Runs `test` with a program that serves `files`. */
async function serving(
  files: Readonly<Record<string, string | Uint8Array>>,
  test: (port: number, site: Site) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  using site = new Site(files);
  await using program = await Program.start(site.root, args);
  await test(program.port, site);
}

Deno.test("a file has all the fields that describe it, and HEAD has the same", async () => {
  await serving({ "a.html": "<p>" }, async (port, site) => {
    Deno.utimeSync(site.path("a.html"), new Date(0), new Date("2020-02-29T12:34:56Z"));
    const { fields, statusLine, text } = await exchange(port, get("/a.html"));
    assertEquals([statusLine, text], ["HTTP/1.1 200 OK", "<p>"]);
    assertEquals(fields["content-type"], "text/html; charset=UTF-8");
    assertEquals(fields["content-length"], "3");
    assertEquals(fields["x-content-type-options"], "nosniff");
    assertEquals(fields["last-modified"], "Sat, 29 Feb 2020 12:34:56 GMT");
    assertEquals(fields["accept-ranges"], "bytes");
    assertMatch(fields["etag"]!, /^"[\x21\x23-\x7e]+"$/);
    assert(Math.abs(Date.parse(fields["date"]!) - Date.now()) < 5000, fields["date"]);
    const head = await exchange(port, "HEAD /a.html HTTP/1.1\r\nHost: x\r\n\r\n", true);
    assertEquals({ ...head.fields, date: "" }, { ...fields, date: "" });
  });
});

Deno.test("the media type follows the extension, whatever its case; text has a charset", async () => {
  const types: [string, string][] = [
    ["a.css", "text/css; charset=UTF-8"],
    ["a.js", "text/javascript; charset=UTF-8"],
    ["a.SVG", "image/svg+xml"],
    ["a.png", "image/png"],
    ["a.wasm", "application/wasm"],
    ["a.json", "application/json; charset=UTF-8"],
    ["a.txt", "text/plain; charset=UTF-8"],
    ["a.b.pdf", "application/pdf"],
    ["noextension", "application/octet-stream"],
    ["a.unheardof", "application/octet-stream"],
  ];
  await serving(Object.fromEntries(types.map(([name]) => [name, "x"])), async (port) => {
    for (const [name, type] of types) {
      assertEquals((await exchange(port, get(`/${name}`))).fields["content-type"], type, name);
    }
  });
});

Deno.test("a directory is served as its index; without a slash it is redirected, with the query", async () => {
  await serving({ "index.html": "top", "d/index.html": "below", "empty/x.txt": "x" }, async (port) => {
    assertEquals((await exchange(port, get("/"))).text, "top");
    assertEquals((await exchange(port, get("/d/"))).text, "below");
    assertEquals((await exchange(port, get("/d/?q=1"))).text, "below");
    for (const [target, location] of [["/d", "/d/"], ["/d?a=b&c=%20", "/d/?a=b&c=%20"], ["//d", "/d/"]]) {
      const { status, fields } = await exchange(port, get(target!));
      assertEquals([status, fields.location], [301, location], target);
    }
    assertEquals((await exchange(port, get("/empty/"))).status, 404);
    assertEquals((await exchange(port, get("/index.html/"))).status, 404);
  });
});

Deno.test("a redirect never leads to another host, and its query cannot break the head", async () => {
  await serving({ "evil.com/index.html": "", "\\evil/index.html": "" }, async (port) => {
    for (const target of ["//evil.com", "///evil.com", "/.//evil.com", "/%2f/evil.com", "/x/..//evil.com"]) {
      const { status, fields } = await exchange(port, get(target));
      assertEquals([status, fields.location], [301, "/evil.com/"], target);
    }
    assertEquals((await exchange(port, get("/\\evil"))).fields.location, "/%5Cevil/");
    const { fields } = await exchange(port, get("/evil.com?%0d%0aSet-Cookie:x=y&\xff"));
    assertEquals(fields["set-cookie"], undefined);
    assertMatch(fields.location!, /^\/evil\.com\/\?%0d%0aSet-Cookie:x=y&[%A-F0-9]+$/);
  });
});

Deno.test("names are decoded once, in UTF-8 or not, and spaces and percent signs are ordinary characters", async () => {
  const names = { "a b.txt": "space", "100%.txt": "percent", "%41.txt": "literal", "中文.txt": "chinese" };
  await serving({ ...names, "A.txt": "decoded" }, async (port) => {
    const targets: [string, string][] = [
      ["/a%20b.txt", "space"],
      ["/100%25.txt", "percent"],
      ["/%2541.txt", "literal"],
      ["/%41.txt", "decoded"],
      ["/%E4%B8%AD%E6%96%87.txt", "chinese"],
      ["/%e4%b8%ad%e6%96%87.txt", "chinese"],
      ["/中文.txt", "chinese"],
      ["/./x/../A.txt", "decoded"],
      ["//A.txt", "decoded"],
      ["/A.txt?x=/../y", "decoded"],
    ];
    for (const [target, text] of targets) {
      for (let i = 0; i < 2; i++) assertEquals((await exchange(port, get(target))).text, text, target);
    }
  });
});

Deno.test("hidden files are 404, except below /.well-known/", async () => {
  const files = {
    ".env": "secret",
    ".git/config": "secret",
    "d/.htpasswd": "secret",
    ".well-known/security.txt": "public",
    ".well-known/.hidden": "secret",
    "d/.well-known/x": "secret",
  };
  await serving(files, async (port) => {
    assertEquals((await exchange(port, get("/.well-known/security.txt"))).text, "public");
    for (
      const name of [
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/d/.htpasswd",
        "/.well-known/.hidden",
        "/d/.well-known/x",
      ]
    ) {
      assertEquals((await exchange(port, get(name))).status, 404, name);
    }
  });
});

Deno.test("no spelling and no symbolic link leads out of the root; links inside it work", async () => {
  using outside = new Site({ "secret.txt": OUTSIDE, "sub/secret.txt": OUTSIDE });
  await serving({ "d/inner.txt": "inner" }, async (port, site) => {
    Deno.symlinkSync(`${outside.root}/secret.txt`, site.path("absolute.txt"));
    Deno.symlinkSync(outside.root, site.path("dir"));
    const up = "../".repeat(12);
    Deno.symlinkSync(`${up}${outside.root.slice(1)}/secret.txt`, site.path("relative.txt"));
    Deno.symlinkSync("/proc/self/root" + outside.root + "/secret.txt", site.path("magic.txt"));
    Deno.symlinkSync("inner.txt", site.path("d/link.txt"));
    Deno.symlinkSync("loop", site.path("loop"));
    const secret = `${outside.root.slice(1)}/secret.txt`;
    const targets = [
      ..."/absolute.txt /dir/secret.txt /dir/sub/secret.txt /relative.txt /magic.txt /loop /dir/ /dir".split(
        " ",
      ),
      `/${up}${secret}`,
      `/d/${up}${secret}`,
      `/${"%2e%2e%2f".repeat(12)}${secret}`,
      `/${"..%2f".repeat(12)}${secret}`,
      `/${"..%5c".repeat(12)}${secret}`,
      `/%252e%252e/${secret}`,
      `//${outside.root}/secret.txt`,
      `/${"....//".repeat(12)}${secret}`,
      `/%c0%ae%c0%ae/${secret}`,
      `http://test/${up}${secret}`,
    ];
    for (const target of targets) {
      const { status, text } = await exchange(port, get(target));
      assert(status === 400 || status === 404, `${target}: ${status}`);
      assert(!text.includes(OUTSIDE), target);
    }
    const inside = await exchange(port, get("/d/link.txt"));
    if (FOLLOWS_LINKS) assertEquals(inside.text, "inner");
    else assertEquals(inside.status, 404);
  });
});

Deno.test("a link that changes between inside and outside while it is served never shows the outside", async () => {
  using outside = new Site({ "file.txt": OUTSIDE });
  await serving({ "in/file.txt": "inside" }, async (port, site) => {
    Deno.symlinkSync("in", site.path("link"));
    const swapped = ["in", outside.root].map((target, i) => {
      Deno.symlinkSync(target, site.path(`spare${i}`));
      return target;
    });
    using wire = await Wire.connect(port);
    let served = 0;
    for (let i = 0; i < 1000; i++) {
      Deno.symlinkSync(swapped[i % 2]!, site.path("next"));
      const sending = wire.send(get("/link/file.txt"));
      Deno.renameSync(site.path("next"), site.path("link"));
      await sending;
      const { status, text } = await wire.expect();
      assert(status === 404 || text === "inside", `${status} ${text}`);
      if (status === 200) served++;
    }
    assertEquals(served > 0, FOLLOWS_LINKS, `${served} times the link was seen inside`);
  });
});

Deno.test("a FIFO, a socket and a device are no files: 404 at once, and a FIFO's writer is not woken", async () => {
  await serving({ "ok.txt": "ok" }, async (port, site) => {
    assert(new Deno.Command("mkfifo", { args: [site.path("fifo")] }).outputSync().success);
    const writer = new Deno.Command("sh", { args: ["-c", `exec 3>"${site.path("fifo")}"`] }).spawn();
    const listener = Deno.listen({ transport: "unix", path: site.path("socket") });
    const hasDevice =
      new Deno.Command("mknod", { args: [site.path("null"), "c", "1", "3"] }).outputSync().success;
    try {
      for (const name of ["/fifo", "/socket", ...(hasDevice ? ["/null"] : [])]) {
        assertEquals((await exchange(port, get(name))).status, 404, name);
      }
      const woken = await Promise.race([writer.status.then(() => true), sleep(100).then(() => false)]);
      assertEquals(woken, false);
      assertEquals((await exchange(port, get("/ok.txt"))).text, "ok");
    } finally {
      listener.close();
      writer.kill("SIGKILL");
      await writer.status;
    }
  });
});

Deno.test("a name that is too long, or a path through a file, is 404", async () => {
  await serving({ "a.txt": "a" }, async (port) => {
    for (const target of [`/${"x".repeat(300)}`, `/${"x/".repeat(3000)}`, "/a.txt/b", "/a.txt/"]) {
      assertEquals((await exchange(port, get(target))).status, 404, target.slice(0, 20));
    }
  });
});

Deno.test("304 for a tag that matches or a date that is not older; the tag decides when both are there", async () => {
  await serving({ "a.txt": "a" }, async (port) => {
    const { fields } = await exchange(port, get("/a.txt"));
    const { etag } = fields;
    const modified = fields["last-modified"];
    const old = "Sun, 06 Nov 1994 08:49:37 GMT";
    const cases: [string[], number][] = [
      [[`If-None-Match: ${etag}`], 304],
      [[`If-None-Match: "x", W/${etag}`], 304],
      [["If-None-Match: *"], 304],
      [['If-None-Match: "x"'], 200],
      [[`If-Modified-Since: ${modified}`], 304],
      [[`If-Modified-Since: ${old}`], 200],
      [["If-Modified-Since: yesterday"], 200],
      [['If-None-Match: "x"', `If-Modified-Since: ${modified}`], 200],
      [[`If-None-Match: ${etag}`, `If-Modified-Since: ${old}`], 304],
    ];
    for (const [lines, status] of cases) {
      const answer = await exchange(port, get("/a.txt", ...lines));
      assertEquals(answer.status, status, lines.join("; "));
      assertEquals(answer.fields.etag, etag);
      if (status === 304) assertEquals(answer.fields["content-length"], undefined);
    }
  });
});

Deno.test("single ranges of small and of large files; a range that cannot be satisfied is 416", async () => {
  const large = new Uint8Array(3_000_000).map((_, i) => i * 7 + (i >> 8));
  await serving({ "small.txt": "0123456789", "large.bin": large }, async (port) => {
    const { etag } = (await exchange(port, get("/small.txt"))).fields;
    const cases: [string, string[], number, string, string | undefined][] = [
      ["/small.txt", ["Range: bytes=2-4"], 206, "234", "bytes 2-4/10"],
      ["/small.txt", ["Range: bytes=7-"], 206, "789", "bytes 7-9/10"],
      ["/small.txt", ["Range: bytes=-2"], 206, "89", "bytes 8-9/10"],
      ["/small.txt", ["Range: bytes=5-99999999999999999999"], 206, "56789", "bytes 5-9/10"],
      ["/small.txt", ["Range: bytes=2-4", 'If-Range: "other"'], 200, "0123456789", undefined],
      ["/small.txt", ["Range: bytes=2-4", `If-Range: ${etag}`], 206, "234", "bytes 2-4/10"],
    ];
    for (const [target, lines, status, text, contentRange] of cases) {
      const answer = await exchange(port, get(target, ...lines));
      const got = [answer.status, answer.text, answer.fields["content-range"]];
      assertEquals(got, [status, text, contentRange], lines.join("; "));
    }
    for (const range of ["10-", "5-2", "abc"]) {
      const { status, fields } = await exchange(port, get("/small.txt", `Range: bytes=${range}`));
      assertEquals([status, fields["content-range"]], [416, "bytes */10"], range);
    }
    const part = await exchange(port, get("/large.bin", "Range: bytes=1000000-2999998"));
    assertEquals([part.status, part.body.length], [206, 1_999_999]);
    assert(part.body.every((byte, i) => byte === large[1_000_000 + i]));
  });
});

Deno.test("OPTIONS of a path and of the server, and every other method, have Allow", async () => {
  await serving({ "a.txt": "a" }, async (port) => {
    for (const target of ["/a.txt", "*"]) {
      const { status, fields } = await exchange(port, `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      assertEquals([status, fields.allow], [204, "GET, HEAD, OPTIONS"]);
    }
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "TRACE"]) {
      const { status, fields } = await exchange(port, `${method} /a.txt HTTP/1.1\r\nHost: x\r\n\r\n`);
      assertEquals([status, fields.allow], [405, "GET, HEAD, OPTIONS"], method);
    }
    assertEquals((await exchange(port, "CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n")).status, 405);
  });
});

Deno.test("404 says what is wrong in English and in Chinese", async () => {
  await serving({}, async (port) => {
    const { text, fields } = await exchange(port, get("/missing"));
    assertMatch(text, /not found/);
    assertMatch(text, /请输入正确的url/);
    assertEquals(fields["content-type"], "text/plain; charset=utf-8");
  });
});

Deno.test("absolute-form is served like origin-form (RFC 9112 §3.2.2)", async () => {
  await serving({ "index.html": "top", "a.txt": "a" }, async (port) => {
    assertEquals((await exchange(port, get("http://other.example/a.txt"))).text, "a");
    assertEquals((await exchange(port, get("HTTP://other.example:80"))).text, "top");
    assertEquals((await exchange(port, get("http://other.example?x"))).text, "top");
  });
});

Deno.test("--index names the files that a directory is served as, in that order", async () => {
  await serving({ "a/home.htm": "home", "b/home.htm": "no", "b/first.txt": "first" }, async (port) => {
    assertEquals((await exchange(port, get("/a/"))).text, "home");
    assertEquals((await exchange(port, get("/b/"))).text, "first");
  }, ["--index", "first.txt,home.htm"]);
});

Deno.test("--no-keep-alive ends each connection after its response", async () => {
  await serving({ "a.txt": "a" }, async (port) => {
    using wire = await Wire.connect(port);
    await wire.send(get("/a.txt"));
    const { fields, text } = await wire.expect();
    assertEquals([fields.connection, text], ["close", "a"]);
    assert(await wire.isClosed());
  }, ["--no-keep-alive"]);
});

Deno.test("an empty file is empty, and its tag changes when it gets content", async () => {
  await serving({ "a.txt": "" }, async (port, site) => {
    const empty = await exchange(port, get("/a.txt"));
    assertEquals([empty.status, empty.fields["content-length"]], [200, "0"]);
    site.write("a.txt", "x");
    assertNotEquals((await exchange(port, get("/a.txt"))).fields.etag, empty.fields.etag);
  });
});
