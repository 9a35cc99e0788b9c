/**
 * Mounts and unmounts in a site that is served: they are noticed within a second, whatever is mounted and however files
 * in memory are validated, on every poller, in the sandbox and outside of it.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { IS_EMULATED, Program, Site } from "../support/program.ts";
import { Mounts } from "../support/mounts.ts";
import { OddNames } from "../support/odd_names.ts";
import { summary } from "../support/served_site.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** A second is promised; the rest is for a busy machine. */
const NOTICED_MS = 1000;
const PATIENCE_MS = 9000;

/** Programs that serve one directory, each started with other flags. */
class Several implements AsyncDisposable {
  readonly #programs: readonly Program[];
  readonly #wires: readonly Wire[];
  readonly #flags: readonly (readonly string[])[];

  private constructor(
    programs: readonly Program[],
    wires: readonly Wire[],
    flags: readonly (readonly string[])[],
  ) {
    this.#programs = programs;
    this.#wires = wires;
    this.#flags = flags;
  }

  static async start(root: string, flags: readonly (readonly string[])[]): Promise<Several> {
    const programs = await Promise.all(
      flags.map((own) => Program.start(root, ["--no-config", "--browse", ...own])),
    );
    const wires = await Promise.all(programs.map(({ port }) => Wire.connect(port)));
    return new Several(programs, wires, flags);
  }

  /** Requests a path from each program, and returns the results as short texts. */
  async say(target: string): Promise<string[]> {
    return await Promise.all(this.#wires.map(async (wire) => {
      await wire.send(get(target));
      const response = await wire.expect();
      return target.endsWith("/") && response.status === 200
        ? `lists ${response.text.includes("a.txt") ? "a.txt" : "no a.txt"}`
        : summary(response);
    }));
  }

  /** Requires the result of all programs now, also for a recognized head. */
  async check(target: string, expected: string): Promise<void> {
    for (let i = 0; i < 3; i++) this.#compare(target, await this.say(target), expected);
  }

  /**
   * Requests a path again and again, until all programs have the expected result. It has to be there after a second.
   */
  async notice(target: string, expected: string): Promise<void> {
    const startMs = performance.now();
    let said: string[];
    do {
      said = await this.say(target);
      await sleep(50);
    } while (said.some((each) => each !== expected) && performance.now() - startMs < PATIENCE_MS);
    this.#compare(target, said, expected);
    await sleep(NOTICED_MS + 100);
    await this.check(target, expected);
  }

  #compare(target: string, said: readonly string[], expected: string): void {
    const wrong = said.flatMap((each, i) =>
      each === expected ? [] : [`${this.#flags[i]!.join(" ")}: ${each}`]
    );
    assertEquals(wrong, [], `${target} is ${expected}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const wire of this.#wires) wire[Symbol.dispose]();
    const ended = await Promise.all(this.#programs.map(async (program) => {
      program.kill("SIGTERM");
      const end = await program.finish();
      await program[Symbol.asyncDispose]();
      return end;
    }));
    assertEquals(ended.map(({ code, stderr }) => [code, stderr]), ended.map(() => [0, ""]));
  }
}

/** A site with an empty directory `m`, and the directory that is mounted there. */
function makeSite(): { outer: Site; root: string; data: string; m: string } {
  const outer = new Site({
    "site/plain.txt": "plain",
    "data/a.txt": "bound",
    "data/sub/x": "",
    "new.txt": "new",
  });
  Deno.mkdirSync(outer.path("site/m"));
  return { outer, root: outer.path("site"), data: outer.path("data"), m: outer.path("site/m") };
}

const VALIDATING = ["auto", "inotify", "stat"].flatMap((how) => [
  ["--cache-validate", how],
  ["--cache-validate", how, "--no-sandbox"],
]);
const TRUSTING = [["--cache-validate", "off"], ["--cache-validate", "off", "--no-sandbox"]];

Deno.test("a mount over a directory of the site is served a second later, and gone a second after its end", async () => {
  const { outer, root, data, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  await using all = await Several.start(root, VALIDATING);
  for (let round = 0; round < 2; round++) { // a second mount is noticed as well
    await all.check("/m/a.txt", "404");
    await all.check("/m/", "lists no a.txt");
    mounts.bind(data, m);
    await all.notice("/m/a.txt", "200 bound");
    await all.check("/m/", "lists a.txt");
    mounts.unmount(m);
    await all.notice("/m/a.txt", "404");
  }
  mounts.memory(m, { "a.txt": "memory" });
  await all.notice("/m/a.txt", "200 memory");
  Deno.writeTextFileSync(`${m}/a.txt`, "changed");
  await all.check("/m/a.txt", "200 changed"); // from then on changes show at once, as anywhere
  Deno.writeTextFileSync(`${m}/b.txt`, "created");
  await all.check("/m/b.txt", "200 created");
  Deno.mkdirSync(`${m}/sub`);
  await all.check("/m/sub/a.txt", "404");
  mounts.bind(data, `${m}/sub`); // a mount in a mount
  await all.notice("/m/sub/a.txt", "200 bound");
  mounts.unmount(`${m}/sub`);
  mounts.unmount(m); // the server does not keep it busy
  mounts.memory(m, { "a.txt": "another one" });
  await all.notice("/m/a.txt", "200 another one");
  mounts.unmount(m);
  mounts.bind(outer.path("new.txt"), `${root}/plain.txt`);
  await all.notice("/plain.txt", "200 new");
  mounts.unmount(`${root}/plain.txt`);
  await all.notice("/plain.txt", "200 plain");
});

Deno.test("a later mount is served also where files in memory are not checked", async () => {
  const { outer, root, data, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  await using all = await Several.start(root, TRUSTING);
  await all.check("/m/a.txt", "404");
  mounts.bind(data, m);
  await all.notice("/m/a.txt", "200 bound");
});

Deno.test("mounts are noticed on every poller, and by workers", async () => {
  const { outer, root, data, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  const flags = [...USABLE_POLLERS.map((name) => ["--poller", name]), ["--workers", "2"]];
  await using all = await Several.start(root, flags);
  await all.check("/m/a.txt", "404");
  mounts.bind(data, m);
  await all.notice("/m/a.txt", "200 bound");
  mounts.unmount(m);
  await all.notice("/m/a.txt", "404");
});

Deno.test("a FUSE mount is served a second later, and gone a second after its end", async () => {
  const { outer, root, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  await using all = await Several.start(root, VALIDATING);
  await all.check("/m/a.txt", "404");
  {
    await using fuse = await OddNames.mount({ "a.txt": "fused" }, m);
    if (fuse === null) return;
    await all.notice("/m/a.txt", "200 fused");
  }
  await all.notice("/m/a.txt", "404");
});

Deno.test("an unmount and a mount between two checks are noticed, whatever was requested meanwhile", async () => {
  const { outer, root, data, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  await using all = await Several.start(root, [["--cache-validate", "auto"]]);
  for (const isMounted of [true, false]) {
    if (isMounted) mounts.bind(data, m);
    const before = isMounted ? "200 bound" : "404";
    await all.notice("/m/a.txt", before);
    for (let i = 0; i < 10; i++) {
      // Paths that were not requested before, so that directories are watched in the state between.
      if (isMounted) mounts.unmount(m);
      else mounts.bind(data, m);
      await all.say(`/m/sub/x${i}`);
      await all.say("/m/a.txt");
      if (isMounted) mounts.bind(data, m);
      else mounts.unmount(m);
    }
    await all.notice("/m/a.txt", before);
    if (isMounted) mounts.unmount(m);
  }
});

Deno.test("a disk that is unmounted, changed elsewhere and mounted again is served in its new state", async () => {
  const { outer, root, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  const image = outer.path("disk");
  const elsewhere = outer.path("data");
  Deno.writeTextFileSync(image, "");
  Deno.truncateSync(image, 8 * 1024 * 1024);
  try {
    assert(new Deno.Command("mkfs.ext4", { args: ["-q", image] }).outputSync().success);
    mounts.mount("-o", "loop", image, m);
  } catch (error) {
    return console.log(`skipped: no ext4 in a file can be mounted here: ${(error as Error).message}`);
  }
  Deno.writeTextFileSync(`${m}/a.txt`, "first");
  await using all = await Several.start(root, VALIDATING);
  for (let round = 0; round < 3; round++) {
    await all.notice("/m/a.txt", round === 0 ? "200 first" : `200 round ${round}`);
    if (round > 0) await all.notice("/m/b.txt", "200 b");
    else await all.check("/m/b.txt", "404");
    mounts.unmount(m); // the server does not keep it busy
    if (round === 1) await all.notice("/m/a.txt", "404");
    mounts.mount("-o", "loop", image, elsewhere);
    Deno.writeTextFileSync(`${elsewhere}/a.txt`, `round ${round + 1}`);
    Deno.writeTextFileSync(`${elsewhere}/b.txt`, "b");
    mounts.unmount(elsewhere);
    mounts.mount("-o", "loop", image, m);
  }
  await all.notice("/m/a.txt", "200 round 3");
});

Deno.test("a root that is a disk of its own is served again after an unmount and a mount", async () => {
  const { outer, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  mounts.memory(m, { "a.txt": "first" });
  await using all = await Several.start(m, VALIDATING);
  await all.check("/a.txt", "200 first");
  mounts.unmount(m, "-l"); // the server has it open
  await all.notice("/a.txt", "404");
  mounts.memory(m, { "a.txt": "second" });
  await all.notice("/a.txt", "200 second");
});

Deno.test("a root that is mounted over itself, for other mount flags, shows later mounts below it", async () => {
  const { outer, root, data, m } = makeSite();
  using _outer = outer;
  using mounts = Mounts.make();
  if (mounts === null || IS_EMULATED) return;
  await using all = await Several.start(root, VALIDATING);
  await all.check("/m/a.txt", "404");
  mounts.bind(root, root);
  mounts.bind(data, m);
  await all.notice("/m/a.txt", "200 bound");
  await all.check("/plain.txt", "200 plain");
  assert(Deno.statSync(`${m}/a.txt`).isFile);
});
