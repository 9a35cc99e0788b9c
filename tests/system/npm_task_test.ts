/**
 * `deno task npm`: mistakes in its use, and what else takes no notice of what it makes.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { run } from "../support/compile.ts";
import { make, makesPackages } from "../support/npm_package.ts";
import { REPOSITORY, Site } from "../support/site.ts";

const MAKES = makesPackages();

Deno.test({
  name: "a Deno that makes no packages says which one does",
  ignore: MAKES,
  async fn() {
    const { code, stderr } = await make([]);
    assertEquals(code, 1);
    assertMatch(stderr, /^npm: needs Deno 2\.9 or newer, and this is [\d.]+: npx -y deno@[\d.]+ task npm\n$/);
  },
});

Deno.test({
  name:
    "deno task npm says in a line what is wrong, and leaves other files alone; git and JSR do not take what it makes",
  ignore: !MAKES,
  async fn() {
    using folder = new Site({
      "mine.txt": "x",
      "full/a.txt": "x",
      "full/package.json": `{ "name": "other" }`,
    });
    for (
      const [args, line, status] of [
        [["--output", folder.path("full")], /^npm: Bad output ".*": it has other files.*\n$/, 2],
        [["--output", folder.path("mine.txt")], /^npm: Bad output ".*": expected a directory\n$/, 2],
        [["--outptu", "x"], /^npm: Unknown option '--outptu'.*\n$/, 2],
      ] as const
    ) {
      const { code, stderr } = await make(args);
      assertEquals(code, status, stderr);
      assertMatch(stderr, line);
    }
    const missing = await make(["--output", folder.path("new")], { PATH: "/nowhere" });
    assertEquals([missing.code, missing.stderr], [1, "npm: tar is missing: install it\n"]);
    assertEquals(Array.from(Deno.readDirSync(folder.root), ({ name }) => name).toSorted(), [
      "full",
      "mine.txt",
    ]);

    assertEquals((await run(["git", "check-ignore", "npm/package.json"])).stdout, "npm/package.json\n");
    const published = await run([Deno.execPath(), "publish", "--dry-run", "--allow-dirty", "--no-check"]);
    assertEquals(published.code, 0, published.stderr);
    const listed = (published.stdout + published.stderr).replaceAll(REPOSITORY, "/");
    assertStringIncludes(listed, "///mod.ts");
    assert(!/\/\/(npm|deploy)\//.test(listed));
  },
});
