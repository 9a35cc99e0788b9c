/**
 * Compressed forms that are made again at the strongest level, when there is time. Source: RFC 9110 §13.1.5, §8.8.3.
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import zlib from "node:zlib";
import { staticHandler } from "../../handlers/static.ts";
import { FileContent } from "../../handlers/site/cache/file_content.ts";
import {
  STRONGEST_BYTES_MAX,
  STRONGEST_CACHE_BYTES_MIN,
  STRONGEST_CPU_MS_MAX,
  STRONGEST_WAITING_MAX,
} from "../../handlers/site/limits.ts";
import { type Compressed, CompressionThread } from "../../handlers/site/responses/compression_thread.ts";
import { type QuickForm, StrongestForms } from "../../handlers/site/responses/strongest_forms.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { Program, Site } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { withServer } from "../support/serving.ts";
import { eventually } from "../support/waiting.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const BR = "Accept-Encoding: br, identity;q=0";
const { BROTLI_PARAM_QUALITY } = zlib.constants;

/** Text that a stronger compression makes clearly smaller. */
function text(size: number, random = new Random(7)): string {
  let made = "";
  while (made.length < size) made += random.pick(["epoll ", "kqueue ", "<p>", "\n"]) + random.below(5000);
  return made.slice(0, size);
}

function quality(level: number, content: string): number {
  const params = { [BROTLI_PARAM_QUALITY]: level };
  return zlib.brotliCompressSync(new TextEncoder().encode(content), { params }).length;
}

function plain(body: Uint8Array): string {
  return new TextDecoder().decode(zlib.brotliDecompressSync(body));
}

Deno.test("--compress: an idle server makes a smaller form, with a tag of its own; ranges never join the two", async () => {
  const content = text(60_000);
  using site = new Site({ "a.txt": content });
  await using program = await Program.start(site.root, ["--compress"]);
  using wire = await Wire.connect(program.port);
  const ask = async (...fields: string[]) => {
    await wire.send(get("/a.txt", BR, ...fields));
    return await wire.expect();
  };
  const first = await ask();
  assertEquals(plain(first.body), content);
  let last = first;
  await eventually(async () => (last = await ask()).body.length < first.body.length, "no smaller form");
  assertEquals(plain(last.body), content);
  assert(last.body.length <= quality(11, content) * 1.01, `${last.body.length} bytes`);
  assertNotEquals(last.fields.etag, first.fields.etag);
  assertEquals(last.fields["last-modified"], first.fields["last-modified"]);
  const again = await ask();
  assertEquals([again.fields.etag, again.body], [last.fields.etag, last.body]);
  assertEquals((await ask(`If-None-Match: ${first.fields.etag}`)).status, 200);
  assertEquals((await ask(`If-None-Match: ${last.fields.etag}`)).status, 304);
  for (const validator of [first.fields.etag, last.fields["last-modified"]]) {
    const { status, body } = await ask("Range: bytes=10-", `If-Range: ${validator}`);
    assertEquals([status, body], [200, last.body], "the rest may be of the form before");
  }
  const rest = await ask("Range: bytes=10-", `If-Range: ${last.fields.etag}`);
  assertEquals([rest.status, rest.body], [206, last.body.slice(10)]);
  await wire.send(get("/a.txt"));
  assertEquals((await wire.expect()).text, content);
  const changed = text(60_000, new Random(8));
  site.write("a.txt", changed);
  assertEquals(plain((await ask()).body), changed);
});

Deno.test("--compress-level: a fixed level is used at once, also the strongest", async () => {
  const content = text(60_000);
  using site = new Site({ "a.txt": content });
  const sizes: number[] = [];
  for (const level of ["1", "11"]) {
    await using program = await Program.start(site.root, ["--compress", "--compress-level", level]);
    for (const coding of ["br", "gzip"]) {
      const { body } = await exchange(program.port, get("/a.txt", `Accept-Encoding: ${coding}`));
      assertEquals(coding === "br" ? plain(body) : new TextDecoder().decode(zlib.gunzipSync(body)), content);
      sizes.push(body.length);
    }
  }
  const [fast, fastGzip, strong, strongGzip] = sizes as [number, number, number, number];
  assert(strong < fast && strongGzip < fastGzip, sizes.join());
  assert(strong <= quality(11, content) * 1.01, `${strong} bytes`);
});

Deno.test("a smaller form takes the place of the form before in memory, and a fixed level is not made again", async () => {
  const content = text(30_000);
  const thread = new CompressionThread(true);
  await thread.compress(new Uint8Array(1), "br", 1); // with its first thread, the runtime opens descriptors for good
  thread.end();
  using site = new Site({ "a.txt": content });
  const { add } = StrongestForms.prototype;
  let added = 0;
  StrongestForms.prototype.add = function (owner, quick) {
    added++;
    add.call(this, owner, quick);
  };
  try {
    const bytes: number[] = [];
    for (const compressLevel of ["auto", 11, 5] as const) {
      const handler = staticHandler({ root: site.root, compress: true, compressLevel });
      await withServer({ handler }, async ({ server: { addr: { port } } }) => {
        const ask = async (...fields: string[]) =>
          (await exchange(port, get("/a.txt", BR, ...fields))).body.length;
        const size = await ask();
        await ask("If-None-Match: *");
        if (compressLevel === "auto") await eventually(async () => await ask() < size, "no smaller form");
        await ask();
        await ask("If-None-Match: *");
        bytes.push(handler.snapshot().bytes);
      });
      handler.close();
      assertEquals(added, 1);
    }
    const cacheSize = STRONGEST_CACHE_BYTES_MIN - 1; // a thread would be much beside so small a cache
    const handler = staticHandler({ root: site.root, compress: true, cacheSize });
    await withServer({ handler }, async ({ server: { addr: { port } } }) => {
      await exchange(port, get("/a.txt", BR));
    });
    handler.close();
    assertEquals(added, 1);
    assertEquals(bytes[0], bytes[1], "it counts as if it had been made at once");
    assert(bytes[2]! > bytes[1]!);
  } finally {
    StrongestForms.prototype.add = add;
  }
});

/** A scripted process: its clock, its processor time, and the thread that compresses. */
class Scene {
  nowMs = 0;
  cpuMs = 0;
  /** The processor time that the process takes while a millisecond passes. */
  load = 0;
  /** The processor time of a compression. */
  costMs = 10;
  isEnded = false;
  readonly begun: ((compressed: Compressed) => void)[] = [];
  readonly forms = new StrongestForms({
    nowMs: () => {
      this.nowMs += 250;
      this.cpuMs += 250 * this.load;
      return this.nowMs;
    },
    cpuMs: () => this.cpuMs,
    thread: {
      compress: () => new Promise((resolve) => this.begun.push(resolve)),
      end: () => this.isEnded = true,
    },
  });

  /** Adds a form of 100 bytes. */
  add(size = 1000): { quick: QuickForm; replaced: number[] } {
    const status = new FileStatus();
    const original = new FileContent(new Uint8Array(size), status, "a", {});
    const form = new FileContent(new Uint8Array(100), status, "a", {});
    original.made.set("br", form);
    const replaced: number[] = [];
    const replace = (bytes: Uint8Array) => void replaced.push(bytes.length);
    const quick: QuickForm = { original, coding: "br", form, replace };
    this.forms.add(this, quick);
    return { quick, replaced };
  }

  /** Ends the last compression, with a form of so many bytes. */
  async finish(size: number): Promise<void> {
    this.begun.at(-1)!({ bytes: new Uint8Array(size), cpuMs: this.costMs });
    await null;
    await null;
  }

  [Symbol.dispose](): void {
    this.forms.leave(this);
  }
}

Deno.test("nothing is compressed again while the process has much to do, and then one at a time", async () => {
  using scene = new Scene();
  scene.load = 0.5;
  const [first, second] = [scene.add(), scene.add()];
  await eventually(() => scene.nowMs >= 4 * 250, "it does not look");
  assertEquals(scene.begun.length, 0);
  scene.load = 0.1;
  await eventually(() => scene.begun.length === 1, "it is not begun");
  await scene.finish(100);
  assertEquals(first.replaced, [], "it is no smaller");
  assertEquals(first.quick.form.isFinal, true);
  await eventually(() => scene.begun.length === 2, "the next one is not begun");
  await scene.finish(99);
  assertEquals(second.replaced, [99]);
});

Deno.test("what has changed meanwhile is not replaced, and what has changed before is not compressed", async () => {
  using scene = new Scene();
  const [first, second, third] = [scene.add(), scene.add(), scene.add()];
  second.quick.form.hasLeft = true;
  await eventually(() => scene.begun.length === 1, "it is not begun");
  first.quick.original.hasLeft = true;
  await scene.finish(50);
  await eventually(() => scene.begun.length === 2, "the third is not begun");
  await scene.finish(50);
  assertEquals([first.replaced, second.replaced, third.replaced], [[], [], [50]]);
});

Deno.test("the processor time is bounded: a budget, which comes back slowly; large files and too many do not wait", async () => {
  using scene = new Scene();
  scene.add(STRONGEST_BYTES_MAX + 1);
  scene.costMs = STRONGEST_CPU_MS_MAX + 10;
  for (let i = 0; i < STRONGEST_WAITING_MAX + 10; i++) scene.add();
  await eventually(() => scene.begun.length === 1, "it is not begun");
  await scene.finish(50);
  const beginMs = scene.nowMs;
  await eventually(() => scene.begun.length === 2, "the budget does not come back");
  assert(scene.nowMs - beginMs >= 10 / 0.05, `after ${scene.nowMs - beginMs} ms`);
  scene.forms.leave(scene);
  assertEquals(scene.isEnded, true);
});
