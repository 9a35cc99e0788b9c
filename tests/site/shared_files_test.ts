/**
 * Compressed forms, tags and descriptors belong to a file, and not to its URLs.
 * @module
 */
import zlib from "node:zlib";
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { startServer } from "../support/attackers.ts";
import { RawClient } from "../support/raw_client.ts";
import { eventually } from "../support/descriptors.ts";
import { cpuTicks, descriptorsOf } from "../support/process.ts";
import { OWN_MOUNTS } from "../support/own_mounts.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { tagOf } from "../support/tags.ts";
import { hasStrace, traced, tracedReads } from "../support/trace.ts";
import { get, head, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
/** Text that takes some fifty milliseconds to compress. */
const TEXT = Array.from({ length: 60_000 }, (_, i) => `${(i * 7919) % 104_729} ${i}\n`).join("");

/** Starts the program with a configuration file in another directory. */
async function start(site: Site, config: unknown, args: readonly string[] = []): Promise<Program> {
  using directory = new Site({ "epollet.json": JSON.stringify(config) });
  return await startAt(site.root, ["--config", directory.path("epollet.json"), ...args]);
}

/** Starts the program with mounts of its own. */
async function startAt(root: string, args: readonly string[] = []): Promise<Program> {
  return await Program.startCommand([
    ...OWN_MOUNTS,
    ...programCommand(["--port", "0", "--root", root, ...args]),
  ]);
}

/** The processor time that the program takes during `work`, in milliseconds. */
async function cost(program: Program, work: () => Promise<void>): Promise<number> {
  const before = cpuTicks(program.pid);
  await work();
  return (cpuTicks(program.pid) - before) * 10;
}

Deno.test("a file with many URLs is read, digested and compressed once, and each URL notices its changes", async () => {
  using site = new Site({ "app.html": TEXT });
  await using program = await start(site, {
    compress: true,
    compressLevel: 6,
    rewrites: [{ source: "/app/**", destination: "/app.html" }],
  });
  using wire = await Wire.connect(program.port);
  const ask = async (target: string, ...lines: string[]) => {
    await wire.send(get(target, ...lines));
    return await wire.expect();
  };
  for (const content of [TEXT, `${TEXT}!`]) {
    site.write("app.html", content);
    const tags = new Set<string>();
    const first = await ask("/app.html", "Accept-Encoding: br");
    const count = 300;
    const milliseconds = await cost(program, async () => {
      for (let i = 0; i < count; i++) {
        const { fields, body } = await ask(`/app/${content.length}/${i}`, "Accept-Encoding: br");
        assertEquals([fields["content-encoding"], body.length], ["br", first.body.length]);
        tags.add(fields.etag!);
      }
    });
    assertLess(milliseconds / count, 6, `${milliseconds} ms for ${count} URLs`); // compressing it would take 40 and more
    assertEquals([...tags], [first.fields.etag]);
    for (const target of ["/app.html", "/app/1", "/app/1", `/app/${TEXT.length}/1`]) {
      const { text, fields } = await ask(target);
      assertEquals([text === content, fields.etag], [true, tagOf(content)], target);
    }
  }
});

Deno.test("a file in memory counts once in the cache, however many URLs it has, and no URL evicts it", async () => {
  using site = new Site({ "app.html": TEXT, "other.txt": "other" });
  const size = TEXT.length;
  await using program = await start(site, {
    rewrites: [{ source: "/app/**", destination: "/app.html" }],
  }, ["--cache-size", String(size + 400_000)]);
  if (!hasStrace()) return;
  using wire = await Wire.connect(program.port);
  const round = async () => {
    for (let i = 0; i < 40; i++) {
      await wire.send(get(`/app/${i}`));
      assertEquals((await wire.expect()).body.length, size);
    }
  };
  assert((await tracedReads(program.pid, site.root, round)).length > 0, "it is not seen to be read");
  const lines = await tracedReads(program.pid, site.root, round);
  assertEquals(lines, [], "it is read again");
});

Deno.test("paths that collide in an unkeyed hash do not evict each other", async () => {
  if (!hasStrace()) return;
  const names = ["index.html", "app/icMakHD"]; // the same 32-bit FNV-1a hash
  using site = new Site(Object.fromEntries(names.map((name) => [name, name])));
  await using program = await startAt(site.root);
  using wire = await Wire.connect(program.port);
  const round = async () => {
    for (const name of names) {
      await wire.send(get(`/${name}`));
      assertEquals((await wire.expect()).text, name);
    }
  };
  for (let i = 0; i < 3; i++) await round();
  const lines = await traced(program.pid, "openat2", async () => {
    for (let i = 0; i < 20; i++) await round();
  });
  assertEquals(lines.filter((line) => line.includes("openat2(")), []);
});

Deno.test("the content of a file that had just changed is shared as long as a watched URL confirms it", async () => {
  if (!hasStrace()) return;
  using site = new Site({ "d/x.html": "content" });
  Deno.symlinkSync("d/x.html", site.path("link.html")); // a file behind a link is not watched
  await using program = await startAt(site.root, ["--index", "first.html,x.html"]);
  using wire = await Wire.connect(program.port);
  const reads = async (target: string, expected = "content") =>
    (await tracedReads(program.pid, site.root, async () => {
      await wire.send(get(target));
      assertEquals((await wire.expect()).text, expected, target);
    })).length;
  site.write("d/x.html", "content"); // within two seconds a second write might not show in its times
  assertEquals(await reads("/d/") > 0, true, "it is not seen to be read");
  await sleep(3100);
  assertEquals(await reads("/link.html"), 0, "/d/ is watched");
  assertEquals(await reads("/link.html"), 0, "it is kept");
  site.write("d/first.html", "first"); // the watched URL leads elsewhere
  assertEquals(await reads("/d/", "first") > 0, true);
  assertEquals(
    await reads("/d/x.html") > 0,
    true,
    "a URL that is looked at vouches for no state but its own",
  );
  assertEquals(await reads("/link.html"), 0);
});

Deno.test("text that does not fit the cache is not compressed again for each request", async () => {
  using site = new Site({ "a.txt": TEXT, "b.txt": `${TEXT}b`, "c.txt": `${TEXT}c` });
  await sleep(3100); // until then a second change might not show
  for (const cacheSize of [TEXT.length + 50_000, 2 * TEXT.length, TEXT.length - 1000]) {
    await using program = await startAt(site.root, [
      "--compress",
      "--compress-level=6",
      "--cache-size",
      String(cacheSize),
    ]);
    using wire = await Wire.connect(program.port);
    const round = async () => {
      for (const name of ["a.txt", "b.txt", "c.txt"]) {
        await wire.send(get(`/${name}`, "Accept-Encoding: br"));
        const { fields, status } = await wire.expect();
        assertEquals([status, typeof fields.etag], [200, "string"]);
      }
    };
    await round();
    const milliseconds = await cost(program, async () => {
      for (let i = 0; i < 20; i++) await round();
    });
    assertLess(milliseconds / 60, 10, `a cache of ${cacheSize}: ${milliseconds} ms for 60 requests`);
  }
});

Deno.test("a file that grows all the time is digested once a second, and its bytes are sent as they are", async () => {
  if (!hasStrace()) return;
  const size = 8 * MIB;
  using site = new Site({ "log": new Uint8Array(size) });
  await using program = await startAt(site.root);
  using wire = await Wire.connect(program.port);
  let length = size;
  let tagged = 0;
  const seconds = 4;
  const lines = await tracedReads(program.pid, site.root, async () => {
    const endMs = performance.now() + seconds * 1000;
    while (performance.now() < endMs) {
      Deno.writeFileSync(site.path("log"), new Uint8Array(1000), { append: true });
      length += 1000;
      await wire.send(head("/log"));
      const { fields } = await wire.expect(true);
      assertEquals(fields["content-length"], String(length));
      if (fields.etag !== undefined) tagged++;
      await sleep(50);
    }
  });
  const digests = lines.length / (size / MIB + 1);
  assert(digests > 1 && digests < seconds + 4, `${digests} times in ${seconds} seconds`);
  assert(tagged > 0, "it never had a tag");
});

Deno.test("a growing log that fits the cache is digested and compressed once a second, too; at rest it has its tag", async () => {
  using site = new Site({ "log.txt": TEXT.slice(0, 300_000) });
  await using program = await startAt(site.root, ["--compress", "--compress-level=6"]);
  using wire = await Wire.connect(program.port);
  let content = TEXT.slice(0, 300_000);
  let packed = 0;
  const ask = async () => {
    await wire.send(get("/log.txt", "Accept-Encoding: br"));
    return await wire.expect();
  };
  const milliseconds = await cost(program, async () => {
    for (let i = 0; i < 100; i++) {
      content += `line ${i}\n`;
      Deno.writeTextFileSync(site.path("log.txt"), `line ${i}\n`, { append: true });
      const { fields, text, body } = await ask();
      const isPacked = fields["content-encoding"] === "br";
      const sent = isPacked ? zlib.brotliDecompressSync(body).toString() : text;
      assertEquals(sent === content, true, `${isPacked ? "compressed" : "plain"}, line ${i}`);
      if (isPacked) packed++;
    }
  });
  assertLess(milliseconds, 1000, "compressed a hundred times, it takes two seconds");
  assert(packed > 0, "it was never compressed");
  await sleep(2100);
  const { fields } = await ask();
  assertEquals(fields["content-encoding"], "br");
  await wire.send(get("/log.txt"));
  assertEquals((await wire.expect()).fields.etag, tagOf(content));
});

Deno.test("?sort=size of 50,000 names is not sorted anew for each request", async () => {
  using site = new Site({ "d/0": "" });
  for (let i = 1; i < 50_000; i++) Deno.linkSync(site.path("d/0"), site.path(`d/${i}`));
  await using program = await startAt(site.root, ["--browse"]);
  await sleep(3100); // a directory that has just changed is not remembered
  using wire = await Wire.connect(program.port);
  const ask = async (target: string) => {
    await wire.send(get(target));
    assertEquals((await wire.expect()).status, 200);
  };
  await ask("/d/?sort=size");
  const count = 50;
  const milliseconds = await cost(program, async () => {
    for (let i = 0; i < count; i++) await ask(`/d/?sort=size&page=${i + 1}`);
  });
  assertLess(milliseconds / count, 40, `${milliseconds} ms for ${count} pages`); // sorting would take 130 and more
});

Deno.test("a hundred slow downloads of a large file use one descriptor, and other clients get no 503 at a limit of 256", async () => {
  using site = new Site({ "index.html": "hello", "big.bin": new Uint8Array(30 * MIB) });
  await using program = await startServer(site.root, [], 256);
  using wire = await Wire.connect(program.port);
  await wire.send(get("/big.bin", "Range: bytes=0-0"));
  assertEquals((await wire.expect()).status, 206);
  const before = descriptorsOf(program.pid);
  const clients: RawClient[] = [];
  try {
    const requests = [
      get("/big.bin"),
      get("/big.bin", "Range: bytes=5-29000000"),
      get("/big.bin", "Range: bytes=0-9,1000-29000000"),
    ];
    for (let i = 0; i < 120; i++) {
      const client = await RawClient.connect(program.port, 4096);
      clients.push(client);
      await client.send(requests[i % requests.length]!);
      await client.receive(new Uint8Array(100));
    }
    assertLess(descriptorsOf(program.pid) - before, 120 + 10);
    for (let i = 0; i < 20; i++) {
      using other = await Wire.connect(program.port);
      await other.send(get("/") + get("/big.bin", "Range: bytes=1-3"));
      assertEquals([(await other.expect()).status, (await other.expect()).status], [200, 206]);
    }
    // The next file of that name is another one, which downloads that began before do not get.
    Deno.renameSync(site.path("big.bin"), site.path("old.bin"));
    site.write("big.bin", new Uint8Array(30 * MIB).fill(7));
    await wire.send(get("/big.bin", "Range: bytes=0-0"));
    assertEquals((await wire.expect()).body, new Uint8Array([7]));
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
  await eventually(() => descriptorsOf(program.pid) <= before, "descriptors are left open");
});

Deno.test("slow downloads of more files than may be open: 503 beyond the limit, and other clients are served", async () => {
  using site = new Site({ "index.html": "hello" });
  for (let i = 0; i < 112; i++) {
    using file = Deno.openSync(site.path(`${i}.bin`), { create: true, write: true });
    file.truncateSync(30 * MIB);
  }
  await using program = await startServer(site.root, ["--etag", "mtime"], 256);
  const clients: RawClient[] = [];
  const heads: string[] = [];
  try {
    for (let i = 0; i < 112; i++) {
      const client = await RawClient.connect(program.port, 4096);
      clients.push(client);
      await client.send(get(`/${i}.bin`));
      const bytes = new Uint8Array(12);
      await client.receive(bytes);
      heads.push(new TextDecoder().decode(bytes));
    }
    assertEquals(heads.filter((line) => line === "HTTP/1.1 200").length, 64);
    for (const line of heads) assertMatch(line, /^HTTP\/1\.1 (200|503)$/);
    for (let i = 0; i < 20; i++) {
      using other = await Wire.connect(program.port);
      await other.send(get("/") + get("/0.bin", "Range: bytes=0-0"));
      assertEquals([(await other.expect()).status, (await other.expect()).status], [200, 206]);
    }
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
});
