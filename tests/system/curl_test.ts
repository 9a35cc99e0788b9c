/**
 * curl(1) continues a download that was cut off, and fetches only what has changed.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Program, Site } from "../support/program.ts";

const MIB = 1024 * 1024;

/** Returns whether curl is installed, with a message when it is not. */
function hasCurl(): boolean {
  const has = new Deno.Command("sh", { args: ["-c", "command -v curl"] }).outputSync().success;
  if (!has) console.log("skipped: curl is not installed");
  return has;
}

/** Runs curl, and returns its exit status and the status of the response. */
async function curl(...args: string[]): Promise<{ code: number; status: number }> {
  const { code, stdout } = await new Deno.Command("curl", {
    args: ["-sS", "-w", "%{http_code}", ...args],
    stderr: "null",
  }).output();
  return { code, status: Number(new TextDecoder().decode(stdout)) };
}

function bytes(size: number, seed: number): Uint8Array {
  return new Uint8Array(size).map((_, i) => i * 7 + (i >> 8) + seed);
}

/** The targets for `curl -C -`: in memory, on disk, and a compressed form. */
const TARGETS: readonly (readonly [target: string, name: string, ...args: string[]])[] = [
  ["small.bin", "small.bin"],
  ["large.bin", "large.bin"],
  ["app.js", "app.js.gz", "-H", "Accept-Encoding: gzip"],
];

function siteToFetch(): Site {
  return new Site({
    "small.bin": bytes(100_000, 1),
    "large.bin": bytes(3 * MIB, 2),
    "app.js": "let app;",
    "app.js.gz": bytes(50_000, 3),
  });
}

/** Returns true when the files have the same bytes. */
function isSame(path: string, other: string): boolean {
  const [a, b] = [Deno.readFileSync(path), Deno.readFileSync(other)];
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("curl -C - continues a file at any position", async () => {
  if (!hasCurl()) return;
  using site = siteToFetch();
  using here = new Site();
  await using program = await Program.start(site.root);
  // Without a tag a range is one of the uncompressed form, wherever the client continues.
  const targets: typeof TARGETS = [
    ...TARGETS.slice(0, 2),
    ["app.js", "app.js", "-H", "Accept-Encoding: gzip"],
    ["app.js", "app.js.gz", "-H", "Accept-Encoding: gzip, identity;q=0"],
  ];
  for (const [target, name, ...args] of targets) {
    const size = Deno.statSync(site.path(name)).size;
    for (const length of [1, Math.floor(size / 2), size - 1]) {
      here.write("got", Deno.readFileSync(site.path(name)).subarray(0, length));
      const url = `http://127.0.0.1:${program.port}/${target}`;
      assertEquals(await curl(...args, "-C", "-", "-o", here.path("got"), url), { code: 0, status: 206 });
      assert(isSame(here.path("got"), site.path(name)), `${target} after ${length} bytes`);
      assertEquals(
        (await curl(...args, "-C", "-", "-o", here.path("got"), url)).status,
        416,
        "it is complete",
      );
      assert(isSame(here.path("got"), site.path(name)), `${target} is complete`);
    }
  }
});

Deno.test("curl -C - continues after it was interrupted in the middle of a transfer", async () => {
  if (!hasCurl()) return;
  using site = siteToFetch();
  using here = new Site();
  await using program = await Program.start(site.root);
  const url = `http://127.0.0.1:${program.port}/large.bin`;
  const first = await new Deno.Command("sh", { // files of 1 MB at most, so the kernel stops it there
    args: ["-c", `ulimit -f 2000; exec curl -sS -o "$0" "$1"`, here.path("got"), url],
    stderr: "null",
  }).output();
  assert(!first.success);
  const got = Deno.statSync(here.path("got")).size;
  assert(got > 0 && got < 3 * MIB, `${got} bytes`);
  const { code, status } = await curl("-C", "-", "-o", here.path("got"), url);
  assertEquals([code, status], [0, 206]);
  assert(isSame(here.path("got"), site.path("large.bin")));
});

Deno.test("with If-Range curl continues the file that it began, and no other", async () => {
  if (!hasCurl()) return;
  using site = siteToFetch();
  using here = new Site();
  await using program = await Program.start(site.root, ["--precompressed", "always"]); // the test sets times
  for (const [target, name, ...args] of TARGETS) {
    const url = `http://127.0.0.1:${program.port}/${target}`;
    const resume = async (validator: string) => {
      here.write("got", before.subarray(0, 1000));
      return await curl(...args, "-C", "-", "-H", `If-Range: ${validator}`, "-o", here.path("got"), url);
    };
    const before = Deno.readFileSync(site.path(name));
    assertEquals(await curl(...args, "--etag-save", here.path("tag"), "-o", here.path("got"), url), {
      code: 0,
      status: 200,
    });
    const tag = Deno.readTextFileSync(here.path("tag")).trim();
    assertEquals(await resume(tag), { code: 0, status: 206 });
    assert(isSame(here.path("got"), site.path(name)), target);
    Deno.utimeSync(site.path(name), 1e9, 1e9);
    site.write(name, before.map((byte) => byte ^ 1)); // of the same size
    Deno.utimeSync(site.path(name), 1e9, 1e9);
    assertEquals(await resume(tag), { code: 33, status: 200 }, "curl sees that it got something else");
    assertEquals(await curl(...args, "-o", here.path("got"), url), { code: 0, status: 200 });
    assert(isSame(here.path("got"), site.path(name)), target);
  }
});

Deno.test("curl --etag-compare and -z fetch a file again when it has changed, and not otherwise", async () => {
  if (!hasCurl()) return;
  using site = siteToFetch();
  using here = new Site();
  await using program = await Program.start(site.root, ["--precompressed", "always"]); // the test sets times
  for (const [target, name, ...args] of TARGETS) {
    const url = `http://127.0.0.1:${program.port}/${target}`;
    const got = here.path("got");
    const byTag = () =>
      curl(...args, "--etag-compare", here.path(target), "--etag-save", here.path(target), "-o", got, url);
    const byDate = () => curl(...args, "-R", "-z", got, "-o", got, url);
    for (const fetch of [byTag, byDate]) {
      Deno.utimeSync(site.path(name), 1e9, 1e9); // dates distinguish changes that are a second apart
      if (fetch === byDate) Deno.removeSync(got);
      assertEquals(await fetch(), { code: 0, status: 200 }, target);
      assert(isSame(got, site.path(name)), target);
      for (let i = 0; i < 2; i++) assertEquals(await fetch(), { code: 0, status: 304 }, target);
      assert(isSame(got, site.path(name)), target);
      site.write(name, Deno.readFileSync(site.path(name)).map((byte) => byte + 1));
      assertEquals(await fetch(), { code: 0, status: 200 }, target);
      assert(isSame(got, site.path(name)), target);
    }
  }
});
