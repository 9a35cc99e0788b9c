/**
 * Compressed forms that are older than their file: they were made from another version.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program, runProgram, Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { exchange, get } from "../support/wire.ts";

const ALL = "Accept-Encoding: gzip, br, zstd";
const NOW = Math.floor(Date.now() / 1000) - 100;

const FILES = {
  "a.js": "new",
  "a.js.br": "old br",
  "a.js.gz": "new gz",
  "b.css": "new",
  "b.css.gz": "old gz",
  "only.txt.gz": "gz",
  "d/index.html": "new",
  "d/index.html.zst": "old zst",
  "same.js": "same",
  "same.js.gz": "same gz",
  "packed.js": "packed",
  "packed.js.gz": "packed gz",
};

/** Times in seconds; the file system stores fractions. */
const TIMES: Readonly<Record<string, number>> = {
  "a.js": NOW,
  "a.js.br": NOW - 3600,
  "a.js.gz": NOW + 1,
  "b.css": NOW,
  "b.css.gz": NOW - 1,
  "d/index.html": NOW,
  "d/index.html.zst": NOW - 86_400,
  "same.js": NOW + 0.9, // the folder was copied, the form first
  "same.js.gz": NOW,
  "packed.js": NOW,
  "packed.js.gz": 0, // a convention of tools, and no time
};

function setTimes(site: Site): void {
  for (const [name, seconds] of Object.entries(TIMES)) Deno.utimeSync(site.path(name), seconds, seconds);
}

Deno.test("a compressed form that is older than its file is not served, unless a setting allows it", async () => {
  const rows: [path: string, fresh: string, always: string, off: string][] = [
    ["/a.js", "new gz", "old br", "new"],
    ["/b.css", "new", "old gz", "new"],
    ["/d/", "new", "old zst", "new"],
    ["/same.js", "same gz", "same gz", "same"],
    ["/packed.js", "packed gz", "packed gz", "packed"],
    ["/only.txt", "gz", "gz", "404"],
  ];
  for (const [i, mode] of ["fresh", "always", "off"].entries()) {
    for (const args of [[`--precompressed`, mode], ["--precompressed", mode, "--cache-validate", "stat"]]) {
      await using served = await ServedSite.start(FILES, { args }, setTimes);
      await served.check(
        rows.map((row) => [row[0], row[i + 1] === "404" ? "404" : `200 ${row[i + 1]}`]),
        ALL,
      );
      const { fields } = await served.ask(get("/b.css", ALL));
      assertEquals(fields.vary, mode === "always" ? "Accept-Encoding" : undefined, mode);
    }
  }
  await using served = await ServedSite.start(FILES, {
    config: { hosts: { "b.example": { precompressed: "always" } } },
  }, setTimes);
  assertEquals(await served.say("/b.css", ALL), "200 new");
  assertEquals((await served.ask(get("/b.css", ALL).replace(/Host: .*/, "Host: b.example"))).text, "old gz");
});

Deno.test("the form of a file that changes is not served any more, and a new form is served again", async () => {
  for (const validate of ["auto", "stat"]) {
    using site = new Site({ "a.js": "one", "a.js.gz": "one gz" });
    Deno.utimeSync(site.path("a.js"), NOW, NOW);
    Deno.utimeSync(site.path("a.js.gz"), NOW, NOW);
    await using program = await Program.start(site.root, ["--cache-validate", validate]);
    const body = async () => (await exchange(program.port, get("/a.js", ALL))).text;
    for (let i = 0; i < 2; i++) assertEquals(await body(), "one gz");
    site.write("a.js", "two");
    for (let i = 0; i < 2; i++) assertEquals(await body(), "two", validate);
    site.write("a.js.gz", "two gz");
    for (let i = 0; i < 2; i++) assertEquals(await body(), "two gz", validate);
    Deno.utimeSync(site.path("a.js.gz"), NOW, NOW);
    assertEquals(await body(), "two", validate);
  }
});

Deno.test("--explain, --check and -v name the forms that are older", async () => {
  using site = new Site(FILES);
  setTimes(site);
  const older = (form: string, file: string) => `${form} is older than ${file}, so it is hardly made of that`;
  const explain = (...args: string[]) =>
    runProgram(["--no-config", "--root", site.root, "--explain", ...args]);
  const { stdout } = await explain("/a.js");
  assertStringIncludes(stdout, `form      ${older("a.js.br", "a.js")}: not served\n`);
  assertMatch(stdout, /^variant {3}gzip, from a\.js\.gz$/m);
  const always = (await explain("/b.css", "--precompressed", "always")).stdout;
  assertStringIncludes(
    always,
    `${older("b.css.gz", "b.css")}: served all the same (precompressed "always")\n`,
  );
  assert(!(await explain("/same.js")).stdout.includes("older"), "it is as old");
  const lines = [["a.js.br", "a.js"], ["b.css.gz", "b.css"], ["d/index.html.zst", "d/index.html"]]
    .map(([form, file]) => older(form!, file!));
  const check = await runProgram(["--no-config", "--root", site.root, "--check"]);
  for (const line of lines) assertStringIncludes(check.stderr, `epollet: ${line}: not served\n`);
  assertEquals([check.code, check.stderr.trimEnd().split("\n").length], [0, lines.length], check.stderr);
  assertEquals(
    (await runProgram(["--no-config", "--root", site.root, "--check", "--precompressed", "off"])).stderr,
    "",
  );

  await using program = await Program.start(site.root, ["--no-config", "-v"]);
  for (const line of lines) await program.printed(new RegExp(`^older +${line}`, "m"));
  site.write("same.js", "changed while it serves");
  for (let i = 0; i < 3; i++) await exchange(program.port, get("/same.js", ALL));
  await program.warned(/^epollet: same\.js\.gz is older than same\.js/m);
  program.kill("SIGTERM");
  const { code, stderr } = await program.finish();
  assertEquals([code, stderr.match(/same\.js\.gz is older/g)?.length], [0, 1], stderr);

  await using silent = await Program.start(site.root, ["--no-config"]);
  await exchange(silent.port, get("/b.css", ALL));
  silent.kill("SIGTERM");
  assertEquals(await silent.finish(), { code: 0, signal: null, stderr: "" });
  assert(!silent.stdout.includes("older"), "without -v nothing is said");
});
