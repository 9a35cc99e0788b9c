/**
 * The first start after a clone: the packages that Deno downloads.
 * @module
 */
import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { programCommand, REPOSITORY, Site } from "../support/program.ts";
import { outputOf } from "../support/waiting.ts";

/** Returns the packages in Deno's cache. */
function packagesIn(cache: string): string[] {
  const namesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name);
  const registries = `${cache}/npm`;
  return namesIn(registries).flatMap((registry) =>
    namesIn(`${registries}/${registry}`).flatMap((name) =>
      name.startsWith("@")
        ? namesIn(`${registries}/${registry}/${name}`).map((rest) => `${name}/${rest}`)
        : [name]
    )
  ).sort();
}

Deno.test("the first start downloads the packages that the program imports, and no other", async () => {
  using cache = new Site();
  const [program, ...args] = programCommand(["--version"]);
  const process = new Deno.Command(program, {
    args,
    cwd: REPOSITORY,
    env: {
      DENO_DIR: cache.root,
      DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "system,mozilla",
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stderr } = await outputOf(process, "the first start");
  const words = new TextDecoder().decode(stderr);
  if (code !== 0 && /error sending request|dns error|tcp connect|timed out/i.test(words)) {
    return console.log("skipped: the npm registry cannot be reached");
  }
  assertEquals(code, 0, words);
  assertEquals(packagesIn(cache.root), ["deno-std", "uqr", "zod"]);
});

Deno.test("deno.lock has the packages of deno.json only, and tests/deno.lock has the same versions of these", () => {
  const read = (name: string) => JSON.parse(Deno.readTextFileSync(REPOSITORY + name));
  const [own, all] = [read("deno.lock"), read("tests/deno.lock")];
  const mapped = Object.values(config.imports).map((specifier) => /^npm:([^/]+)/.exec(specifier)![1]!);
  assertEquals(Object.keys(own.npm), [...new Set(mapped)].sort());
  for (const [name, pinned] of Object.entries(own.npm)) assertEquals(all.npm[name], pinned, name);
});
