/**
 * Compressed forms beside the files of a site, over real sockets. Source: RFC 9110 §12.5.3.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { ACCEPT, codingOf } from "../support/encodings.ts";
import { FOLLOWS_LINKS, Program, Site } from "../support/program.ts";
import { settle } from "../support/settle.ts";
import { exchange, get, head, Wire } from "../support/wire.ts";

Deno.test("RFC 9110 §12.5.3: a client gets the sibling with its preferred coding, whatever else it accepts", async () => {
  using site = new Site({
    "all.js": "plain",
    "all.js.br": "as br",
    "all.js.zst": "as zstd",
    "all.js.gz": "as gzip",
    "one.js": "plain",
    "one.js.gz": "as gzip",
    "only.js.br": "as br",
    "only.js.gz": "as gzip",
  });
  await using program = await Program.start(site.root);
  // Accept-Encoding → with all three siblings and the file; with one and the file; with two and no file
  const rows: [accepted: string | null, all: string, one: string, only: string][] = [
    [null, "identity", "identity", "406"],
    ["", "identity", "identity", "406"],
    ["gzip, deflate, br, zstd", "br", "gzip", "br"],
    ["gzip, zstd", "zstd", "gzip", "gzip"],
    ["gzip", "gzip", "gzip", "gzip"],
    ["GZIP", "gzip", "gzip", "gzip"],
    ["x-gzip", "gzip", "gzip", "gzip"],
    ["zstd", "zstd", "identity", "406"],
    ["deflate", "identity", "identity", "406"],
    ["identity", "identity", "identity", "406"],
    ["*", "br", "gzip", "br"],
    ["br;q=0.5, gzip", "gzip", "gzip", "gzip"],
    ["br;q=0.5, gzip;q=0.4, zstd;q=0.6", "zstd", "gzip", "br"],
    ["br;q=0, gzip;q=0", "identity", "identity", "406"],
    ["br;q=0, *", "zstd", "gzip", "gzip"],
    ["gzip;q=0.5, identity", "identity", "identity", "gzip"],
    ["identity;q=0", "identity", "identity", "406"],
    ["identity;q=0, gzip", "gzip", "gzip", "gzip"],
    ["*;q=0", "identity", "identity", "406"],
    ["gzip;q=abc", "identity", "identity", "406"],
  ];
  for (const [accepted, all, one, only] of rows) {
    for (let i = 0; i < 2; i++) {
      const got = [];
      for (const name of ["all", "one", "only"]) {
        got.push(await codingOf(program.port, `/${name}.js`, accepted));
      }
      assertEquals(got, [all, one, only], String(accepted));
    }
  }
  const twice = await exchange(program.port, get("/all.js", `${ACCEPT}gzip`, `${ACCEPT}br;q=0.1`));
  assertEquals(twice.fields["content-encoding"], "gzip");
});

Deno.test("each form has its own tag, length and bytes, and the type of the file itself; HEAD has the same", async () => {
  const large = new Uint8Array(50_000).fill(7);
  using site = new Site({
    "small.css": "body {}",
    "small.css.br": large, // in memory, and on disk
    "small.css.gz": "gzip",
    "large.svg": large,
    "large.svg.br": "brotli",
    "large.svg.gz": large.subarray(1),
    "only.html.zst": "zstd",
  });
  for (const args of [[], ["--cache-file-size", "16K"], ["--cache-size", "0"]]) {
    await using program = await Program.start(site.root, args);
    for (
      const [target, codings, type] of [
        ["small.css", ["", ".br", ".gz"], "text/css; charset=UTF-8"],
        ["large.svg", ["", ".br", ".gz"], "image/svg+xml"],
        ["only.html", [".zst"], "text/html; charset=UTF-8"],
      ] as const
    ) {
      const tags = new Set<string>();
      for (const suffix of codings) {
        const coding = { "": "identity", ".br": "br", ".gz": "gzip", ".zst": "zstd" }[suffix];
        const content = Deno.readFileSync(site.path(target + suffix));
        for (let i = 0; i < 3; i++) {
          const { status, fields, body } = await exchange(program.port, get(`/${target}`, ACCEPT + coding));
          assertEquals([status, fields["content-encoding"] ?? "identity", fields.vary], [
            200,
            coding,
            "Accept-Encoding",
          ]);
          assertEquals([fields["content-type"], body], [type, content]);
          tags.add(fields.etag!);
          const told = await exchange(program.port, head(`/${target}`, ACCEPT + coding), true);
          assertEquals({ ...told.fields, date: "" }, { ...fields, date: "" });
          const part = await exchange(
            program.port,
            get(`/${target}`, `${ACCEPT}${coding}, *;q=0`, "Range: bytes=1-2"),
          );
          assertEquals([part.status, part.body], [206, content.subarray(1, 3)]);
          assertEquals(part.fields["content-range"], `bytes 1-2/${content.length}`);
          assertEquals([part.fields["content-encoding"] ?? "identity", part.fields.etag], [
            coding,
            fields.etag,
          ]);
        }
      }
      assertEquals(tags.size, codings.length, target);
    }
  }
});

Deno.test("Vary is set where another form exists, and nowhere else; a form that is requested by its name is a file", async () => {
  using site = new Site({
    "a.png": "png",
    "b.png": "png",
    "b.png.gz": "gzip",
    "dir.js": "plain",
    "dir.js.br/x": "a directory",
    "fifo.js": "plain",
    "app.js": "plain",
    "app.js.br": "br",
    "app.js.br.gz": "gzip of br",
  });
  assert(new Deno.Command("mkfifo", { args: [site.path("fifo.js.br")] }).outputSync().success);
  await using program = await Program.start(site.root);
  for (
    const [target, coding, vary] of [
      ["/a.png", undefined, undefined],
      ["/b.png", "gzip", "Accept-Encoding"],
      ["/dir.js", undefined, undefined],
      ["/fifo.js", undefined, undefined],
      ["/app.js", "br", "Accept-Encoding"],
      ["/app.js.br", undefined, undefined],
    ] as const
  ) {
    for (const lines of [[], [`${ACCEPT}br, gzip`]]) {
      const { status, fields, text } = await exchange(program.port, get(target, ...lines));
      assertEquals([status, fields.vary], [200, vary], target);
      assertEquals(fields["content-encoding"], lines.length === 0 ? undefined : coding, target);
      if (target === "/app.js.br") assertEquals(text, "br");
    }
  }
});

Deno.test("an index and the page for an error may have compressed forms, or only these", async () => {
  using site = new Site({
    "index.html.br": "index, br",
    "d/index.html": "index",
    "d/index.html.gz": "index, gzip",
    "404.html": "missing",
    "404.html.gz": "missing, gzip",
  });
  await using program = await Program.start(site.root);
  const ask = async (target: string, ...lines: string[]) => {
    const { status, fields, text } = await exchange(program.port, get(target, ...lines));
    return [status, text.split("\n")[0], fields["content-encoding"], fields.vary];
  };
  assertEquals(await ask("/", `${ACCEPT}br`), [200, "index, br", "br", "Accept-Encoding"]);
  assertEquals(await ask("/index.html", `${ACCEPT}br`), [200, "index, br", "br", "Accept-Encoding"]);
  assertEquals(await ask("/"), [406, "406 Not Acceptable", undefined, "Accept-Encoding"]);
  assertEquals(await ask("/d/"), [200, "index", undefined, "Accept-Encoding"]);
  assertEquals(await ask("/d/", `${ACCEPT}gzip`), [200, "index, gzip", "gzip", "Accept-Encoding"]);
  assertEquals(await ask("/x"), [404, "missing", undefined, "Accept-Encoding"]);
  assertEquals(await ask("/x", `${ACCEPT}gzip, br`), [404, "missing, gzip", "gzip", "Accept-Encoding"]);
  Deno.removeSync(site.path("404.html"));
  assertEquals(await ask("/x", `${ACCEPT}gzip`), [404, "missing, gzip", "gzip", "Accept-Encoding"]);
  assertEquals((await ask("/x")).slice(0, 3), [404, "404 Not Found", undefined]);
});

Deno.test("a sibling that appears, changes or disappears is noticed by the next request, also behind links", async () => {
  await Promise.all(["auto", "stat"].map(async (mode) => {
    using site = new Site({
      "a.js": "plain",
      "real/a.js": "plain",
      "linked.js": "plain",
      "store/x": "store",
      "base/b.js": "plain",
    });
    Deno.symlinkSync("real", site.path("dir"));
    Deno.symlinkSync("store/br", site.path("linked.js.br")); // a link to nowhere at first
    Deno.symlinkSync("base/b.js", site.path("based.js"));
    await settle();
    await using program = await Program.start(site.root, ["--cache-validate", mode]);
    using wire = await Wire.connect(program.port);
    const rows: [target: string, sibling: string][] = [["/a.js", "a.js.br"]];
    if (FOLLOWS_LINKS) {
      rows.push(["/dir/a.js", "real/a.js.br"], ["/linked.js", "store/br"], ["/based.js", "based.js.br"]);
    }
    const ask = async (target: string) => {
      let last = "";
      for (let i = 0; i < 3; i++) {
        await wire.send(get(target, `${ACCEPT}br`));
        const { status, text, fields } = await wire.expect();
        const answer = `${status} ${fields["content-encoding"] ?? "identity"} ${text}`;
        if (i > 0) assertEquals(answer, last, target);
        assertEquals(
          fields.vary,
          fields["content-encoding"] === "br" ? "Accept-Encoding" : undefined,
          target,
        );
        last = answer;
      }
      return last;
    };
    for (const [target, sibling] of rows) {
      for (let round = 0; round < 10; round++) {
        assertEquals(await ask(target), "200 identity plain", `${target}, before round ${round}`);
        site.write(sibling, `made ${round}`);
        assertEquals(await ask(target), `200 br made ${round}`, `${target}: it appeared`);
        site.write(sibling, `next ${round}`);
        assertEquals(await ask(target), `200 br next ${round}`, `${target}: it changed`);
        site.write("new", `last ${round}`);
        Deno.renameSync(site.path("new"), site.path(sibling));
        assertEquals(await ask(target), `200 br last ${round}`, `${target}: another came to its name`);
        Deno.removeSync(site.path(sibling));
        Deno.mkdirSync(site.path(sibling));
        assertEquals(await ask(target), "200 identity plain", `${target}: it is a directory`);
        Deno.removeSync(site.path(sibling));
      }
    }
  }));
});

Deno.test("a sibling that cannot be opened counts as missing", async () => {
  using outside = new Site({ "secret": "outside of the root" });
  using site = new Site({
    "a.js": "plain",
    "a.js.gz": "gzip",
    "b.js": "plain",
    "store/x": "br",
    "only.js.gz": "gzip",
  });
  for (const name of ["a.js.br", "only.js.br"]) Deno.symlinkSync(`${outside.root}/secret`, site.path(name));
  Deno.symlinkSync("store/x", site.path("b.js.br"));
  await using program = await Program.start(site.root);
  for (let i = 0; i < 5; i++) {
    assertEquals(await codingOf(program.port, "/a.js", "br"), "identity");
    assertEquals(await codingOf(program.port, "/a.js", "br, gzip"), "gzip");
    assertEquals(await codingOf(program.port, "/only.js", "br, gzip"), "gzip");
    assertEquals(await codingOf(program.port, "/only.js", "br"), "406");
  }
  assertEquals(await codingOf(program.port, "/b.js", null), "identity");
  Deno.removeSync(site.path("store/x")); // the link's status was read, and it is not followed yet
  assertEquals(await codingOf(program.port, "/b.js", "br"), "identity");
});
