/**
 * Many hosts in one process: they share limited resources of the kernel, and what they have in common.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { landlockAbi } from "../../ffi/process/landlock.ts";
import { staticHandler } from "../../handlers/static.ts";
import { startInNamespace } from "../support/namespace.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { childrenOf, descriptorsOf } from "../support/process.ts";
import { withServer } from "../support/serving.ts";
import { sleep } from "../support/sleep.ts";
import { Wire, type WireResponse } from "../support/wire.ts";

/** Returns how many inotify instances a process has, and how many watches. */
function instancesOf(pid: number): { instances: number; watches: number } {
  let [instances, watches] = [0, 0];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      if (Deno.readLinkSync(`/proc/${pid}/fd/${name}`) !== "anon_inode:inotify") continue;
      instances++;
      watches += Deno.readTextFileSync(`/proc/${pid}/fdinfo/${name}`).match(/^inotify wd:/gm)?.length ?? 0;
    } catch {
      // it was closed meanwhile
    }
  }
  return { instances, watches };
}

async function ask(wire: Wire, host: string, target: string): Promise<WireResponse> {
  await wire.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return await wire.expect();
}

/** A directory for each host, with a file that says which; and a configuration of these hosts. */
function manySites(count: number, rootOf: (i: number) => string = (i) => `sites/${i}`): Site {
  const site = new Site({ "site/a.txt": "default" });
  const hosts: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const root = rootOf(i);
    site.write(`${root}/a.txt`, root);
    hosts[`h${i}.test`] = { root: site.path(root) };
  }
  site.write("config.json", JSON.stringify({ root: site.path("site"), hosts }));
  return site;
}

/** Starts the program with that configuration, and a limit of descriptors. */
function startLimited(site: Site, descriptors: number, args: readonly string[] = []): Promise<Program> {
  const command = programCommand(["--port", "0", "--config", site.path("config.json"), ...args]);
  return Program.startCommand(["sh", "-c", `ulimit -n ${descriptors} && exec "$@"`, "sh", ...command]);
}

async function end(program: Program): Promise<void> {
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
}

Deno.test("130 hosts use one inotify instance, in each worker, and notice every change at once", async () => {
  using site = manySites(130);
  for (const args of [[], ["--workers", "2"]]) {
    await using program = await startLimited(site, 4096, args);
    const pids = args.length === 0 ? [program.pid] : childrenOf(program.pid);
    assertEquals(pids.map((pid) => instancesOf(pid).instances), pids.map(() => 1));
    using wire = await Wire.connect(program.port);
    for (const text of ["first", "second"]) {
      for (let i = 0; i < 130; i += 13) {
        site.write(`sites/${i}/a.txt`, `${text} of ${i}`);
        for (let again = 0; again < 2; again++) {
          assertEquals((await ask(wire, `h${i}.test`, "/a.txt")).text, `${text} of ${i}`);
        }
      }
    }
    await end(program);
  }
});

const ROOTS = [["roots of their own", undefined], ["one root", () => "site"]] as const;

for (const flags of [[], ["--no-sandbox"], ["--workers", "2"]]) {
  for (const [what, rootOf] of ROOTS) {
    const how = flags.length === 0 ? "" : ` (${flags.join(" ")})`;
    Deno.test(`1,000 hosts with ${what} are served with a limit of 1,024 descriptors${how}`, async () => {
      using site = manySites(1000, rootOf);
      await using program = await startLimited(site, 1024, flags);
      const pid = flags[0] === "--workers" ? childrenOf(program.pid)[0]! : program.pid;
      assert(descriptorsOf(pid) < 400, `${descriptorsOf(pid)} descriptors are open at the start`);
      using wire = await Wire.connect(program.port);
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 1000; i += 3) {
          const { status, text } = await ask(wire, `h${i}.test`, "/a.txt");
          assertEquals([status, text], [200, rootOf?.() ? "site" : `sites/${i}`]);
          assertEquals((await ask(wire, `h${i}.test`, "/none")).status, 404);
        }
      }
      assert(descriptorsOf(pid) < 400, `${descriptorsOf(pid)} descriptors are open`);
      // Other directories may come to their paths, also to those that were closed meanwhile.
      for (const i of rootOf === undefined ? [0, 300, 999] : []) {
        Deno.renameSync(site.path(`sites/${i}`), site.path(`sites/old${i}`));
        site.write(`sites/${i}/a.txt`, `another ${i}`);
      }
      await sleep(2100);
      for (const i of rootOf === undefined ? [0, 300, 999] : []) {
        assertEquals((await ask(wire, `h${i}.test`, "/a.txt")).text, `another ${i}`);
      }
      await end(program);
    });
  }
}

Deno.test("hosts with one root have its files in memory once, and watch them once", async () => {
  const size = 500_000;
  using site = new Site({ "large.txt": "x".repeat(size), "a/b.txt": "b" });
  const hosts = new Map(Array.from({ length: 40 }, (_, i) => [`h${i}.test`, { root: `${site.root}/` }]));
  hosts.set("own.test", { root: site.path("a") });
  const handler = staticHandler({ root: site.root, hosts, cacheSize: 4 * 1024 * 1024 });
  await withServer({ handler }, async ({ port }) => {
    using wire = await Wire.connect(port);
    const names = ["other.test", ...hosts.keys()].filter((name) => name !== "own.test");
    for (const name of names) {
      assertEquals((await ask(wire, name, "/large.txt")).body.length, size);
      assertEquals((await ask(wire, name, "/a/b.txt")).text, "b");
    }
    assertEquals((await ask(wire, "own.test", "/b.txt")).text, "b");
    const { bytes, bytesMax, resources, watches } = handler.snapshot();
    assert(bytes < 2 * size, `${bytes} bytes for one file of ${size}`);
    assertEquals(bytesMax, 4 * 1024 * 1024);
    assertEquals([resources, watches], [2 * 41 + 1, 5]); // two files, two directories, and what holds the root
    site.write("large.txt", "changed");
    site.write("a/b.txt", "also");
    for (const name of names) {
      assertEquals((await ask(wire, name, "/large.txt")).text, "changed");
      assertEquals((await ask(wire, name, "/a/b.txt")).text, "also");
    }
    assertEquals((await ask(wire, "own.test", "/b.txt")).text, "also");
  });
  handler.close();
});

Deno.test("hosts with one root have their own rules, and one bound of memory", async () => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.txt`, "x".repeat(100_000)]));
  using site = new Site(files);
  const hosts = new Map([
    ["mtime.test", { etag: "mtime" as const }],
    ["off.test", { etag: "off" as const }],
    ["long.test", { cacheControl: "max-age=60" }],
  ]);
  const handler = staticHandler({ root: site.root, hosts, cacheSize: 3_000_000 });
  await withServer({ handler }, async ({ port }) => {
    using wire = await Wire.connect(port);
    const fields = async (host: string) => {
      const { etag = null, "cache-control": control } = (await ask(wire, host, "/0.txt")).fields;
      return [etag === null ? null : !/^"[0-9a-f]+-[0-9a-f]+"$/.test(etag), control];
    };
    for (let round = 0; round < 2; round++) {
      assertEquals(await fields("any.test"), [true, "no-cache"]);
      assertEquals(await fields("long.test"), [true, "max-age=60"]);
      assertEquals(await fields("mtime.test"), [false, "no-cache"]);
      assertEquals(await fields("off.test"), [null, "no-cache"]);
      for (const name of Object.keys(files)) {
        for (const host of ["any.test", "long.test", "mtime.test"]) {
          assertEquals((await ask(wire, host, `/${name}`)).body.length, 100_000);
        }
        const { bytes, bytesMax } = handler.snapshot();
        assert(bytes <= bytesMax && bytesMax === 3_000_000, `${bytes} of ${bytesMax} bytes`);
      }
    }
    assert(handler.snapshot().evictions > 0);
  });
  handler.close();
});

Deno.test("a warning that concerns all sites and workers is printed once, also after a reload", async () => {
  using site = manySites(40, (i) => `sites/${i % 20}`);
  for (const args of [[], ["--workers", "4"]]) {
    const setup = "echo 0 > /proc/sys/user/max_inotify_instances";
    const program = await startInNamespace(setup, ["--config", site.path("config.json"), ...args]);
    if (program === null) return;
    await using _ = program;
    const asked = async () => {
      for (let i = 0; i < 20; i++) {
        using wire = await Wire.connect(program.port); // some worker accepts it
        assertEquals((await ask(wire, `h${i}.test`, "/a.txt")).text, `sites/${i}`);
      }
    };
    await asked();
    for (let reloads = 1; reloads <= 2; reloads++) {
      program.kill("SIGHUP");
      await program.printed(new RegExp(`(Settings read again[^]*){${reloads}}`));
      await asked();
    }
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals(code, 0);
    assertMatch(stderr, /^epollet: Cannot watch more files for changes: E\w+ \(.*\n$/);
  }
});

Deno.test("a root that leaves the sandbox is warned of once, for all hosts and workers, and again when it does so again", async () => {
  if (landlockAbi() < 0) return console.log("skipped: this kernel has no Landlock");
  using site = manySites(6, () => "way/first");
  using other = new Site({ "outside/a.txt": "outside" });
  const current = site.path("way/current");
  Deno.symlinkSync("first", current);
  const config = JSON.parse(Deno.readTextFileSync(site.path("config.json")));
  for (const host of Object.values<{ root: string }>(config.hosts)) host.root = current;
  site.write("config.json", JSON.stringify(config));
  const command = ["--port", "0", "--config", site.path("config.json"), "--workers", "2"];
  await using program = await Program.startArguments(command);
  /** So many requests that each worker has checked each root. */
  const ask2s = async () => {
    for (let i = 0; i < 40; i++) {
      using wire = await Wire.connect(program.port);
      assertEquals((await ask(wire, `h${i % 6}.test`, "/a.txt")).text, "way/first");
      await sleep(50);
    }
  };
  const lead = (target: string) => {
    Deno.symlinkSync(target, `${current}.next`);
    Deno.renameSync(`${current}.next`, current);
  };
  for (let times = 1; times <= 2; times++) {
    lead(other.path("outside"));
    await ask2s();
    lead("first");
    await ask2s();
  }
  program.kill("SIGTERM");
  const { stderr } = await program.finish();
  const lines = stderr.split("\n").filter((line) => line.includes("Cannot open root"));
  assertEquals(lines.length, 2, stderr);
});
