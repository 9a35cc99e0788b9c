/**
 * A configuration file that is found and not named: it is reloaded, passed to a successor, and may be unreadable.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { HASH, ignored, PORT, say, start } from "../support/found_config.ts";
import { childrenOf } from "../support/process.ts";
import { FOLLOWS_LINKS, runProgram, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { exchange, get } from "../support/wire.ts";

/** Waits until `condition` returns true. */
async function becomes(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; !(await condition()); attempt++) {
    assert(attempt < 100, what);
    await sleep(50);
  }
}

Deno.test("a reload (single process and workers) and a worker read a found file as the start does", async () => {
  for (const args of [[], ["--no-sandbox"], ["-w", "2"]]) {
    using outside = new Site({ "index.html": "outside" });
    using folder = new Site({ "html/index.html": "site", "next/index.html": "next" });
    const write = (settings: unknown) => {
      folder.write("next.json", JSON.stringify(settings));
      Deno.renameSync(folder.path("next.json"), folder.path("epollet.json"));
    };
    write({ accessLogFile: "a.log", headers: { "X-A": "1" } });
    await using program = await start(folder, ...args);
    assertEquals(await say(program, "/"), "site");
    write({ root: outside.root, accessLogFile: "b.log", headers: { "X-A": "2" } });
    program.kill("SIGHUP");
    await program.printed(/Settings read again from \.\/epollet\.json\n/);
    const second = await exchange(program.port, get("/", "Connection: close"));
    assertEquals([second.text, second.fields["x-a"]], ["site", "2"], args.join());
    Deno.symlinkSync(outside.root, folder.path("link"));
    write({ root: "link" });
    program.kill("SIGHUP");
    await program.printed(/(Settings read again[^]*){2}/);
    assertEquals(await say(program, "/"), "site");
    write({ root: "next" });
    program.kill("SIGHUP");
    await program.printed(/(Settings read again[^]*){3}/);
    assertEquals(await say(program, "/"), "next");
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    const lines = ["accessLogFile", "accessLogFile, root", "root"].map(ignored);
    assertEquals([code, stderr], [0, lines.join("")], args.join());
    const names = Array.from(Deno.readDirSync(folder.root), ({ name }) => name).sort();
    assertEquals(names, ["epollet.json", "html", "link", "next"]);
  }
});

Deno.test("a successor reads a found file as its predecessor did", async () => {
  using folder = new Site({ "html/index.html": "site", "epollet.json": '{ "accessLogFile": "a.log" }' });
  await using program = await start(folder, "--no-sandbox");
  program.kill("SIGUSR2");
  let successor: number | undefined;
  await becomes(() => {
    successor = childrenOf(program.pid)[0];
    return Promise.resolve(successor !== undefined);
  }, "nothing was started");
  try {
    assertEquals(await program.exit(), 0);
    assertEquals(await say(program, "/"), "site");
    const line = ignored("accessLogFile");
    await program.warned(new RegExp(`(${line.replace(/[.()[\]]/g, "\\$&")}){2}`));
    const names = Array.from(Deno.readDirSync(folder.root), ({ name }) => name).sort();
    assertEquals(names, ["epollet.json", "html"]);
  } finally {
    Deno.kill(successor!, "SIGTERM");
  }
});

Deno.test({
  name: "an index, error page or SPA page that is a link out of a downloaded folder is not served",
  ignore: !FOLLOWS_LINKS,
  async fn() {
    using outside = new Site({ "secret": "secret" });
    using folder = new Site({ "html/deep/a": "a" });
    for (const name of ["index.html", "404.html", "app.html", "a.txt"]) {
      Deno.symlinkSync(outside.path("secret"), folder.path(`html/${name}`));
    }
    folder.write("epollet.json", JSON.stringify({ spa: "/app.html", errorPages: { "403": "/a.txt" } }));
    await using program = await start(folder);
    for (const target of ["/", "/index.html", "/a.txt", "/missing", "/app.html"]) {
      const request = get(target, "Accept: text/html", "Connection: close");
      const { status, text } = await exchange(program.port, request);
      assertEquals([status, text.includes("secret")], [404, false], target);
    }
  },
});

Deno.test("an existing configuration file that cannot be read is never taken for a missing one", async () => {
  using folder = new Site({ "html/index.html": "site", "conf/a": "" });
  const path = folder.path("epollet.json");
  const makes: [what: RegExp, make: () => void][] = [
    [/where a symbolic link leads to nothing/, () => Deno.symlinkSync("nowhere.json", path)],
    [/where a symbolic link leads to nothing/, () => Deno.symlinkSync("/nowhere/epollet.json", path)],
    [/ELOOP/, () => Deno.symlinkSync("epollet.json", path)],
    [/EISDIR/, () => Deno.mkdirSync(path)],
    [/EINVAL/, () => Deno.symlinkSync("/dev/null", path)],
    [/ENOTDIR/, () => Deno.symlinkSync("html/index.html/x", path)],
  ];
  const ways = [["--check"], PORT, ["--check", "--config", "./"], ["--explain", "/"]];
  for (const [i, [what, make]] of makes.entries()) {
    make();
    const { code, stdout, stderr } = await runProgram(ways[i % ways.length]!, folder.root);
    assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2], stderr);
    assertMatch(stderr, what);
    assertMatch(
      stderr,
      /^epollet: Cannot open \.\/epollet\.json.*: name another file by --config FILE, or none by/,
    );
    Deno.removeSync(path, { recursive: true });
  }
  Deno.symlinkSync("nowhere", folder.path("link"));
  assertEquals((await runProgram(["--check", "--config", "link/"], folder.root)).code, 2);
  assertEquals((await runProgram(["--check", "-q", "--config", "conf/"], folder.root)).code, 0);
});

Deno.test("when the file is a dangling link at a reload, the old settings and passwords stay", async () => {
  using folder = new Site({ "html/index.html": "site" });
  folder.write("epollet.json", JSON.stringify({ auth: [{ users: { anna: HASH } }] }));
  await using program = await start(folder, "--no-sandbox");
  assertEquals(await say(program, "/"), "401");
  Deno.removeSync(folder.path("epollet.json"));
  Deno.symlinkSync("nowhere.json", folder.path("epollet.json"));
  program.kill("SIGHUP");
  await program.warned(/Reload refused, the old settings stay: Cannot open/);
  assertEquals(await say(program, "/"), "401");
  program.kill("SIGTERM");
  await program.finish();
});
