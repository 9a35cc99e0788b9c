/**
 * `epollet deploy` and `epollet rollback`: releases, the link, and what is left of a deploy that fails or is killed.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { deploy, rollback } from "../../program/commands/deploy.ts";
import { UsageError } from "../../server/usage_error.ts";
import { DENO } from "../support/deno.ts";
import { freePort } from "../support/free_port.ts";
import { Program, REPOSITORY, Site } from "../support/program.ts";

const INDEX = "index.html";

/** Returns the lines that a command prints. */
async function run(command: typeof deploy, ...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  assertEquals(await command(args, (line) => lines.push(line)), 0);
  return lines;
}

async function refused(pattern: RegExp, command: typeof deploy, ...args: string[]): Promise<void> {
  const error = await command(args, () => {}).then(() => null, (error: unknown) => error);
  assert(error instanceof UsageError, String(error));
  assertMatch(error.message, pattern);
  assert(!error.message.includes("\n"), "one line");
}

/** A tree to deploy in `dist`, and a directory `srv` for the link. */
function scene(): { site: Site; dist: string; link: string } {
  const site = new Site({
    "dist/index.html": "one",
    "dist/a/long.txt": "text ".repeat(1000),
    "dist/a/ä b.txt": "b",
    "srv/keep": "",
  });
  Deno.symlinkSync("a/long.txt", site.path("dist/inside"));
  return { site, dist: site.path("dist"), link: site.path("srv/current") };
}

/** Returns all names below a directory, with the contents of files and the targets of links. */
function treeOf(path: string, at = ""): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const { name, isDirectory, isSymlink } of Deno.readDirSync(`${path}/${at}`)) {
    const below = at === "" ? name : `${at}/${name}`;
    if (isDirectory) Object.assign(tree, { [below]: "/" }, treeOf(path, below));
    else {tree[below] = isSymlink
        ? `-> ${Deno.readLinkSync(`${path}/${below}`)}`
        : Deno.readTextFileSync(`${path}/${below}`);}
  }
  return tree;
}

Deno.test("a tree is copied beside the link, which leads there then; rollback leads back to what was served", async () => {
  const { site, dist, link } = scene();
  using _site = site;
  const first = treeOf(dist);
  assertMatch((await run(deploy, dist, "--to", link)).join(), /current -> releases\/1: 3 files, 5004 bytes$/);
  assertEquals([Deno.readLinkSync(link), treeOf(link)], ["releases/1", first]);
  site.write("dist/index.html", "two");
  assertEquals(Deno.readTextFileSync(`${link}/${INDEX}`), "one", "the tree may change");
  assertMatch((await run(deploy, dist, "--to", link)).join(), /releases\/2: .*2 the same as in releases\/1$/);
  assertEquals(treeOf(link), treeOf(dist));
  assertEquals(treeOf(site.path("srv/releases/1")), first, "the release before is as it was");
  const { mode, mtime } = Deno.statSync(`${dist}/${INDEX}`);
  const copied = Deno.statSync(`${link}/${INDEX}`);
  assertEquals([copied.mode, copied.mtime?.getTime()], [mode, mtime?.getTime()]);
  assertEquals(Deno.statSync(`${dist}/a/long.txt`).nlink, 1, "the tree shares no file");
  assertEquals(Deno.statSync(`${link}/a/long.txt`).nlink, 2, "releases share what is the same");
  assertMatch(
    (await run(rollback, "--to", link)).join(),
    /current -> releases\/1 \(was releases\/2\)$/,
  );
  await refused(/nothing to go back to/, rollback, "--to", link);
  await run(deploy, dist, "--to", link);
  assertEquals(Deno.readLinkSync(link), "releases/3");
  await run(rollback, "--to", link);
  assertEquals(Deno.readLinkSync(link), "releases/1", "not the one that was taken back before");
});

Deno.test("old releases go, and never the one that is served", async () => {
  const { site, dist, link } = scene();
  using _site = site;
  const releases = () => [...Deno.readDirSync(site.path("srv/releases"))].map(({ name }) => name).sort();
  for (let i = 0; i < 6; i++) await run(deploy, dist, "--to", link);
  assertEquals(releases().filter((name) => /^\d/.test(name)), ["2", "3", "4", "5", "6"]);
  const [, removed] = await run(deploy, dist, "--to", link, "--keep", "2");
  assertEquals(removed, "removed: releases/2, releases/3, releases/4, releases/5");
  Deno.symlinkSync("releases/6", site.path("srv/staging")); // another link leads to it

  assertEquals(releases(), [".before-6", ".before-7", ".lock", "6", "7"]);
  await run(rollback, "--to", link);
  await run(deploy, dist, "--to", link, "--keep=1");
  assertEquals(releases(), [".before-6", ".before-8", ".lock", "6", "8"]);
  Deno.removeSync(site.path("srv/staging"));
  for (let i = 0; i < 4; i++) await run(deploy, dist, "--to", link);
  for (let i = 0; i < 4; i++) await run(rollback, "--to", link);
  await run(deploy, dist, "--to", link, "--keep=2");
  await run(rollback, "--to", link);
  assertEquals(Deno.readLinkSync(link), "releases/8", "what was served before is not removed");
  Deno.removeSync(site.path("srv/releases"), { recursive: true });
  assertEquals((await run(deploy, dist, "--to", link)).length, 1, "a link that leads nowhere is no obstacle");
  assertEquals(Deno.readTextFileSync(`${link}/${INDEX}`), "one");
});

Deno.test("others may read a release, whatever the umask; a link to elsewhere is named", async () => {
  const { site, dist } = scene();
  using _site = site;
  const link = site.path("srv/live");
  Deno.symlinkSync("/srv/else\x07where", link);
  const before = Deno.umask(0o077);
  try {
    const [, line] = await run(deploy, dist, "--to", link);
    assertEquals(line, "before, it led to /srv/else?where, where rollback does not lead");
  } finally {
    Deno.umask(before);
  }
  for (const name of ["srv/releases", "srv/releases/1", "srv/releases/1/a"]) {
    assertEquals(Deno.statSync(site.path(name)).mode! & 0o777, 0o755, name);
  }
  await refused(/nothing to go back to/, rollback, "--to", link);
});

Deno.test("with --precompress, what gets smaller has compressed forms, which unchanged files keep", async () => {
  const { site, dist, link } = scene();
  using _site = site;
  site.write("dist/own.css", "a{}".repeat(1000));
  site.write("dist/own.css.gz", "made by the build");
  await run(deploy, dist, "--to", link, "--precompress");
  const names = Object.keys(treeOf(link)).filter((name) => /\.(br|gz|zst)$/.test(name)).sort();
  const zst = names.some((name) => name.endsWith(".zst")); // not in the oldest runtimes
  assertEquals(names.filter((name) => !name.endsWith(".zst")), [
    "a/long.txt.br",
    "a/long.txt.gz",
    "own.css.br",
    "own.css.gz",
  ]);
  assertEquals(Deno.readTextFileSync(`${link}/own.css.gz`), "made by the build");
  const { mtime } = Deno.statSync(`${link}/a/long.txt`);
  assertEquals(Deno.statSync(`${link}/a/long.txt.br`).mtime?.getTime(), mtime?.getTime());
  const gunzip = new Deno.Command("gzip", { args: ["-dc", `${link}/a/long.txt.gz`] }).outputSync();
  assertEquals(new TextDecoder().decode(gunzip.stdout), "text ".repeat(1000));
  const [line] = await run(deploy, dist, "--to", link, "--precompress");
  assertMatch(line!, new RegExp(`0 compressed forms made, ${zst ? 5 : 3} taken over$`));
});

Deno.test("a mistake is one line, and changes nothing", async () => {
  const { site, dist, link } = scene();
  using _site = site;
  await run(deploy, dist, "--to", link);
  const before = treeOf(site.path("srv"));
  await refused(/^No directory is given: write epollet deploy dist --to /, deploy, "--to", link);
  await refused(/^No link is given: write epollet deploy .*dist --to /, deploy, dist);
  await refused(/Unknown option '--too'.*see epollet deploy --help/, deploy, dist, "--too", link);
  await refused(/takes one directory/, deploy, dist, dist, "--to", link);
  await refused(/^Bad --keep "0": expected a number/, deploy, dist, "--to", link, "--keep", "0");
  await refused(
    /^There is no home.html in .*--index FILE/,
    deploy,
    dist,
    "--to",
    link,
    "--index",
    "home.html",
  );
  await refused(/is a directory, not a link/, deploy, dist, "--to", dist);
  await refused(/is a file, not a link/, deploy, dist, "--to", site.path("srv/keep"));
  await refused(/releases is the name/, deploy, dist, "--to", site.path("srv/releases"));
  site.write(INDEX, "");
  await refused(
    / would contain the releases beside .*: choose a link outside of it$/,
    deploy,
    site.root,
    "--to",
    link,
  );
  assertEquals([...Deno.readDirSync(dist)].length, 3, "nothing was left in the tree");
  await refused(/ would contain the releases/, deploy, dist, "--to", `${dist}/current`);
  assertEquals([...Deno.readDirSync(dist)].length, 3, "nothing was left in the tree");
  await refused(/ is a release itself: name the directory/, deploy, link, "--to", link);
  await refused(
    /is a release itself/,
    deploy,
    site.path("srv/releases/1/a"),
    "--to",
    link,
    "--index",
    "long.txt",
  );
  await refused(
    /nosuch: it does not exist: name the directory that/,
    deploy,
    site.path("nosuch"),
    "--to",
    link,
  );
  await refused(
    /no directory: name the directory of the link$/,
    deploy,
    dist,
    "--to",
    `${dist}/index.html/x`,
  );
  await refused(/^--keep needs a value: see epollet deploy --help$/, deploy, dist, "--to", link, "--keep");
  await refused(/leads to no release/, rollback, "--to", site.path("srv/other"));
  await refused(/There are no releases beside/, rollback, "--to", site.path("current"));
  for (const [target, name] of [["/etc", "out"], ["../../x", "a/up"], ["../..", "a/above"]] as const) {
    Deno.symlinkSync(target, `${dist}/${name}`);
    await refused(/is a link that leads out of the tree/, deploy, dist, "--to", link);
    Deno.removeSync(`${dist}/${name}`);
  }
  new Deno.Command("mkfifo", { args: [`${dist}/fifo`] }).outputSync();
  await refused(/fifo is neither a file nor a directory/, deploy, dist, "--to", link);
  assertEquals(treeOf(site.path("srv")), before);
});

Deno.test("with --admin, a deploy ends once every worker serves the release, or says who does not", async () => {
  const { site, dist, link } = scene();
  using _site = site;
  await run(deploy, dist, "--to", link);
  await using program = await Program.start(link, ["--workers=2", "--admin=0"]);
  const admin = String(await program.adminPort());
  for (const command of [deploy, rollback]) {
    const args = command === deploy ? [dist, "--to", link] : ["--to", link];
    const lines = await run(command, ...args, "--admin", admin);
    assertEquals(lines[1], "served by every worker");
    const readyz = await (await fetch(`http://127.0.0.1:${admin}/readyz`)).text();
    const paths = Array.from(readyz.matchAll(/^generation \d+ since \S+: (.*)$/gm), ([, path]) => path);
    assertEquals(paths, Array(2).fill(Deno.realPathSync(link)), readyz);
  }
  const before = Deno.readLinkSync(link);
  const noServer = ["--to", link, "--admin", String(freePort())];
  await refused(
    /^Cannot .* ECONNREFUSED .*: give the --admin of a server that runs$/,
    deploy,
    dist,
    ...noServer,
  );
  assertEquals(Deno.readLinkSync(link), before);
  await refused(/^Bad --admin "x": expected/, deploy, dist, "--to", link, "--admin", "x");
});

Deno.test("a deploy refuses to run beside another one", async () => {
  const { site, dist, link } = scene();
  using _site = site;
  await run(deploy, dist, "--to", link);
  using lock = Deno.openSync(site.path("srv/releases/.lock"), { write: true });
  lock.lockSync(true);
  await refused(/^Another deploy to .* is running/, deploy, dist, "--to", link);
  await refused(/^Another deploy to .* is running/, rollback, "--to", link);
});

/** The system calls by which a deploy changes something. */
const CALLS = [
  "mkdirat",
  "openat",
  "write",
  "fchmod",
  "utimensat",
  "linkat",
  "symlinkat",
  "renameat",
  "unlinkat",
  "syncfs",
];

Deno.test("a deploy that is killed at any system call leaves the old release or the new one, and the next deploy works", async () => {
  const { site, dist, link } = scene();
  using _site = site;
  const command = [
    ...DENO,
    "run",
    "--no-prompt",
    "--allow-ffi",
    `${REPOSITORY}tests/support/deploy_program.ts`,
  ];
  const args = ["deploy", dist, "--to", link, "--keep", "2", "--precompress"];
  const trace = site.path("trace");
  const strace = async (...flags: string[]) => {
    const all = ["-f", "-qq", "-o", trace, ...flags, ...command, ...args];
    return await new Deno.Command("strace", { args: all, stdout: "null", stderr: "null" }).output();
  };
  for (let i = 0; i < 2; i++) await run(deploy, dist, "--to", link, "--precompress");
  site.write("dist/index.html", "changed");
  await strace("-e", `trace=${CALLS.join(",")}`);
  const lines = Deno.readTextFileSync(trace).split("\n");
  const isOurs = (line: string) => line.includes('"releases') || /\.new-|\.old-|\.before-|syncfs/.test(line);
  const kills: [call: string, when: number][] = [];
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [, call] = /^\d+ +(\w+)\(/.exec(line) ?? [];
    if (call === undefined) continue;
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    if (call !== "openat" && call !== "write" ? true : isOurs(line) && line.includes("O_CREAT")) {
      kills.push([call, count]);
    }
  }
  assert(kills.length >= 12, `only ${kills.length} calls: ${lines.join("\n")}`);
  for (const [call, when] of kills) {
    const before = treeOf(link);
    site.write("dist/index.html", `${call} ${when}`);
    await strace("-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${when}`);
    const after = treeOf(link);
    const isNew = after[INDEX] === `${call} ${when}`;
    if (!isNew) assertEquals(after, before, `${call} ${when}`);
    else assertEquals(Object.keys(after).sort(), Object.keys(before).sort(), `${call} ${when}`);
  }
  await run(deploy, dist, "--to", link, "--keep", "1");
  const left = [...Deno.readDirSync(site.path("srv/releases"))].map(({ name }) => name);
  assertEquals(left.filter((name) => /^\.(new|old)|^\d/.test(name)).length, 1, left.join());
});
