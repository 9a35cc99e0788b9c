/**
 * Links that end inside of the root although they are absolute, or climb out of the root and come back.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXDEV } from "../../ffi/libc/errno.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { SiteRoot } from "../../handlers/site/files/directory_root.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { hashOf } from "../support/passwords.ts";
import { FOLLOWS_LINKS, Program, runProgram, Site } from "../support/program.ts";
import { summary } from "../support/served_site.ts";
import { get, Wire } from "../support/wire.ts";

/** Files below `root`, and in `real/site`, which is also reached by the link `named`. */
function linksOf(site: Site): Readonly<Record<string, string>> {
  const root = Deno.realPathSync(site.path("real/site"));
  return {
    "abs": `${root}/d/f.txt`,
    "abs-directory": `${root}/d`,
    "abs-slash": `${root}/d/`,
    "abs-dots": `${root}/./d/../d//f.txt`,
    "abs-climbs": `${root}/../site/d/f.txt`,
    "abs-self": root,
    "by-name": `${site.path("named")}/d/f.txt`,
    "back": "../site/d/f.txt",
    "back-directory": "../site/d",
    "d/back": "../../site/d/f.txt",
    "d/far": "../../../real/site/d/f.txt",
    "chain": "back",
    "chain-abs": `${root}/chain`,
    "chain-directory": "abs-directory/deep/../f.txt",
    "by-parent": "parent/site/d/f.txt",
    "parent": "..",
    "file-slash": `${root}/d/f.txt/`,
    "file-below": `${root}/d/f.txt/x`,
    "nothing": `${root}/d/nothing`,
    "out": "../secret.txt",
    "out-and-back": "../other/../site/d/f.txt",
    "out-prefix": `${root}-other/f.txt`,
    "out-abs": site.path("real/secret.txt"),
    "out-chain": `${root}/out`,
    "loop": `${root}/loop`,
  };
}

const EXPECTED: readonly (readonly [path: string, expected: string])[] = [
  ["/abs", "200 f"],
  ["/abs-directory/f.txt", "200 f"],
  ["/abs-directory/deep/g.txt", "200 g"],
  ["/abs-directory", "301 /abs-directory/"],
  ["/abs-directory/", "200 index"],
  ["/abs-slash/f.txt", "200 f"],
  ["/abs-dots", "200 f"],
  ["/abs-climbs", "200 f"],
  ["/abs-self/d/f.txt", "200 f"],
  ["/abs-self/abs-self/abs", "200 f"],
  ["/by-name", "200 f"],
  ["/back", "200 f"],
  ["/back-directory/deep/g.txt", "200 g"],
  ["/d/back", "200 f"],
  ["/d/far", "200 f"],
  ["/chain", "200 f"],
  ["/chain-abs", "200 f"],
  ["/chain-directory", "200 f"],
  ["/by-parent", "200 f"],
  ["/parent/site/d/f.txt", "404"],
  ["/parent/secret.txt", "404"],
  ["/file-slash", "404"],
  ["/file-below", "404"],
  ["/nothing", "404"],
  ["/abs-directory/nothing", "404"],
  ["/out", "404"],
  ["/out-and-back", "404"],
  ["/out-prefix", "404"],
  ["/out-abs", "404"],
  ["/out-chain", "404"],
  ["/loop", "404"],
  ["/abs-directory/private.txt", "401"],
];

function makeSite(): Site {
  const site = new Site({
    "real/site/d/f.txt": "f",
    "real/site/d/index.html": "index",
    "real/site/d/private.txt": "private",
    "real/site/d/deep/g.txt": "g",
    "real/secret.txt": "outside",
    "real/other/x": "outside",
    "real/site-other/f.txt": "outside",
    "conf.json": JSON.stringify({
      auth: [{ source: "/abs-directory/private.txt", users: { anna: hashOf("right") } }],
    }),
  });
  Deno.symlinkSync("real/site", site.path("named"));
  for (const [name, target] of Object.entries(linksOf(site))) {
    Deno.symlinkSync(target, site.path(`real/site/${name}`));
  }
  return site;
}

for (const mode of ["auto", "stat"]) {
  Deno.test(`a link that ends inside is followed, whatever its way, and one that does not is not (${mode})`, async () => {
    if (!FOLLOWS_LINKS) return console.log("skipped: this kernel has no openat2(2)");
    using site = makeSite();
    for (const root of ["real/site", "named"]) {
      const args = ["--config", site.path("conf.json"), "--cache-validate", mode];
      await using program = await Program.start(site.path(root), args);
      using wire = await Wire.connect(program.port);
      for (const [path, expected] of EXPECTED) {
        const isNamed = root === "named" || path !== "/by-name"; // the other path of the root is not known then
        for (let i = 0; i < 2; i++) {
          await wire.send(get(path));
          assertEquals(summary(await wire.expect()), isNamed ? expected : "404", `${root} ${path}`);
        }
      }
      // A change of the file behind the link is noticed as that of any file.
      Deno.writeTextFileSync(site.path("real/site/d/f.txt"), "new");
      await wire.send(get("/abs"));
      assertEquals(summary(await wire.expect()), "200 new");
      Deno.writeTextFileSync(site.path("real/site/d/f.txt"), "f");
    }
  });
}

Deno.test("--explain says where an absolute link leads, and that one leads out", async () => {
  if (!FOLLOWS_LINKS) return console.log("skipped: this kernel has no openat2(2)");
  using site = makeSite();
  const explain = async (path: string) =>
    (await runProgram(["--no-config", "--root", site.path("real/site"), "--explain", path])).stdout;
  assertStringIncludes(await explain("/abs"), "200");
  assertStringIncludes(await explain("/out-abs"), "a link leads out of the root");
  assert(!(await explain("/nothing")).includes("leads out"));
});

Deno.test("while a link changes all the time nothing outside is ever opened, and no descriptor stays open", async () => {
  if (!FOLLOWS_LINKS) return console.log("skipped: this kernel has no openat2(2)");
  using site = new Site({ "root/d/f.txt": "inside", "outside/f.txt": "outside" });
  const inside = site.path("root/d");
  const outside = site.path("outside");
  const link = site.path("root/l");
  // The shell ends after the ln at work, so nothing is written when the site is removed.
  const script =
    `trap 'exit 0' TERM; while :; do ln -sfn ${inside} ${link}; ln -sfn ${outside} ${link}; done`;
  Deno.symlinkSync(inside, link);
  const before = openDescriptors();
  const root = new SiteRoot(site.path("root"));
  const process = new Deno.Command("sh", { args: ["-c", script] }).spawn();
  const seen = new Set<string | number>();
  const endMs = performance.now() + 20_000;
  for (let round = 0; round < 2000 || seen.size < 2; round++) {
    assert(performance.now() < endMs, [...seen].join());
    const fd = root.open(cString("l/f.txt"));
    if (fd < 0) {
      seen.add(fd);
    } else {
      seen.add(Deno.readTextFileSync(`/proc/self/fd/${fd}`));
      close(fd);
    }
  }
  process.kill("SIGTERM");
  await process.status;
  root.close();
  assertEquals(openDescriptors(), before);
  assert(!seen.has("outside"));
  assert(seen.has("inside") && seen.has(-EXDEV), [...seen].join());
});
