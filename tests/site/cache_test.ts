/**
 * The cache of the running program: its system calls, and what happens where events are not available.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { memoryBytes } from "../../bench/measure.ts";
import { LISTED_NAMES_OF_DIRECTORY_MAX } from "../../handlers/site/limits.ts";
import { startInNamespace } from "../support/namespace.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { hasStrace, traced } from "../support/trace.ts";
import { eventually } from "../support/waiting.ts";
import { get, Wire, type WireResponse } from "../support/wire.ts";

const FILE_CALLS = "openat,openat2,statx,newfstatat,getdents64,inotify_add_watch,sendto";

async function ask(wire: Wire, target: string, ...lines: string[]): Promise<WireResponse> {
  await wire.send(get(target, ...lines));
  return await wire.expect();
}

/** System calls about the site. Deno itself opens files now and then, by absolute paths. */
function fileCalls(lines: string[]): string[] {
  return lines.filter((line) => /(openat2?|statx|newfstatat)\(\d+, "[^"/]|getdents|inotify/.test(line));
}

Deno.test("a file in memory is answered without a system call on files, watched or not, and so is a 304", async () => {
  if (!hasStrace()) return;
  using site = new Site({ "a.txt": "a", "d/index.html": "d" });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  const { fields } = await ask(wire, "/a.txt");
  const condition = `If-None-Match: ${fields.etag}`;
  for (let i = 0; i < 3; i++) await ask(wire, "/d/");
  const lines = await traced(program.pid, FILE_CALLS, async () => {
    for (let i = 0; i < 10; i++) {
      assertEquals((await ask(wire, "/a.txt")).text, "a");
      assertEquals((await ask(wire, "/d/")).text, "d");
      assertEquals((await ask(wire, "/a.txt", condition)).status, 304);
    }
  });
  assertEquals(lines.filter((line) => line.includes("sendto(")).length, 30);
  const rechecks = fileCalls(lines);
  assert(rechecks.length <= 6, lines.join("\n")); // two files, once a second
  for (const line of rechecks) assertMatch(line, / statx\(\d+, "(a\.txt|d\/index\.html)"/);
});

Deno.test("a scan for files that do not exist makes no system calls, and a file that appears is served", async () => {
  if (!hasStrace()) return;
  using site = new Site({ "a.txt": "a", "d/b.txt": "b", ".hidden/x": "x" });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  assertEquals((await ask(wire, "/first")).status, 404);
  assertEquals((await ask(wire, "/d/first")).status, 404);
  const lines = await traced(program.pid, FILE_CALLS, async () => {
    for (let i = 0; i < 50; i++) {
      for (const target of [`/wp-admin/${i}.php`, `/x${i}`, `/d/x${i}`, `/d/x${i}/y/`, "/d/", "/.hidden/x"]) {
        assertEquals((await ask(wire, target)).status, 404, target);
      }
    }
  });
  assertEquals(fileCalls(lines), []);
  for (let i = 0; i < 200; i++) {
    site.write(`d/x${i}`, "here");
    assertEquals((await ask(wire, `/d/x${i}`)).text, "here");
    Deno.removeSync(site.path(`d/x${i}`));
    assertEquals((await ask(wire, `/d/x${i}`)).status, 404);
    Deno.mkdirSync(site.path(`e${i}`));
    site.write(`e${i}/index.html`, "index");
    assertEquals((await ask(wire, `/e${i}/`)).text, "index");
    Deno.renameSync(site.path(`e${i}`), site.path("e"));
    assertEquals((await ask(wire, `/e${i}/`)).status, 404);
    assertEquals((await ask(wire, "/e/")).text, "index");
    Deno.removeSync(site.path("e"), { recursive: true });
  }
});

Deno.test("a missing file is 404 also in a directory with more names than are kept in memory", async () => {
  using site = new Site();
  site.write("f0", "");
  for (let i = 1; i <= LISTED_NAMES_OF_DIRECTORY_MAX; i++) Deno.linkSync(site.path("f0"), site.path(`f${i}`));
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  for (let i = 0; i < 20; i++) {
    assertEquals((await ask(wire, `/missing${i}`)).status, 404);
    assertEquals((await ask(wire, `/f${i}`)).status, 200);
    site.write(`missing${i}`, "here");
    assertEquals((await ask(wire, `/missing${i}`)).text, "here");
  }
});

Deno.test("that a directory is too large to be kept in memory is found out only once", async () => {
  if (!hasStrace()) return;
  using site = new Site({ "a.txt": "a", "d/f": "" });
  for (let i = 0; i <= LISTED_NAMES_OF_DIRECTORY_MAX; i++) {
    Deno.linkSync(site.path("d/f"), site.path(`d/f${i}`));
  }
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  const misses = async () => {
    for (let i = 0; i < 20; i++) assertEquals((await ask(wire, `/d/missing${i}`)).status, 404);
  };
  await misses();
  const lines = await traced(program.pid, FILE_CALLS, misses);
  assertEquals(lines.filter((line) => line.includes("getdents")), []);
});

Deno.test("when more events come than the kernel queues, nothing stale is served", async () => {
  const limit = Number(Deno.readTextFileSync("/proc/sys/fs/inotify/max_queued_events"));
  if (limit > 100_000) return console.log(`skipped: the queue takes ${limit} events`);
  using site = new Site({ "a.txt": "0", "b.txt": "b" });
  await using program = await Program.start(site.root);
  using wire = await Wire.connect(program.port);
  assertEquals((await ask(wire, "/missing")).status, 404);
  for (let round = 1; round <= 3; round++) {
    assertEquals((await ask(wire, "/a.txt")).text, String(round - 1));
    for (let i = 0; i < limit; i++) Deno.linkSync(site.path("b.txt"), site.path(`n${round}-${i}`));
    site.write("a.txt", String(round)); // the event of this is lost
    assertEquals((await ask(wire, "/a.txt")).text, String(round));
    assertEquals((await ask(wire, `/n${round}-${limit - 1}`)).status, 200);
    for (let i = 0; i < limit; i++) Deno.removeSync(site.path(`n${round}-${i}`));
    assertEquals((await ask(wire, `/n${round}-${limit - 1}`)).status, 404);
  }
});

for (
  const [sentence, setup] of [
    ["past the limit of watches", "echo 3 > /proc/sys/user/max_inotify_watches"],
    ["without any watch", "echo 0 > /proc/sys/user/max_inotify_watches"],
    ["without an inotify instance", "echo 0 > /proc/sys/user/max_inotify_instances"],
  ] as const
) {
  Deno.test(`${sentence} files are looked at, one line says so, and nothing is stale`, async () => {
    const files = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`${i}.txt`, "old"]));
    using site = new Site(files);
    await sleep(3100); // files that are not watched are cached only after that
    const program = await startInNamespace(setup, ["--root", site.root]);
    if (program === null) return;
    await using _ = program;
    using wire = await Wire.connect(program.port);
    for (let round = 0; round < 3; round++) {
      for (const name of Object.keys(files)) assertEquals((await ask(wire, `/${name}`)).text, "old");
    }
    for (const name of Object.keys(files)) {
      site.write(name, "new");
      assertEquals((await ask(wire, `/${name}`)).text, "new");
      Deno.removeSync(site.path(name));
      assertEquals((await ask(wire, `/${name}`)).status, 404);
    }
    program.kill("SIGTERM");
    const { stderr } = await program.finish();
    assertMatch(stderr, /^epollet: Cannot watch more files for changes: E\w+ \(.*\n$/);
  });
}

Deno.test("on an overlay, which does not report all changes, files are checked at each use", async () => {
  using site = new Site({ "lower/a.txt": "old" });
  const { root } = site;
  const setup =
    `mount -t tmpfs none ${root}/ 2>/dev/null && mkdir ${root}/l ${root}/u ${root}/w ${root}/m && ` +
    `echo old > ${root}/l/a.txt && touch -d 2020-01-01 ${root}/l/a.txt && ` +
    `mount -t overlay none -o lowerdir=${root}/l,upperdir=${root}/u,workdir=${root}/w ${root}/m`;
  const program = await startInNamespace(setup, ["--root", `${root}/m`]);
  if (program === null) return;
  await using _ = program;
  assertMatch(program.greeting, /Serving/);
  using wire = await Wire.connect(program.port);
  const inside = (command: string) =>
    assert(
      new Deno.Command("nsenter", {
        args: ["-t", String(program.pid), "-U", "-m", "--preserve-credentials", "sh", "-c", command],
      }).outputSync().success,
      command,
    );
  for (let i = 0; i < 3; i++) assertEquals((await ask(wire, "/a.txt")).text, "old\n");
  inside(`echo new > ${root}/m/a.txt`); // copied up: another inode
  assertEquals((await ask(wire, "/a.txt")).text, "new\n");
  inside(`rm ${root}/m/a.txt`);
  assertEquals((await ask(wire, "/a.txt")).status, 404);
});

Deno.test("--cache-validate off serves what it has read, --cache-size 0 reads each time, -v says which", async () => {
  for (
    const [args, expected, line] of [
      [["--cache-validate", "off"], "old", /cache +256M, files up to 1M, not checked for changes\n/],
      [["--cache-size", "0"], "new", /cache +off\n/],
      [["--cache-file-size", "2"], "new", /cache +256M, files up to 2, watched by inotify/],
      [["--cache-validate", "stat"], "new", /checked by statx at each use\n/],
      [["--cache-validate", "inotify", "--cache-size=1M"], "new", /cache +1M, .*watched by inotify/],
    ] as const
  ) {
    using site = new Site({ "a.txt": "old" });
    const command = programCommand(["--port", "0", "-v", "--root", site.root, ...args]);
    await using program = await Program.startCommand(command);
    await program.printed(line);
    using wire = await Wire.connect(program.port);
    assertEquals((await ask(wire, "/a.txt")).text, "old");
    site.write("a.txt", "new");
    assertEquals((await ask(wire, "/a.txt")).text, expected, args.join(" "));
  }
});

Deno.test("a cache smaller than the site serves every file, and stays within its size", async () => {
  const files = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`${i}.bin`, new Uint8Array(100_000).fill(i)]),
  );
  using site = new Site(files);
  await using program = await Program.start(site.root, ["--cache-size", "1M"]);
  using wire = await Wire.connect(program.port);
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 60; i++) {
      const { body } = await ask(wire, `/${i}.bin`);
      assert(body.length === 100_000 && body.every((byte) => byte === i), `${i}.bin`);
    }
  }
});

Deno.test("what has left the cache has left memory, although remembered requests had its responses", async () => {
  using site = new Site();
  for (let i = 0; i < 200; i++) site.write(`${i}.bin`, new Uint8Array(1_000_000));
  await using program = await Program.start(site.root, ["--cache-size", "16M"]);
  using wire = await Wire.connect(program.port);
  const readFrom = async (first: number, last: number) => {
    for (let i = first; i < last; i++) {
      for (let times = 0; times < 3; times++) await ask(wire, `/${i}.bin`); // a head is recognized from the second request on
    }
    return memoryBytes(program.pid);
  };
  const full = await readFrom(0, 100); // and the garbage collector has settled
  await readFrom(100, 200);
  // Other threads of the runtime free it, on a busy machine a little later.
  const hasLeft = () => (memoryBytes(program.pid) - full) / 2 ** 20 < 48;
  await eventually(hasLeft, "48 MiB more and not fewer after 95 MiB passed through a cache of 16");
});
