/**
 * Ranges over HTTP: many of them, random ones, and ranges beyond 4 GiB.
 * @module
 */
import { assertEquals } from "@std/assert";
import { RANGES_MAX } from "../../server/limits.ts";
import { partsOf } from "../support/multipart.ts";
import { Program, Site } from "../support/program.ts";
import { assertRanges } from "../support/ranges.ts";
import { Random, SEED } from "../support/random.ts";
import { exchange, get, head, Wire, type WireResponse } from "../support/wire.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const ON_DISK = ["--cache-file-size", "1"];

Deno.test(`up to ${RANGES_MAX} ranges come in parts, with a boundary that is never the same; more give the whole file`, async () => {
  const content = new Uint8Array(1000).map((_, i) => i * 7);
  using site = new Site({ "a.bin": content });
  for (const args of [[], ON_DISK]) {
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    await wire.send(get("/a.bin"));
    const whole = await wire.expect();
    const ranges = Array.from({ length: RANGES_MAX + 1 }, (_, i) => `${i * 3}-${i * 3 + 1}`);
    const boundaries = new Set<string>();
    for (let i = 0; i < 5; i++) {
      await wire.send(get("/a.bin", `Range: bytes=${ranges.slice(1)}`));
      const answer = await wire.expect();
      assertRanges(answer, ranges.slice(1), whole, args.join());
      boundaries.add(answer.fields["content-type"]!);
      await wire.send(get("/a.bin", `Range: bytes=${ranges}`));
      assertEquals((await wire.expect()).status, 200);
    }
    assertEquals(boundaries.size, 5);
  }
});

/** The ranges that are to be sent, computed byte by byte; null when everything is to be sent, or nothing can be. */
function slowRanges(specs: readonly string[], size: number): string[] | null {
  const groups: Set<number>[] = [];
  for (const spec of specs) {
    const [first, last] = spec.split("-");
    const bytes = new Set<number>();
    for (let i = 0; i < size; i++) {
      const isMeant = first === ""
        ? i >= size - Number(last)
        : i >= Number(first) && (last === "" || i <= Number(last));
      if (isMeant) bytes.add(i);
    }
    if (bytes.size > 0) groups.push(bytes);
  }
  const touch = (a: Set<number>, b: Set<number>) =>
    [...a].some((i) => b.has(i) || b.has(i + 1) || b.has(i - 1));
  for (let i = 0; i < groups.length; i++) {
    for (let k = i + 1; k < groups.length; k++) {
      if (!touch(groups[i]!, groups[k]!)) continue;
      for (const byte of groups[k]!) groups[i]!.add(byte);
      groups.splice(k, 1);
      k = i; // it may touch others now
    }
  }
  return groups.length === 0 ? null : groups.map((bytes) => `${Math.min(...bytes)}-${Math.max(...bytes)}`);
}

Deno.test("random ranges of random files are those of a slow reference implementation", async () => {
  const random = new Random();
  const files = [1, 2, 3, 10, 30, 60].map((size) =>
    [`${size}.bin`, Uint8Array.from({ length: size }, () => random.below(256))] as const
  );
  using site = new Site(Object.fromEntries(files));
  for (const args of [[], ON_DISK]) {
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    const wholes = new Map<string, WireResponse>();
    for (const [name] of files) wholes.set(name, await exchange(program.port, get(`/${name}`)));
    for (let round = 0; round < 250; round++) {
      const [name, { length: size }] = random.pick(files);
      const specs = Array.from({ length: 1 + random.below(random.pick([2, 4, 12])) }, () => {
        const first = random.below(size + 3);
        if (random.oneIn(4)) return `-${first}`;
        return random.oneIn(4) ? `${first}-` : `${first}-${first + random.below(random.pick([2, 9]))}`;
      });
      await wire.send(get(`/${name}`, `Range: bytes=${specs}`));
      const answer = await wire.expect();
      const what = `EPOLLET_SEED=${SEED}, round ${round}: ${name} ${specs}`;
      const ranges = slowRanges(specs, size);
      if (ranges === null) assertEquals(answer.status, 416, what);
      else assertRanges(answer, ranges, wholes.get(name)!, what);
    }
  }
});

Deno.test("beyond 4 GiB: a range, a suffix, several, If-Range, and ranges behind the end", async () => {
  using site = new Site();
  const size = 5 * GIB + 7;
  const marks: [number, string][] = [[0, "begin"], [4 * GIB - 3, "across"], [size - 3, "end"]];
  {
    using file = Deno.openSync(site.path("huge.bin"), { write: true, create: true });
    file.truncateSync(size); // sparse: it takes no space
    for (const [offset, mark] of marks) {
      file.seekSync(offset, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(mark));
    }
  }
  await using program = await Program.start(site.root, ["--etag", "mtime"]); // a digest would take long
  using wire = await Wire.connect(program.port);
  const ask = async (...lines: string[]) => {
    await wire.send(get("/huge.bin", ...lines));
    return await wire.expect();
  };
  const across = `${4 * GIB - 3}-${4 * GIB + 2}`;
  const single = await ask(`Range: bytes=${across}`);
  assertEquals([single.status, single.text], [206, "across"]);
  assertEquals(single.fields["content-range"], `bytes ${across}/${size}`);
  assertEquals((await ask("Range: bytes=-3")).text, "end");
  assertEquals((await ask(`Range: bytes=${size - 3}-`)).text, "end");
  assertEquals((await ask(`Range: bytes=${size - 2}-9007199254740993`)).text, "nd");
  const behind = await ask(`Range: bytes=${size}-`);
  assertEquals([behind.status, behind.fields["content-range"]], [416, `bytes */${size}`]);
  const several = partsOf(await ask(`Range: bytes=-3,${across},0-4`));
  assertEquals(several.map(({ body }) => new TextDecoder().decode(body)), ["end", "across", "begin"]);
  assertEquals(several.map(({ start, size }) => [start, size]), [
    [size - 3, size],
    [4 * GIB - 3, size],
    [0, size],
  ]);
  for (const validator of [single.fields.etag, single.fields["last-modified"]]) {
    assertEquals((await ask(`Range: bytes=${across}`, `If-Range: ${validator}`)).text, "across");
  }
  await wire.send(head("/huge.bin", `Range: bytes=${across}`));
  const { status, fields } = await wire.expect(true);
  assertEquals([status, fields["content-length"]], [200, String(size)]);
});
