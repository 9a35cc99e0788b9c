/**
 * Text that the server compresses, `--compress`, over real sockets. Source: RFC 9110 §8.4, §12.5.3.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import zlib from "node:zlib";
import { COMPRESSED_BYTES_MAX, COMPRESSED_BYTES_MIN } from "../../handlers/site/limits.ts";
import { ACCEPT, codingOf } from "../support/encodings.ts";
import { Program, Site } from "../support/program.ts";
import { settle } from "../support/settle.ts";
import { exchange, get, head, Wire } from "../support/wire.ts";

const HAS_ZSTD = "createZstdCompress" in zlib;
const TEXT = "All the world's a stage.\n".repeat(200);

Deno.test("--compress: text in memory is compressed for clients that accept it, and decompresses to the original; nothing else is", async () => {
  const files: Record<string, string | Uint8Array> = {
    "text.html": TEXT,
    "data.json": `[${"1,".repeat(2000)}1]`,
    "drawing.svg": `<svg>${"<g/>".repeat(1000)}</svg>`,
    "beside.js": TEXT,
    "beside.js.gz": "the sibling",
    "404.html": TEXT,
    "short.txt": "a".repeat(COMPRESSED_BYTES_MIN - 1),
    "picture.png": TEXT,
    "random.txt": crypto.getRandomValues(new Uint8Array(5000)),
    "large.txt": TEXT.repeat(10),
    "archive.gz": TEXT,
  };
  using site = new Site(files);
  await using program = await Program.start(site.root, [
    "--compress",
    "--compress-level=6",
    "--cache-file-size",
    "16K",
  ]);
  const decoders = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync };
  for (
    const [name, isMade, varies] of [
      ["text.html", true, true],
      ["data.json", true, true],
      ["drawing.svg", true, true],
      ["missing", true, true], // the page for 404
      ["short.txt", false, false],
      ["picture.png", false, false],
      ["archive.gz", false, false],
      ["large.txt", false, false], // it stays on disk, and would be compressed for each request
      ["random.txt", false, true], // only the compression shows whether it gets smaller
    ] as const
  ) {
    const content = Deno.readFileSync(site.path(name === "missing" ? "404.html" : name));
    const tags = new Set<string | undefined>();
    for (const [coding, decode] of Object.entries(decoders)) {
      for (let i = 0; i < 3; i++) {
        const { fields, body } = await exchange(program.port, get(`/${name}`, ACCEPT + coding));
        const what = `${name} ${coding}`;
        assertEquals(fields["content-encoding"], isMade ? coding : undefined, what);
        assertEquals(fields.vary, varies ? "Accept-Encoding" : undefined, what);
        assertEquals(isMade ? new Uint8Array(decode(body)) : body, content, what);
        assert(!isMade || body.length < content.length);
        const told = await exchange(program.port, head(`/${name}`, ACCEPT + coding), true);
        assertEquals({ ...told.fields, date: "" }, { ...fields, date: "" }, what);
        tags.add(fields.etag);
      }
    }
    const plain = await exchange(program.port, get(`/${name}`));
    assertEquals([plain.fields["content-encoding"], plain.body], [undefined, content], name);
    tags.add(plain.fields.etag);
    assertEquals(tags.size, isMade && name !== "missing" ? 3 : 1, name);
  }
  assertEquals(await codingOf(program.port, "/text.html", "zstd"), HAS_ZSTD ? "zstd" : "identity");
  assertEquals(await codingOf(program.port, "/text.html", "gzip;q=0.5, identity"), "identity");
  assertEquals((await exchange(program.port, get("/beside.js", `${ACCEPT}gzip`))).text, "the sibling");
  assertEquals(await codingOf(program.port, "/beside.js", "br"), "br");
});

Deno.test("--compress: ranges are of the compressed bytes, and their tag stays the same", async () => {
  using site = new Site({ "a.txt": TEXT });
  await using program = await Program.start(site.root, ["--compress", "--compress-level=6"]);
  const first = await exchange(
    program.port,
    get("/a.txt", `${ACCEPT}gzip, identity;q=0`, "Range: bytes=0-9"),
  );
  assertEquals([first.status, first.fields["content-encoding"]], [206, "gzip"]);
  const whole = await exchange(program.port, get("/a.txt", `${ACCEPT}gzip`));
  const size = whole.body.length;
  assertEquals([first.fields.etag, first.fields["content-range"]], [whole.fields.etag, `bytes 0-9/${size}`]);
  const rest = await exchange(
    program.port,
    get("/a.txt", `${ACCEPT}gzip`, "Range: bytes=10-", `If-Range: ${whole.fields.etag}`),
  );
  assertEquals(rest.status, 206);
  const joined = new Uint8Array([...first.body, ...rest.body]);
  assertEquals(joined, whole.body);
  assertEquals(new TextDecoder().decode(zlib.gunzipSync(joined)), TEXT);
  const other = await exchange(
    program.port,
    get("/a.txt", "Range: bytes=10-12", `If-Range: ${whole.fields.etag}`),
  );
  assertEquals([other.status, other.text], [200, TEXT], "that tag is of another form");
});

Deno.test("--compress: the compressed form changes with its file, except where files are not checked", async () => {
  await Promise.all(["auto", "stat", "off"].map(async (mode) => {
    using site = new Site({ "a.txt": TEXT });
    if (mode === "stat") await settle();
    await using program = await Program.start(site.root, [
      "--compress",
      "--compress-level=6",
      "--cache-validate",
      mode,
    ]);
    using wire = await Wire.connect(program.port);
    const ask = async () => {
      await wire.send(get("/a.txt", `${ACCEPT}gzip`));
      const { fields, body } = await wire.expect();
      const isMade = fields["content-encoding"] === "gzip";
      const text = new TextDecoder().decode(isMade ? zlib.gunzipSync(body) : body);
      return [text, fields.etag, isMade] as const;
    };
    for (let i = 0; i < 3; i++) assertEquals((await ask())[0], TEXT);
    const [, tag, isMade] = await ask();
    assertEquals(isMade, true);
    for (let round = 0; round < 20; round++) {
      const text = TEXT + round;
      site.write("a.txt", text);
      for (let i = 0; i < 3; i++) {
        const [got, changed, isMade] = await ask();
        if (mode === "off") { // nothing is checked with this
          assertEquals([got, changed], [TEXT, tag]);
        } else {
          assertEquals(got, text);
          assertNotEquals(changed, tag);
          // A new file that is not watched is not cached yet, and what is not cached is not compressed.
          assertEquals(isMade, mode === "auto");
        }
      }
    }
  }));
});

Deno.test("--compress: nothing is compressed where nothing is cached, or too much would be; the response is right all the same", async () => {
  const huge = "x".repeat(COMPRESSED_BYTES_MAX + 1);
  using site = new Site({ "a.txt": TEXT.repeat(4), "huge.txt": huge });
  for (
    const [args, coding, vary] of [
      [["--cache-size", "0"], "identity", undefined],
      [["--cache-size", "22K"], "gzip", "Accept-Encoding"], // room for the file, and hardly anything else
      [["--cache-size", "20K"], "identity", "Accept-Encoding"], // less than that
    ] as const
  ) {
    await using program = await Program.start(site.root, ["--compress", "--compress-level=6", ...args]);
    for (let i = 0; i < 4; i++) {
      const { fields, body } = await exchange(program.port, get("/a.txt", `${ACCEPT}gzip`));
      const got = fields["content-encoding"] ?? "identity";
      assertEquals([got, fields.vary], [coding, vary], args.join(" "));
      const text = new TextDecoder().decode(got === "gzip" ? zlib.gunzipSync(body) : body);
      assertEquals(text, TEXT.repeat(4));
    }
  }
  await using program = await Program.start(site.root, [
    "--compress",
    "--compress-level=6",
    "--cache-file-size",
    "16M",
  ]);
  const { fields, body } = await exchange(program.port, get("/huge.txt", `${ACCEPT}gzip`));
  assertEquals([fields["content-encoding"], fields.vary, body.length], [undefined, undefined, huge.length]);
});
