/**
 * Compression of a site's files: of which, how often, and at which cost.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import zlib from "node:zlib";
import { staticHandler } from "../../handlers/static.ts";
import { Compressor, MADE_CODINGS } from "../../handlers/site/responses/compressor.ts";
import { isCompressible } from "../../handlers/site/files/media_type.ts";
import type { Coding } from "../../server/http/fields/negotiation.ts";
import {
  COMPRESSED_BYTES_MAX,
  COMPRESSED_BYTES_MIN,
  COMPRESSION_SLICE_BYTES,
  COMPRESSIONS_MAX,
} from "../../handlers/site/limits.ts";
import { withServer } from "../support/serving.ts";
import { Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get, head, Wire } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

/** Absent in older runtimes. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array };

/** Decompresses as a client does. */
function decompress(bytes: Uint8Array, coding: Coding): Uint8Array {
  switch (coding) {
    case "br":
      return new Uint8Array(zlib.brotliDecompressSync(bytes));
    case "gzip":
      return new Uint8Array(zlib.gunzipSync(bytes));
    case "zstd":
      return new Uint8Array(zstdDecompressSync!(bytes));
  }
}

/** Text of `size` bytes that can be compressed, but not to almost nothing. */
function text(size: number, random: Random): Uint8Array {
  const words = ["epoll ", "kqueue ", "select ", "<p>", "poll\n"];
  let made = "";
  while (made.length < size) made += random.pick(words) + random.below(100);
  return new TextEncoder().encode(made.slice(0, size));
}

/** Runs `test`, and records every compression in this process meanwhile. */
async function counting(test: (made: string[]) => Promise<void>): Promise<void> {
  const made: string[] = [];
  const { compress } = Compressor.prototype;
  Compressor.prototype.compress = function (content, coding) {
    const compressed = compress.call(this, content, coding);
    made.push(compressed === null ? `no ${coding}` : coding);
    return compressed;
  };
  try {
    await test(made);
  } finally {
    Compressor.prototype.compress = compress;
  }
}

/** A site in this process with compression. */
async function serving(
  files: Readonly<Record<string, string | Uint8Array>>,
  test: (port: number, site: Site, made: string[]) => Promise<void>,
): Promise<void> {
  await counting(async (made) => {
    using site = new Site(files);
    const handler = staticHandler({
      root: site.root,
      compress: true,
      compressLevel: 6,
      cacheFileSize: COMPRESSED_BYTES_MAX,
    });
    try {
      await withServer({ handler }, ({ port }) => test(port, site, made));
    } finally {
      handler.close();
    }
  });
}

Deno.test("gzip and br are always available, zstd where the runtime has it", () => {
  assertEquals(MADE_CODINGS, zstdDecompressSync === undefined ? ["br", "gzip"] : ["br", "zstd", "gzip"]);
});

Deno.test("text is compressed if it is neither very short nor very long; pictures and archives are not", () => {
  const types: [string, boolean][] = [
    ["text/html; charset=UTF-8", true],
    ["TEXT/CSS", true],
    ["text/javascript", true],
    ["application/json; charset=UTF-8", true],
    ["application/ld+json", true],
    ["image/svg+xml", true],
    ["application/wasm", true],
    ["font/ttf", true],
    ["font/woff2", false],
    ["image/png", false],
    ["video/mp4", false],
    ["application/zip", false],
    ["application/gzip", false],
    ["application/pdf", false],
    ["application/octet-stream", false],
  ];
  for (const [type, expected] of types) assertEquals(isCompressible(type, 10_000), expected, type);
  for (
    const [size, expected] of [
      [0, false],
      [COMPRESSED_BYTES_MIN - 1, false],
      [COMPRESSED_BYTES_MIN, true],
      [COMPRESSED_BYTES_MAX, true],
      [COMPRESSED_BYTES_MAX + 1, false],
    ] as const
  ) {
    assertEquals(isCompressible("text/plain", size), expected, `${size} bytes`);
  }
});

for (const coding of MADE_CODINGS) {
  Deno.test(`${coding} of any text decompresses to that text, whatever its length`, async () => {
    const compressor = new Compressor();
    const random = new Random();
    const slice = COMPRESSION_SLICE_BYTES;
    const sizes = [
      1024,
      slice - 1,
      slice,
      slice + 1,
      2 * slice,
      1_000_000,
      ...Array.from({ length: 10 }, () => 500 + random.below(300_000)),
    ];
    for (const size of sizes) {
      const content = text(size, random);
      const compressed = await compressor.compress(content, coding);
      assert(
        compressed !== null && compressed.length < content.length,
        `EPOLLET_SEED=${SEED}: ${size} bytes`,
      );
      assertEquals(decompress(compressed, coding), content, `EPOLLET_SEED=${SEED}: ${size} bytes`);
    }
  });

  Deno.test(`data that does not become smaller is not sent as ${coding}`, async () => {
    const compressor = new Compressor();
    assertEquals(await compressor.compress(crypto.getRandomValues(new Uint8Array(5000)), coding), null);
    assertEquals(await compressor.compress(new Uint8Array(1), coding), null);
  });
}

Deno.test("texts are compressed one after the other, other work runs after each slice, and a failure gives null", async () => {
  const compressor = new Compressor();
  const random = new Random();
  const slices = 16;
  const order: string[] = [];
  const start = (name: string, content: Uint8Array) =>
    compressor.compress(content, "br")!.then((bytes) => {
      order.push(name);
      return bytes;
    });
  const large = start("large", text(slices * COMPRESSION_SLICE_BYTES, random));
  const broken = start("broken", undefined as unknown as Uint8Array);
  const small = start("small", text(2000, random));
  let ended = false;
  large.then(() => ended = true);
  let ticks = 0;
  for (; !ended; ticks++) await sleep(0);
  assert(ticks >= slices / 2, `${ticks} turns`);
  assertEquals(await broken, null);
  assert((await small) !== null);
  assertEquals(order, ["large", "broken", "small"]);
});

Deno.test("with too many texts to compress the next ones do not wait; later there is room again", async () => {
  const compressor = new Compressor();
  const content = text(2000, new Random());
  for (let round = 0; round < 2; round++) {
    const all = Array.from({ length: COMPRESSIONS_MAX }, () => compressor.compress(content, "gzip"));
    assertEquals(compressor.isFull, true);
    assertEquals(compressor.compress(content, "gzip"), null);
    for (const compressed of all) assert((await compressed) !== null);
    await null;
    assertEquals(compressor.isFull, false);
  }
});

Deno.test("a text is compressed once for each coding, however many requests come at once, until it changes", async () => {
  const random = new Random();
  const content = text(200_000, random);
  await serving({ "a.html": content }, async (port, site, made) => {
    const askAll = async (expected: Uint8Array) => {
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, i) => {
          const coding = i % 2 === 0 ? "br" : "gzip";
          return exchange(port, get("/a.html", `Accept-Encoding: ${coding}`));
        }),
      );
      for (const [i, { body, fields }] of answers.entries()) {
        assertEquals(fields["content-encoding"], i % 2 === 0 ? "br" : "gzip");
        assertEquals([body, fields.etag], [answers[i % 2]!.body, answers[i % 2]!.fields.etag]);
      }
      for (const { body, fields } of answers.slice(0, 2)) {
        assertEquals(decompress(body, fields["content-encoding"] as Coding), expected);
      }
      return answers[0]!.fields.etag;
    };
    const tag = await askAll(content);
    assertEquals(made.toSorted(), ["br", "gzip"]);
    assertEquals(await askAll(content), tag);
    using wire = await Wire.connect(port);
    for (
      const line of ["Range: bytes=1-2", "Range: bytes=0-0,2-2", `If-None-Match: ${tag}`, "If-None-Match: *"]
    ) {
      for (let i = 0; i < 3; i++) {
        await wire.send(get("/a.html", "Accept-Encoding: br", line) + head("/a.html", "Accept-Encoding: br"));
        await wire.expect();
        assertEquals((await wire.expect(true)).fields.etag, tag);
      }
    }
    assertEquals(made.length, 2);
    const changed = text(200_000, random);
    site.write("a.html", changed);
    const next = await askAll(changed);
    assert(next !== tag);
    assertEquals(made.length, 4);
    site.write("a.html", content);
    assertEquals(await askAll(content), tag, "the same bytes make the same bytes");
  });
});

Deno.test("a compression that did not help is not tried again", async () => {
  await serving({ "a.txt": crypto.getRandomValues(new Uint8Array(5000)) }, async (port, site, made) => {
    const content = Deno.readFileSync(site.path("a.txt"));
    for (let i = 0; i < 5; i++) {
      for (const codings of ["br", "gzip", "gzip, br"]) {
        const { body, fields } = await exchange(port, get("/a.txt", `Accept-Encoding: ${codings}`));
        assertEquals([body, fields["content-encoding"], fields.vary], [
          content,
          undefined,
          "Accept-Encoding",
        ]);
      }
    }
    assertEquals(made, ["br", "gzip"]);
  });
});

Deno.test("while too many texts are compressed a client gets the plain text, and the compressed one the next time", async () => {
  const random = new Random();
  const files: Record<string, Uint8Array> = { "0.txt": new Uint8Array(COMPRESSED_BYTES_MAX).fill(0x20) };
  for (let i = 1; i < COMPRESSIONS_MAX; i++) files[`${i}.txt`] = text(5000, random);
  await serving({ ...files, "a.txt": text(3000, random) }, async (port, _, made) => {
    using wire = await Wire.connect(port);
    const request = get("/a.txt", "Accept-Encoding: br");
    const others = Object.keys(files).map((name) => exchange(port, get(`/${name}`, "Accept-Encoding: br")));
    await eventually(() => made.length >= COMPRESSIONS_MAX, "they are not begun"); // the first one takes a hundred turns
    for (let i = 0; i < 4; i++) { // the head is recognized then, and its response could have been remembered
      await wire.send(request);
      const { fields, body } = await wire.expect();
      assertEquals([fields["content-encoding"], body.length, fields.vary], [
        undefined,
        3000,
        "Accept-Encoding",
      ]);
    }
    assertEquals(made.slice(COMPRESSIONS_MAX), Array(4).fill("no br"));
    for (const { fields } of await Promise.all(others)) assertEquals(fields["content-encoding"], "br");
    await wire.send(request);
    assertEquals((await wire.expect()).fields["content-encoding"], "br");
  });
});

Deno.test("a client that leaves while its text is compressed affects no other client", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 5 }, (_, i) => [`${i}.txt`, text(500_000, new Random())]),
  );
  await serving(files, async (port, _, made) => {
    for (const name of Object.keys(files)) {
      using wire = await Wire.connect(port);
      await wire.send(get(`/${name}`, "Accept-Encoding: br"));
      await eventually(() => made.includes("br"), "it is not compressed");
    }
    for (const [name, content] of Object.entries(files)) {
      const { body, fields } = await exchange(port, get(`/${name}`, "Accept-Encoding: br"));
      assertEquals(fields["content-encoding"], "br");
      assertEquals(decompress(body, "br"), content);
    }
    assertEquals(made.length, 5);
  });
});

Deno.test("a text that changes during its compression is sent in its new version to later requests", async () => {
  const random = new Random();
  await serving({ "a.txt": text(500_000, random) }, async (port, site, made) => {
    for (let round = 1; round <= 5; round++) {
      const before = Deno.readFileSync(site.path("a.txt"));
      const asked = exchange(port, get("/a.txt", "Accept-Encoding: gzip"));
      await eventually(() => made.length >= 2 * round - 1, "it is not compressed");
      const content = text(500_000, random);
      site.write("a.txt", content);
      const { body, fields } = await exchange(port, get("/a.txt", "Accept-Encoding: gzip"));
      assertEquals(fields["content-encoding"], "gzip");
      assertEquals(decompress(body, "gzip"), content);
      assertEquals(decompress((await asked).body, "gzip"), before);
      site.write("a.txt", text(500_000, random));
    }
  });
});
