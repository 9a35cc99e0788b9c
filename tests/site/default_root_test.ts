/**
 * The default root: it does not lead out of the working directory.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Program, programCommand, runProgram, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get } from "../support/wire.ts";

const PORT = ["-a", "127.0.0.1", "-p", "0"];

/** Starts the program in the folder, as after unpacking it there. */
function start(folder: Site, ...args: string[]): Promise<Program> {
  return Program.startCommand(programCommand([...PORT, ...args]), folder.root);
}

async function say(program: Program, target: string): Promise<string> {
  const { status, text } = await exchange(program.port, get(target, "Connection: close"));
  return status === 200 ? text : String(status);
}

/** Waits until `condition` holds. */
async function becomes(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; !(await condition()); attempt++) {
    assert(attempt < 100, what);
    await sleep(50);
  }
}

Deno.test("the default root follows no link out of the working directory, unless it is named", async () => {
  using outside = new Site({ "index.html": "outside" });
  using folder = new Site({ "build/html/index.html": "inside" });
  for (const target of [outside.root, "/etc", "..", "/proc/self/cwd/.."]) {
    Deno.symlinkSync(target, folder.path("html"));
    for (const args of [[], ["--check"], ["--explain", "/"], ["-w", "1"]]) {
      const { code, stdout, stderr } = await runProgram([...PORT, ...args], folder.root);
      assertEquals([code, stdout], [2, ""], target);
      assertMatch(
        stderr,
        /^epollet: Cannot open root \.\/html, which leads out of the working directory to \/.*: name .* "epollet 7890 \.\/html"\n$/,
      );
    }
    Deno.removeSync(folder.path("html"));
  }
  Deno.symlinkSync(outside.root, folder.path("html"));
  for (const args of [["./html"], ["--root", "html"]]) {
    await using program = await start(folder, ...args);
    assertEquals(await say(program, "/"), "outside");
  }
  Deno.removeSync(folder.path("html"));
  for (const target of ["./build/html", `${folder.root}/build/html`]) {
    Deno.symlinkSync(target, folder.path("html"));
    await using program = await start(folder);
    assertEquals(await say(program, "/"), "inside", target);
    Deno.removeSync(folder.path("html"));
  }
});

Deno.test("a default root that is replaced while it is served is followed inside of the directory, but not out of it", async () => {
  using outside = new Site({ "index.html": "outside" });
  using folder = new Site({ "a/index.html": "a", "b/index.html": "b" });
  Deno.symlinkSync("a", folder.path("html"));
  await using program = await start(folder, "--no-sandbox");
  const relink = (target: string) => {
    Deno.symlinkSync(target, folder.path("new"));
    Deno.renameSync(folder.path("new"), folder.path("html"));
  };
  assertEquals(await say(program, "/"), "a");
  relink("b");
  await becomes(async () => await say(program, "/") === "b", "it is followed");
  relink(outside.root);
  const refused = program.warned(/Cannot open root \.\/html, which leads out of the working directory to /);
  let isRefused = false;
  refused.then(() => isRefused = true, () => {});
  await becomes(async () => {
    assertEquals(await say(program, "/"), "b");
    return isRefused;
  }, "nothing was said");
  relink("a");
  await becomes(async () => await say(program, "/") === "a", "it is followed again");
});

Deno.test("the root of a host in a named file may lead anywhere, even if the default root is not named", async () => {
  using outside = new Site({ "index.html": "outside" });
  using folder = new Site({ "html/index.html": "inside" });
  const hosts = { "x.example": { root: outside.root }, "y.example": {} };
  folder.write("conf.json", JSON.stringify({ hosts }));
  await using program = await start(folder, "--config", "conf.json");
  for (const [host, text] of [["x.example", "outside"], ["y.example", "inside"], ["test", "inside"]]) {
    const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    assertEquals((await exchange(program.port, request)).text, text);
  }
  Deno.renameSync(folder.path("html"), folder.path("other"));
  Deno.symlinkSync(outside.root, folder.path("html"));
  const { code, stderr } = await runProgram([...PORT, "--config", "conf.json"], folder.root);
  assertEquals(code, 2);
  assertMatch(stderr, /^epollet: Cannot open root \.\/html, which leads out of the working directory /);
});
