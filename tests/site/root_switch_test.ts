/**
 * Roots whose path leads to another directory: the very next request is answered from there, however files are validated.
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Sites } from "../../handlers/site/sites.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { answerOf } from "../support/handler_answer.ts";
import { Program, Site } from "../support/program.ts";
import { eventually } from "../support/waiting.ts";
import { get, Wire } from "../support/wire.ts";

const MODES = ["auto", "stat", "off"] as const;

/** Has the link at `path` lead to `target`, by one rename. */
function lead(path: string, target: string): void {
  Deno.symlinkSync(target, `${path}.next`);
  Deno.renameSync(`${path}.next`, path);
}

async function text(wire: Wire, target = "/a.txt"): Promise<string> {
  await wire.send(get(target));
  return (await wire.expect()).text;
}

/** Three releases of a site. */
function releases(): Site {
  return new Site({ "r/1/www/a.txt": "1", "r/2/www/a.txt": "2", "r/3/www/a.txt": "3" });
}

for (const mode of MODES) {
  Deno.test(`the next request is answered from the directory that is at the root's path now (${mode})`, async () => {
    using site = releases();
    const link = site.path("current");
    lead(link, "r/1");
    await using program = await Program.start(`${link}/www`, ["--cache-validate", mode]);
    using wire = await Wire.connect(program.port);
    for (let i = 0; i < 4; i++) assertEquals(await text(wire), "1");
    for (let i = 0; i < 20; i++) {
      const next = String(i % 3 + 1);
      lead(link, `r/${next}`);
      assertEquals(await text(wire), next, "behind a link");
    }
    Deno.renameSync(site.path("r/2/www"), site.path("old"));
    Deno.renameSync(site.path("r/1/www"), site.path("r/2/www"));
    assertEquals(await text(wire), "1", "renamed to the path");
    Deno.removeSync(link);
    assertEquals(await text(wire), "1", "nothing is at the path: the directory before is still served");
    Deno.symlinkSync("r/3", link);
    assertEquals(await text(wire), "3", "a link made anew");
    lead(site.path("there"), site.path("r/2"));
    lead(link, "there");
    assertEquals(await text(wire), "1", "two links");
    lead(site.path("there"), site.path("r/3"));
    assertEquals(await text(wire), "3", "the second of them");
    Deno.mkdirSync(site.path("r/4"));
    lead(link, "r/4");
    assertEquals(await text(wire), "3", "there is no root yet");
    Deno.renameSync(site.path("old"), site.path("r/4/www"));
    assertEquals(await text(wire), "2", "moved there");
  });
}

Deno.test("requests of one turn are answered from one directory, and those of the next from the new one", async () => {
  using site = releases();
  const link = site.path("current");
  lead(link, "r/1");
  const before = openDescriptors();
  for (const validate of MODES) {
    const sites = new Sites({ root: `${link}/www`, validate });
    try {
      const ask = async (turn: number) => (await answerOf(sites, "/a.txt", turn)).at(-1);
      for (let turn = 1; turn < 20; turn += 2) {
        const next = String(turn % 3 + 1);
        const now = await ask(turn);
        lead(link, `r/${next}`);
        assertEquals(await ask(turn), now, "the same turn");
        assertEquals(await ask(turn + 1), next, "the next");
      }
    } finally {
      sites.close();
    }
  }
  assertEquals(openDescriptors(), before);
});

Deno.test("changes beside the way to a root lead to no other directory", async () => {
  using site = releases();
  lead(site.path("current"), "r/1");
  const sites = new Sites({ root: site.path("current/www") });
  try {
    const ask = async (turn: number) => (await answerOf(sites, "/a.txt", turn)).at(-1);
    await ask(1);
    await ask(2);
    const { misses } = sites.snapshot();
    for (let turn = 3; turn < 9; turn++) {
      site.write(`beside-${turn}`, "");
      site.write(`r/beside-${turn}`, "");
      assertEquals(await ask(turn), "1");
    }
    assertEquals(sites.snapshot().misses, misses, "files in memory stay there");
  } finally {
    sites.close();
  }
});

Deno.test("each directory at the root's path is a generation, for operators and in header rules", async () => {
  using site = releases();
  const link = site.path("current");
  lead(link, "r/1");
  await using program = await Program.start(`${link}/www`, [
    "-v",
    "--admin=0",
    "-H",
    "X-Release: {generation}, {x}",
  ]);
  const admin = await program.adminPort();
  using wire = await Wire.connect(program.port);
  using operator = await Wire.connect(admin);
  const release = async () => {
    await wire.send(get("/a.txt"));
    return (await wire.expect()).fields["x-release"];
  };
  assertEquals(await release(), "1, {x}");
  lead(link, "r/2");
  assertEquals([await release(), await text(wire)], ["2, {x}", "2"]);
  await operator.send(get("/readyz"));
  const ready = (await operator.expect()).text;
  assertMatch(ready, /^ready\ngeneration 2 since 20[-\dT:.]+Z: \/\S+\/r\/2\/www\n$/);
  lead(link, "r/3"); // no request of the site shows it: the operator's does
  await eventually(async () => {
    await operator.send(get("/readyz"));
    return /^generation 3 .*\/r\/3\/www$/m.test((await operator.expect()).text);
  }, "the third generation is not shown");
  assertEquals(await release(), "3, {x}");
  await operator.send(get("/metrics"));
  const metrics = (await operator.expect()).text;
  assertMatch(metrics, /^epollet_root_generation\{root="\S+\/current\/www",path="\S+\/r\/3\/www"\} 3$/m);
  assertMatch(metrics, /^epollet_root_since_seconds\{root="\S+"\} \d{10}(?:\.\d+)?$/m);
  program.kill("SIGTERM");
  const { stderr } = await program.finish();
  assertEquals(stderr.match(/leads to \S+ now: generation \d/g)?.length, 2, stderr);
});
