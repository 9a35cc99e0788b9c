/**
 * `deno task compile`: the resulting program is started as a user starts it.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EM_AARCH64 } from "../../ffi/libc/constants.ts";
import { readElfHeader } from "../../ffi/process/executable.ts";
import { compile, findRuntime, reasonOf, run } from "../support/compile.ts";
import { Program, REPOSITORY, Site } from "../support/program.ts";
import { exchange, get } from "../support/wire.ts";

const decoder = new TextDecoder();

Deno.test("deno task compile --help names each flag and variable, and compiles nothing", async () => {
  for (const flag of ["--help", "-h"]) {
    const { code, stdout, stderr } = await run([Deno.execPath(), "task", "--quiet", "compile", flag]);
    assertEquals([code, stderr], [0, ""]);
    const source = Deno.readTextFileSync(`${REPOSITORY}deploy/compile.ts`);
    const flags = Array.from(source.matchAll(/^ {6}(\w+): (option|\{)/gm), ([, name]) => `--${name}`);
    assertEquals(flags.length, 5);
    for (const name of [...flags, "DENORT_BIN", "DENO_COMPILE"]) assertStringIncludes(stdout, name);
  }
});

Deno.test("the compiled program works like the program; with a site it serves that from its own file, without permission to read others", async () => {
  using folder = new Site();
  const runtime = await findRuntime(folder.root);
  if (typeof runtime === "string") return console.log(`skipped: nothing to compile with here: ${runtime}`);
  const plain = folder.path("plain");

  // modules that main.ts imports on demand are included, too
  assertMatch((await run([plain, "--version"])).stdout, /^epollet \d/);
  assertStringIncludes((await run([plain, "--man"])).stdout, ".TH");
  assertStringIncludes((await run([plain, "--completions", "bash"])).stdout, "epollet");
  folder.write("conf.json", `{ "browse": true, "headers": { "X-From": "conf" } }`);
  const checked = await run([plain, "--config", folder.path("conf.json"), "--check"], {}, folder.root);
  assert(checked.code !== 0 && checked.stderr.includes("./html"), "there is no site in this one");
  const explained = await run([plain, "--root", `${REPOSITORY}html`, "--no-config", "--explain", "/"]);
  assertStringIncludes(explained.stdout, "HTTP/1.1 200 OK");

  using site = new Site({
    "index.html": "<h1>embedded</h1>",
    "large.bin": new Uint8Array(1_500_000).map((_, i) => i >> 3),
    "secret/x.txt": "x",
    "epollet.json": "{}",
  });
  folder.write("site.json", `{ "headers": { "X-From": "site" }, "compress": true }`);
  const program = folder.path("with-site");
  const args = ["--site", site.root, "--config", folder.path("site.json"), "--output", program];
  const made = await compile(args, runtime);
  assertEquals([made.code, made.stderr], [0, ""]);
  assertMatch(made.stdout, /^3 files, 1500018 bytes, of /);
  site[Symbol.dispose](); // from now on the files are only in the program
  site.write("put-there-later.txt", "x");

  const started = performance.now();
  await using running = await Program.startCommand([program, "0", "-v"], folder.root);
  const startMs = performance.now() - started;
  assertStringIncludes(running.greeting, "Serving the embedded site (3 files) at ");
  assertStringIncludes(running.greeting, "Settings from embedded site.json");
  assert(startMs < 5000, `it took ${startMs} ms to start`);
  await running.printed(/^sandbox .*\n/m);
  if (/Landlock ABI/.test(running.stdout)) assertStringIncludes(running.stdout, "reads no file");
  const home = await exchange(running.port, get("/"));
  assertEquals([home.status, home.text, home.fields["x-from"]], [200, "<h1>embedded</h1>", "site"]);
  const part = await exchange(running.port, get("/large.bin", "Range: bytes=1200000-1200007"));
  assertEquals([part.status, [...part.body]], [206, new Array(8).fill((1_200_000 >> 3) & 0xff)]);
  const whole = await exchange(running.port, get("/large.bin"));
  assertEquals([whole.body.length, whole.body.findIndex((byte, i) => byte !== ((i >> 3) & 0xff))], [
    1_500_000,
    -1,
  ]);
  assertEquals(
    (await exchange(running.port, get("/large.bin", `If-None-Match: ${whole.fields.etag}`))).status,
    304,
  );
  for (const path of ["/epollet.json", "/put-there-later.txt"]) {
    assertEquals((await exchange(running.port, get(path))).status, 404, path);
  }
  running.kill("SIGTERM");
  assertEquals((await running.finish()).code, 0);

  // a root on disk, and a configuration, override those in the program
  folder.write("epollet.json", `{ "headers": { "X-From": "disk" } }`);
  folder.write("public/index.html", "on disk");
  await using other = await Program.startCommand([program, "0", "public"], folder.root);
  const disk = await exchange(other.port, get("/"));
  assertEquals([disk.text, disk.fields["x-from"]], ["on disk", "disk"]);

  // a configuration that is only found does not affect the site in the program, unless it sets a root in its own
  // directory
  await using own = await Program.startCommand([program, "0"], folder.root);
  const embedded = await exchange(own.port, get("/"));
  assertEquals([embedded.text, embedded.fields["x-from"]], ["<h1>embedded</h1>", "site"]);
  own.kill("SIGTERM");
  assertStringIncludes((await own.finish()).stderr, "epollet: Ignored in ./epollet.json: headers (");
  await using named = await Program.startCommand([program, "0", "--config", "./"], folder.root);
  assertEquals((await exchange(named.port, get("/"))).fields["x-from"], "disk");
  folder.write("epollet.json", `{ "root": "public", "headers": { "X-From": "disk" } }`);
  await using found = await Program.startCommand([program, "0"], folder.root);
  const replaced = await exchange(found.port, get("/"));
  assertEquals([replaced.text, replaced.fields["x-from"]], ["on disk", "disk"]);
});

Deno.test("for linux-arm64 it makes a program of that machine, and never one of another", async () => {
  using folder = new Site({ "site/index.html": "there" });
  const program = folder.path("arm64");
  const args = ["--site", folder.path("site"), "--target", "linux-arm64", "--output", program];
  const stub = Deno.env.get("DENORT_BIN_ARM64");
  const env: Record<string, string> = stub === undefined ? {} : { DENORT_BIN: stub };
  const { code, stderr } = await compile(args, env);
  if (code !== 0) {
    // also if DENORT_BIN is for this machine: that is noticed
    assertEquals([code, fileExists(program)], [1, false], stderr);
    return console.log(`skipped: no runtime for aarch64 (DENORT_BIN_ARM64 names one): ${reasonOf(stderr)}`);
  }
  const bytes = Deno.readFileSync(program);
  const header = readElfHeader(bytes)!;
  assertEquals(header.machine, EM_AARCH64);
  assertEquals(decoder.decode(bytes.subarray(header.end, header.end + 14)), "epollet site 1");
});

function fileExists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

Deno.test("a mistake is named: a missing site, an unknown target, a configuration with a root", async () => {
  using folder = new Site({ "rooted.json": `{ "root": "x" }`, "broken.json": "{", "site/a": "a" });
  const { root } = folder;
  const cases: readonly (readonly [args: readonly string[], expected: string])[] = [
    [["--site", `${root}/none`], `Bad site "${root}/none": expected a directory`],
    [["--target", "windows"], `Bad target "windows": expected linux-x64 or linux-arm64`],
    [["--config", `${root}/rooted.json`], "--config goes with --site"],
    [["--site", `${root}/site`, "--config", `${root}/rooted.json`], `leave "root" out`],
    [["--site", `${root}/site`, "--config", `${root}/broken.json`], "Bad JSON"],
    [["--site", `${root}/site`, "--config", `${root}/none.json`], `Cannot read ${root}/none.json`],
    [["--what"], "--what"],
  ];
  await Promise.all(cases.map(async ([args, expected]) => {
    const { code, stderr } = await compile(args);
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, expected);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }));
});
