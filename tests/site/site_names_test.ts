/**
 * Special names of files: long ones, names in directories that cannot be read, that are large, or that are checked
 * again and again, and the configuration's.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { LISTED_NAMES_OF_DIRECTORY_MAX } from "../../handlers/site/limits.ts";
import { OddNames, withSite } from "../support/odd_names.ts";
import { Program, Site } from "../support/program.ts";
import { summary } from "../support/served_site.ts";
import { sleep } from "../support/sleep.ts";
import { hasStrace, traced } from "../support/trace.ts";
import { get, Wire } from "../support/wire.ts";

/** After this time, what has not changed may be cached (CACHE_SETTLE_SECONDS, and a second for the clock). */
const SETTLED_MS = 3200;
const MODES = ["auto", "inotify", "stat", "off"] as const;
/** The lengths of long names, without the four bytes of their extension. */
const LENGTHS = [251, 252, 253, 255, 507, 508, 600, 1000];

Deno.test("names like the configuration's are not served, in any case and with any letters", async () => {
  const shown = { "a.json": "a", "XTE.json": "x", "app.json": "app" };
  const hidden = [
    "\u00c9t\u00e9.json",
    "\u00c9t\u00e9.json~",
    "\u00c9T\u00e9.JSON.bak",
    "Epollet.JSON",
    "epollet.json.bak",
  ];
  using site = new Site({ ...shown, ...Object.fromEntries(hidden.map((name) => [name, "{}"])) });
  await using program = await Program.start(site.root, ["--config", site.path(hidden[0]!)]);
  using wire = await Wire.connect(program.port);
  const statusOf = async (name: string) => {
    await wire.send(get(encodeURI(`/${name}`)));
    return (await wire.expect()).status;
  };
  for (const name of hidden) assertEquals(await statusOf(name), 404, name);
  for (const name of Object.keys(shown)) assertEquals(await statusOf(name), 200, name);
});

Deno.test("names in a directory that may be searched but not read are compared by bytes, if the file system is known to do so", async () => {
  if (Deno.uid() !== 0) return console.log("skipped: only root can become another user");
  using site = new Site({
    "closed/a.txt": "a",
    "closed/7": "seven",
    "closed/\u4e2d": "middle",
    "closed/d/b.txt": "b",
    "shut/x.txt": "x",
  });
  Deno.chmodSync(site.path("shut"), 0o700);
  Deno.chmodSync(site.root, 0o755);
  for (const directory of ["closed", "closed/d"]) Deno.chmodSync(site.path(directory), 0o711);
  for (const mode of MODES) {
    const args = ["--cache-validate", mode, "--user", "nobody", "--browse", "--no-config"];
    await using program = await Program.start(site.root, args);
    using wire = await Wire.connect(program.port);
    for (
      const [target, expected] of [
        ["/closed/a.txt", "200 a"],
        ["/closed/7", "200 seven"],
        ["/closed/%E4%B8%AD", "200 middle"],
        ["/closed/d/b.txt", "200 b"],
        ["/closed/A.txt", "404"],
        ["/closed/nothing", "404"],
        ["/closed/", "403"],
        ["/shut/x.txt", "403"],
      ]
    ) {
      for (let i = 0; i < 3; i++) {
        await wire.send(get(target!));
        assertEquals(summary(await wire.expect()), expected, `${target} ${mode}`);
      }
    }
  }
});

Deno.test("a name in a directory that cannot be listed is not served, and a wrong spelling is not 403", async () => {
  await using mount = await OddNames.mount({ "closed/x.txt": "x", "searched/x.txt": "x", "open/x.txt": "x" });
  if (mount === null) return;
  const modes = { "": 0o755, "closed": 0o700, "searched": 0o711, "open": 0o755 };
  for (const [name, mode] of Object.entries(modes)) Deno.chmodSync(mount.site.path(name), mode);
  Deno.chmodSync(mount.path.slice(0, mount.path.lastIndexOf("/")), 0o755);
  await using program = await Program.start(mount.path, ["--user", "nobody", "--no-config"]);
  using wire = await Wire.connect(program.port);
  for (
    const [target, expected] of [
      ["/open/x.txt", "200 x"],
      ["/open/X.txt", "404"],
      ["/closed/x.txt", "403"],
      ["/Closed/x.txt", "404"],
      ["/closed/nothing", "403"],
      ["/searched/x.txt", "404"],
      ["/searched/X.txt", "404"],
    ]
  ) {
    for (let i = 0; i < 2; i++) {
      await wire.send(get(target!));
      assertEquals(summary(await wire.expect()), expected, target);
    }
  }
});

Deno.test("directories are not listed again for each request of a file in memory, nor for each wrong spelling", async () => {
  if (!hasStrace()) return;
  await using mount = await OddNames.mount({ "d/a.txt": "a" });
  if (mount === null) return;
  await sleep(SETTLED_MS);
  await withSite(mount.path, {}, [], async (ask, program) => {
    await ask(get("/d/a.txt"));
    await ask(get("/d/A.txt"));
    const lines = await traced(program.pid, "getdents64", async () => {
      for (let i = 0; i < 50; i++) assertEquals((await ask(get("/d/a.txt"))).text, "a");
      for (let i = 0; i < 50; i++) assertEquals((await ask(get("/d/A.txt"))).status, 404);
    });
    assert(lines.length <= 20, `${lines.length} times`); // 2 calls a second for d
  });
});

Deno.test("in a directory with more names than are remembered exactly the listed ones are served", async () => {
  await using mount = await OddNames.mount({ "d/f0.txt": "f" });
  if (mount === null) return;
  for (let i = 1; i <= LISTED_NAMES_OF_DIRECTORY_MAX; i++) {
    Deno.linkSync(mount.site.path("d/f0.txt"), mount.site.path(`d/f${i}.txt`));
  }
  await sleep(SETTLED_MS);
  await withSite(mount.path, {}, [], async (ask, program) => {
    const last = LISTED_NAMES_OF_DIRECTORY_MAX;
    const names = [0, 1, 2, last - 1, last].map((i) => `/d/f${i}.txt`);
    const lines = await traced(program.pid, "getdents64", async () => {
      for (let round = 0; round < 10; round++) {
        for (const name of names) assertEquals(summary(await ask(get(name))), "200 f", name);
      }
    });
    assert(lines.length > 0 && lines.length < 15 * last / 500, `${lines.length} calls`);
    for (const name of names) assertEquals((await ask(get(name.replace("f", "F")))).status, 404);
    Deno.renameSync(mount.at("d/f1.txt"), mount.at("d/F1.txt"));
    assertEquals([(await ask(get(names[1]!))).status, (await ask(get("/d/F1.txt"))).text], [404, "f"]);
    Deno.writeTextFileSync(mount.at("d/new.txt"), "new");
    assertEquals([(await ask(get("/d/New.txt"))).status, (await ask(get("/d/new.txt"))).text], [404, "new"]);
  });
});

Deno.test("names of more than 255 bytes are served, listed, and checked again", async () => {
  const files = Object.fromEntries(
    LENGTHS.map((count) => [`@${count}.txt`, "x"]),
  );
  await using mount = await OddNames.mount({ ...files, "d/@700.html": "inner", "short.txt": "short" });
  if (mount === null) return;
  for (const mode of MODES) {
    await withSite(mount.path, { browse: true }, ["--cache-validate", mode], async (ask) => {
      const listing = JSON.parse((await ask(get("/", "Accept: application/json"))).text);
      const lengths: number[] = listing.map(({ name }: { name: string }) => name.length);
      const expected = LENGTHS.map((count) => `${"n".repeat(count)}.txt`);
      assertEquals(
        lengths.sort((a, b) => a - b),
        ["d", "short.txt", ...expected].map(({ length }) => length),
      );
      for (const sort of ["size", "time"]) {
        const sorted = JSON.parse((await ask(get(`/?sort=${sort}`, "Accept: application/json"))).text);
        assertEquals(sorted.length, lengths.length);
      }
      for (const name of expected) {
        for (let i = 0; i < 2; i++) assertEquals(summary(await ask(get(`/${name}`))), "200 x");
        assertEquals((await ask(get(`/${name.toUpperCase()}`))).status, 404);
      }
      assertEquals(summary(await ask(get(`/d/${"n".repeat(700)}.html`))), "200 inner");
      if (mode === "off") return;
      const long = `${"n".repeat(600)}.txt`;
      Deno.writeTextFileSync(mount.at(long), "changed");
      assertEquals(summary(await ask(get(`/${long}`))), "200 changed");
      Deno.writeTextFileSync(mount.at(long), "x");
    });
  }
});
