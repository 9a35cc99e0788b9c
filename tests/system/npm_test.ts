/**
 * `deno task npm`: the package is made, installed and used as its users do that.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { isInstalled } from "../support/commands.ts";
import { run } from "../support/compile.ts";
import { readDocument } from "../support/documents.ts";
import {
  before,
  EXECUTABLE_PACKAGE,
  Installed,
  make,
  makesPackages,
  Registry,
  ways,
} from "../support/npm_package.ts";
import { childrenOf, isRunning, newChildOf, treeOf } from "../support/process.ts";
import { Program, REPOSITORY, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";
import { exchange, get, Wire } from "../support/wire.ts";

/** Bytes that the package may have as npm packs it, and unpacked. */
const PACKED_MAX = 800_000;
const UNPACKED_MAX = 3_500_000;

const HAS_NPM = makesPackages() && isInstalled("npm");
/** Made once for all tests. */
let installed: Installed | null = null;
addEventListener("unload", () => installed?.[Symbol.dispose]());

/** Adds a test with the installed package. */
function test(name: string, fn: (project: Installed) => Promise<void>): void {
  Deno.test({ name, ignore: !HAS_NPM, fn: async () => await fn(installed ??= await Installed.create()) });
}

test("the package has the program, the library, its types, licence and README, and nothing else; the same Deno makes the same bytes", async (project) => {
  const manifest = JSON.parse(project.read("package.json"));
  assertEquals([manifest.name, manifest.version, manifest.license], ["epollet", config.version, "MIT"]);
  assertEquals(manifest.bin, { epollet: "bin/epollet.cjs" });
  assertEquals(manifest.engines, { node: ">=18" });
  assertStringIncludes(project.read("bin/epollet.cjs"), "NODE_MIN = 18;");
  assertEquals(Object.keys(manifest.dependencies), ["deno"]);
  assertMatch(manifest.dependencies.deno, /^~\d+\.\d+\.\d+$/);
  assertEquals(project.read("README.md"), readDocument("README.md"));
  assert(project.read("LICENSE").startsWith(readDocument("LICENSE")));
  for (const bundled of ["zod", "Deno's standard library"]) {
    assertStringIncludes(project.read("LICENSE"), bundled);
  }

  const files = project.files();
  const known =
    /^(LICENSE|README\.md|package\.json|bin\/epollet\.cjs|lib\/\w+\.js|types\/(mod|(ffi|server|handlers)\/[\w/]+)\.d\.ts)$/;
  assertEquals(files.filter((file) => !known.test(file)), []);
  const required = [
    "lib/main.js",
    "lib/mod.js",
    "lib/no_deno.js",
    "types/mod.d.ts",
    "types/server/serve.d.ts",
  ];
  assertEquals(required.filter((file) => !files.includes(file)), []);
  // What the program imports on demand stays outside of what it loads at each start.
  for (const name of ["config_file", "manual", "completions", "trust", "certificate"]) {
    assert(files.includes(`lib/${name}.js`), name);
  }
  for (const file of files) {
    assert(!/\.cache\/|\/npm\/[a-z]+\.[a-z]/.test(project.read(file)), file);
  }

  using other = new Site();
  Deno.symlinkSync(
    JSON.parse((await run([Deno.execPath(), "info", "--json"])).stdout).denoDir,
    other.path("elsewhere"),
  );
  const again = other.path("again"); // replaces an older package
  other.write("again/package.json", `{ "name": "epollet" }`);
  other.write("again/lib/old.js", "");
  const { code, stdout, stderr } = await make(["--output", again], { DENO_DIR: other.path("elsewhere") });
  assertEquals([code, stdout, stderr], [0, `${again} (epollet ${config.version})\n`, ""]);
  assertEquals((await run(["diff", "-r", project.package, again])).stdout, "");

  const [packed] = JSON.parse((await run(["npm", "pack", "--json", "--dry-run", project.package])).stdout);
  assertEquals(packed.files.map(({ path }: { path: string }) => path).toSorted(), files);
  assert(
    packed.size < PACKED_MAX && packed.unpackedSize < UNPACKED_MAX,
    `${packed.size}, ${packed.unpackedSize}`,
  );
});

test("npx with the packed file serves on a machine with nothing but Node and npm", async (project) => {
  using machine = new Site({ "work/site/index.html": "hello" });
  const work = machine.path("work");
  const env = {
    HOME: machine.path("home"),
    DENO_DIR: "",
    npm_config_cache: "",
    npm_config_update_notifier: "false",
  };
  Deno.mkdirSync(env.HOME);
  assertEquals((await run(["npm", "pack", "--silent", project.package], env, work)).code, 0);
  const npx = ["npx", "-y", `./epollet-${config.version}.tgz`];
  const wrong = await run([...npx, "--prot", "1"], env, work);
  if (/^npm error code (ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|ETIMEDOUT)$/m.test(wrong.stderr)) {
    return console.log(`skipped: ${wrong.stderr.split("\n")[0]}`);
  }
  assertEquals([wrong.code, wrong.stderr], [
    2,
    (await run([...programWords(), "--prot", "1"])).stderr,
  ]);
  await using program = await Program.startCommand([...npx, "0", "./site", "-v"], work, env);
  assertStringIncludes(program.greeting, "Serving ./site at ");
  assertEquals((await exchange(program.port, get("/"))).text, "hello");
  const tree = treeOf(program.pid);
  const server = tree.at(-1)!;
  const [deno, ...words] = Deno.readTextFileSync(`/proc/${server}/cmdline`).split("\0");
  assertEquals(Deno.readLinkSync(`/proc/${server}/exe`), deno);
  assert(deno!.startsWith(env.HOME) && words[5]!.startsWith(env.HOME));
  assertEquals(words.slice(0, 5), ["run", "--no-prompt", "--allow-ffi", "--no-config", "--no-lock"]);
  program.kill("SIGTERM");
  await program.exit();
  await eventually(() => !tree.some(isRunning), "the server is left behind");
});

test("the launcher passes on arguments, input, output, directory, status; it needs Deno's executable in one of two places", async (project) => {
  using folder = new Site({ "public/a b.txt": "text", "deno.json": "broken" });
  for (const env of await ways(folder)) {
    const from = (args: readonly string[], input = "") => {
      const sh = `printf '%s' '${input}' | "$0" "$@"`;
      return run(["sh", "-c", sh, project.command, ...args], env, folder.root);
    };
    const explained = await from(["--root", "public", "--explain", "/a%20b.txt"]);
    assertEquals([explained.code, explained.stderr], [0, ""]);
    assertStringIncludes(explained.stdout, "HTTP/1.1 200 OK");
    assertMatch((await from(["--hash-password"], "secret\n")).stdout, /^\$scrypt\$/);
    assertEquals(await from(["x", "y"]), {
      code: 2,
      stdout: "",
      stderr: (await run([...programWords(), "x", "y"], {}, folder.root)).stderr,
    });
    assertStringIncludes((await from(["--completions", "bash"])).stdout, "epollet");
  }
  folder.write("package.json", "broken");
  assertEquals((await run([project.command, "--version"], {}, folder.root)).code, 0);
  // npm has run the install script of `deno`, and a later one has removed the package for this processor
  const own = project.path("node_modules/@deno");
  Deno.renameSync(own, project.path("kept"));
  Deno.symlinkSync(Deno.execPath(), project.path("node_modules/deno/deno"));
  try {
    assertEquals((await run([project.command, "--version"])).stdout, `epollet ${config.version}\n`);
  } finally {
    Deno.removeSync(project.path("node_modules/deno/deno"));
    Deno.renameSync(project.path("kept"), own);
  }
});

/** Returns the program from the sources, as the launcher starts that of the package. */
function programWords(): string[] {
  return [Deno.execPath(), "run", "--no-prompt", "--allow-ffi", `${REPOSITORY}main.ts`];
}

test("the launcher says in a line why it cannot start the program", async (project) => {
  using folder = new Site();
  const says = async (env: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await run([project.command, "0"], env);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /^epollet: [^\n]+\n$/);
    return stderr;
  };
  const on = (platform: string, arch: string) =>
    before(
      folder,
      `${platform}.cjs`,
      `for (const [name, value] of [["platform", "${platform}"], ["arch", "${arch}"]]) Object.defineProperty(process, name, { value })`,
    );
  assertStringIncludes(
    await says(on("darwin", "arm64")),
    "needs Linux on x86-64 or aarch64, and this is darwin on arm64",
  );
  assertStringIncludes(await says(on("win32", "x64")), "this is win32 on x64");
  assertStringIncludes(await says(on("linux", "riscv64")), "this is linux on riscv64");
  const old = `Object.defineProperty(process.versions, "node", { value: "16.20.2" })`;
  assertStringIncludes(
    await says(before(folder, "old.cjs", old)),
    "needs Node 18 or newer, and this is 16.20.2",
  );
  const musl = `const fs = require("fs"), { existsSync } = fs;
    fs.existsSync = (path) => !/^\\/lib/.test(path) && existsSync(path)`;
  assertStringIncludes(await says(before(folder, "musl.cjs", musl)), "needs glibc");

  const away = `${project.deno}.away`;
  Deno.renameSync(project.deno, away);
  try {
    assertStringIncludes(await says(), `the package ${EXECUTABLE_PACKAGE} is missing`);
    Deno.writeTextFileSync(project.deno, "not executable");
    assertStringIncludes(await says(), `cannot run ${project.deno}`);
  } finally {
    Deno.renameSync(away, project.deno);
  }
});

test("signals to the launcher are signals to the program: reload, logs, upgrade, end, also SIGKILL", async (project) => {
  using site = new Site({ "index.html": "hello", "large.bin": new Uint8Array(20_000_000) });
  for (const env of await ways(site)) {
    const log = site.path("access.log");
    const args = ["0", site.root, "--access-log", "common", "--access-log-file", log];
    await using program = await Program.startCommand(
      [project.command, ...args, "--workers", "1"],
      site.root,
      env,
    );
    assertEquals((await exchange(program.port, get("/"))).text, "hello");
    await eventually(() => Deno.readTextFileSync(log).includes("GET /"), "nothing is logged");
    Deno.renameSync(log, `${log}.1`);
    program.kill("SIGUSR1");
    await eventually(
      () => [...Deno.readDirSync(site.root)].some(({ name }) => name === "access.log"),
      "no new log",
    );

    const supervisor = treeOf(program.pid).findLast((pid) => childrenOf(pid).length > 0)!;
    const [first] = childrenOf(supervisor) as [number];
    program.kill("SIGHUP");
    await eventually(() => !isRunning(first), "no new generation of workers");
    const workers = childrenOf(supervisor);
    program.kill("SIGUSR2");
    const successor = await newChildOf(supervisor, workers);
    try {
      assertEquals(await program.exit(), 0);
      assertEquals((await exchange(program.port, get("/"))).text, "hello");
    } finally {
      Deno.kill(successor, "SIGTERM");
      await eventually(() => !isRunning(successor), "the successor does not end");
    }

    for (const [signal, status] of [["SIGTERM", 0], ["SIGINT", 0], ["SIGKILL", null]] as const) {
      await using ending = await Program.startCommand([project.command, "0", site.root], site.root, env);
      const tree = treeOf(ending.pid);
      using wire = await Wire.connect(ending.port);
      await wire.send(get("/large.bin"));
      await wire.arrival();
      ending.kill(signal);
      if (status !== null || tree.length > 1) {
        assertEquals((await wire.expect()).body.length, 20_000_000, "what has begun is finished");
      }
      wire[Symbol.dispose]();
      const end = await ending.finish();
      assertEquals([end.code, end.stderr], [status ?? 137, ""]);
      await eventually(() => !tree.some(isRunning), `${signal}: the server is left behind`);
    }
  }
});

test("Ctrl-C reaches launcher and program, and is one signal: what has begun is finished", async (project) => {
  using site = new Site({ "large.bin": new Uint8Array(20_000_000) });
  const keys = site.path("keys");
  await run(["mkfifo", keys]);
  using keyboard = Deno.openSync(keys, { read: true, write: true });
  for (const env of await ways(site)) {
    // The terminal of script(1) sends the signal to all processes in it.
    const inside = `stty -onlcr; exec ${project.command} 0 ${site.root}`;
    const words = ["sh", "-c", `exec script -qec '${inside}' /dev/null < ${keys}`];
    await using program = await Program.startCommand(words, site.root, {
      ...env,
      npm_lifecycle_event: "start",
    });
    const tree = treeOf(program.pid);
    using wire = await Wire.connect(program.port);
    await wire.send(get("/large.bin"));
    await wire.arrival();
    for (const pauseMs of [100, 0]) { // the second one is what a slow process above the program passes on
      keyboard.writeSync(new TextEncoder().encode("\x03"));
      await sleep(pauseMs);
    }
    assertEquals((await wire.expect()).body.length, 20_000_000);
    wire[Symbol.dispose]();
    assertEquals(await program.exit(), 0);
    await eventually(() => !tree.some(isRunning), "the server is left behind");
  }
});

test("a Deno program in an empty directory imports the library by its name, with types; Node says what it needs", async (project) => {
  await using registry = new Registry();
  await registry.add(project.package);
  using folder = new Site({
    "good.ts": `import { HttpResponse, serve, type ServerHandle } from "npm:epollet";
      const server: ServerHandle = serve({
        port: 0,
        hostname: "127.0.0.1",
        onListen: () => {},
        handler: (request) => HttpResponse.text(\`\${request.path}\\n\`),
      });
      const response = await fetch(\`http://127.0.0.1:\${server.addr.port}/path\`);
      console.log(response.status, await response.text());
      await server.shutdown();
      // @ts-expect-error: a port is a number
      if (response.status === 0) serve({ port: "x", handler: () => HttpResponse.text("") });`,
    "node.mjs": `import "epollet";`,
  });
  await registry.addEmpty("deno", Deno.version.deno);
  const env = { NPM_CONFIG_REGISTRY: registry.address, DENO_DIR: folder.path("cache") };
  const words = ["run", "--check", "--quiet", "--no-prompt", "--allow-ffi", "--allow-net", "good.ts"];
  const good = await run([Deno.execPath(), ...words], env, folder.root);
  assertEquals([good.code, good.stdout], [0, "200 /path\n\n"], good.stderr);
  Deno.symlinkSync(project.path("node_modules"), folder.path("node_modules"));
  const node = await run(["node", "node.mjs"], {}, folder.root);
  assertEquals(node.code, 1);
  assertStringIncludes(node.stderr, "Error: The library epollet runs on Deno only");
});
