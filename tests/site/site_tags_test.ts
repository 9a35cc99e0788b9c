/**
 * Entity tags of a site over real sockets: on two servers, after changes of all kinds, and of huge files.
 * Source: RFC 9110 §8.8.3.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { DIGESTED_WHILE_WAITING_BYTES_MAX } from "../../handlers/site/limits.ts";
import { eventually } from "../support/descriptors.ts";
import { Program, Site } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, head, Wire } from "../support/wire.ts";
import { tagOf, writeSparse } from "../support/tags.ts";
import { PATIENCE_MS } from "../support/waiting.ts";

const SIZE_FLAG = ["--cache-file-size", "16K"];
/** All ways to get a representation. */
const FORMS: readonly (readonly [target: string, ...lines: string[]])[] = [
  ["/small.txt"],
  ["/large.bin"],
  ["/page.html", "Accept-Encoding: gzip"],
  ["/page.html", "Accept-Encoding: br"],
  ["/page.html"],
  ["/app.js", "Accept-Encoding: br"],
  ["/app.js"],
  ["/empty"],
];
const FILES = {
  "small.txt": "small",
  "large.bin": new Uint8Array(60_000).fill(3),
  "page.html": "<p>Text</p>\n".repeat(900),
  "app.js": "let app;",
  "app.js.br": new Uint8Array(20_000).fill(4),
  "empty": "",
};

async function tagsOn(port: number): Promise<(string | undefined)[]> {
  const tags: (string | undefined)[] = [];
  for (const [target, ...lines] of FORMS) {
    const { fields, status, body } = await exchange(port, get(target, ...lines));
    assertEquals(status, 200);
    tags.push(fields.etag);
    if (fields.etag?.length === 24) assertEquals(fields.etag, tagOf(body), target);
  }
  return tags;
}

Deno.test("two servers with equal files give equal tags (hash), or with equal times, too (mtime), or none (off)", async () => {
  using one = new Site({ "unused": "so that the inodes differ", ...FILES });
  using other = new Site(FILES);
  for (const name of Object.keys(FILES)) Deno.utimeSync(other.path(name), 1, 1);
  {
    await using a = await Program.start(one.root, [...SIZE_FLAG, "--compress", "--compress-level=6"]);
    await using b = await Program.start(other.root, [...SIZE_FLAG, "--compress", "--compress-level=6"]);
    const tags = await tagsOn(a.port);
    assertEquals(tags, await tagsOn(b.port));
    assertEquals(new Set(tags).size, FORMS.length);
  }
  {
    await using a = await Program.start(one.root, [...SIZE_FLAG, "--etag", "mtime"]);
    await using b = await Program.start(other.root, [...SIZE_FLAG, "--etag", "mtime"]);
    const before = await tagsOn(b.port);
    for (const [i, tag] of (await tagsOn(a.port)).entries()) assertNotEquals(tag, before[i]);
    for (const site of [one, other]) {
      for (const [i, name] of Object.keys(FILES).entries()) {
        Deno.utimeSync(site.path(name), 1e9, 1e9 + i + 0.123);
      }
    }
    const tags = await tagsOn(a.port);
    assertEquals(tags, await tagsOn(b.port));
    // The page has only one compressed form here, and its plain form is in three rows.
    assertEquals(new Set(tags).size, FORMS.length - 2);
  }
  await using off = await Program.start(one.root, [
    ...SIZE_FLAG,
    "--compress",
    "--compress-level=6",
    "--etag",
    "off",
  ]);
  assertEquals(await tagsOn(off.port), FORMS.map(() => undefined));
  for (const [target, ...lines] of FORMS.slice(0, -1)) {
    for (const line of ["Range: bytes=1-2", "Range: bytes=0-0,2-2", "If-None-Match: *"]) {
      const { fields, text } = await exchange(off.port, get(target, ...lines, line));
      assertEquals([fields.etag, text.includes("ETag")], [undefined, false], `${target} ${line}`);
    }
  }
});

Deno.test("a rewrite of the same size within the same second, its time set back, changes the tag, 200 times in a row", async () => {
  await Promise.all(["auto", "stat"].map(async (validate) => {
    using site = new Site({ "small.txt": "", "large.bin": "" });
    await using program = await Program.start(site.root, [...SIZE_FLAG, "--cache-validate", validate]);
    using wire = await Wire.connect(program.port);
    const sizes = { "small.txt": 100, "large.bin": 20_000 };
    for (let i = 0; i < 200; i++) {
      for (const [name, size] of Object.entries(sizes)) {
        const content = String(i).padStart(size, " ");
        Deno.writeTextFileSync(site.path(name), content);
        Deno.utimeSync(site.path(name), 1e9, 1e9);
        await wire.send(get(`/${name}`));
        const { fields, text } = await wire.expect();
        assertEquals([text === content, fields.etag], [true, tagOf(content)], `${validate}: ${name}, ${i}`);
      }
    }
  }));
});

Deno.test("touching a file changes Last-Modified and not its tag", async () => {
  using site = new Site(FILES);
  await using program = await Program.start(site.root, [...SIZE_FLAG, "--compress", "--compress-level=6"]);
  const before = await tagsOn(program.port);
  for (const seconds of [1e9, 1.1e9]) {
    for (const name of Object.keys(FILES)) Deno.utimeSync(site.path(name), seconds, seconds);
    assertEquals(await tagsOn(program.port), before);
    for (const [target, ...lines] of FORMS) {
      const { fields } = await exchange(program.port, get(target, ...lines));
      assertEquals(fields["last-modified"], new Date(seconds * 1000).toUTCString(), target);
    }
  }
});

Deno.test("a huge file is answered at once, others while it is digested; clients that leave leave nothing open", async () => {
  using site = new Site({ "small.txt": "small" });
  const size = DIGESTED_WHILE_WAITING_BYTES_MAX + 1;
  for (const name of ["huge.bin", "left.bin"]) writeSparse(site.path(name), size, "huge");
  writeSparse(site.path("waits.bin"), DIGESTED_WHILE_WAITING_BYTES_MAX, "waits");
  await sleep(3100); // they have just changed
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  const ask = async (request: string, isHead = false) => {
    await wire.send(request);
    return await wire.expect(isHead);
  };
  assertEquals((await ask(get("/small.txt"))).text, "small");
  const descriptors = () => Array.from(Deno.readDirSync(`/proc/${program.pid}/fd`)).length;
  const before = descriptors();
  for (let i = 0; i < 20; i++) { // in the middle of a body, and of a digest
    for (
      const request of [get("/left.bin"), get("/waits.bin"), get("/left.bin", "Range: bytes=0-1,9-9999999")]
    ) {
      const client = await RawClient.connect(program.port, 4096);
      await client.send(request);
      if (i % 3 === 0) await client.receive(new Uint8Array(100));
      if (i % 2 === 0) client.reset();
      else client[Symbol.dispose]();
    }
  }
  let answered = 0;
  let tag: string | undefined;
  const endMs = performance.now() + PATIENCE_MS;
  while (tag === undefined) {
    assert(performance.now() < endMs, "it is not digested");
    assertEquals((await ask(get("/small.txt"))).text, "small");
    answered++;
    const { status, fields } = await ask(head("/huge.bin"), true);
    assertEquals([status, fields["content-length"]], [200, String(size)]);
    tag = fields.etag;
    // Under constant load it would take long, since it has the lowest priority.
    if (answered > 4) await sleep(20);
  }
  assert(answered > 4, `${answered} answers while it was digested`);
  assertEquals((await ask(get("/huge.bin", `If-None-Match: ${tag}`))).status, 304);
  const part = await ask(get("/huge.bin", "Range: bytes=0-3", `If-Range: ${tag}`));
  assertEquals([part.status, part.text, part.fields.etag], [206, "huge", tag]);
  await eventually(() => descriptors() <= before, `${descriptors()} descriptors are open, not ${before}`);
});

Deno.test("--etag mtime: two forms with equal size and time have different tags", async () => {
  using site = new Site({ "a.js": "x".repeat(30), "a.js.gz": "y".repeat(20), "a.js.zst": "z".repeat(20) });
  for (const name of ["a.js", "a.js.gz", "a.js.zst"]) Deno.utimeSync(site.path(name), 1e9, 1e9);
  for (const args of [[], ["--cache-size", "0"]]) {
    await using program = await Program.start(site.root, ["--etag", "mtime", ...args]);
    const tags = await Promise.all(
      ["gzip", "zstd"].map(async (coding) =>
        (await exchange(program.port, get("/a.js", `Accept-Encoding: ${coding}`))).fields.etag
      ),
    );
    assert(tags[0] !== tags[1], `${args}: ${tags}`);
  }
});

Deno.test("a file that becomes longer or shorter while its tag is made is sent in its new length, without a tag", async () => {
  const size = 24 << 20;
  using site = new Site({ "big.bin": new Uint8Array(size) });
  await using program = await Program.start(site.root);
  let changed = 0;
  for (let round = 0; round < 12; round++) {
    const sizeAfter = size + (round % 2 === 0 ? 5 : -5);
    Deno.truncateSync(site.path("big.bin"), size);
    using wire = await Wire.connect(program.port);
    await wire.send(get("/big.bin"));
    await sleep(round); // before it is read, during that, or afterwards
    Deno.truncateSync(site.path("big.bin"), sizeAfter);
    const response = await wire.expect().catch(() => null); // a file that became shorter while it was sent is cut off
    if (response === null) continue;
    const length = Number(response.fields["content-length"]);
    if (response.fields.etag === undefined) changed++;
    assertEquals(length, response.fields.etag === undefined ? sizeAfter : response.body.length);
  }
  assert(changed > 0, "no file changed while its tag was made");
});
