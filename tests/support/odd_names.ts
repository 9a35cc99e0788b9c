/**
 * Mounts a FUSE file system that finds names in other spellings than it lists: `odd_names.c`.
 * @module
 */
import { assert } from "@std/assert";
import { Program, REPOSITORY, Site } from "./program.ts";
import { sleep } from "./sleep.ts";
import { Wire, type WireResponse } from "./wire.ts";

/** The longest wait for the mount, in steps of 20 ms. */
const STEPS_MAX = 500;

/** Shows `site` at `path`; `await using` unmounts it. */
export class OddNames implements AsyncDisposable {
  /** The directory that is shown. */
  readonly site: Site;
  readonly path: string;
  readonly #directory: Site;
  readonly #process: Deno.ChildProcess;

  private constructor(site: Site, directory: Site, path: string, process: Deno.ChildProcess) {
    this.site = site;
    this.#directory = directory;
    this.path = path;
    this.#process = process;
  }

  /** Mounts at `at`, an empty directory. Returns null, with a message, when that is impossible. */
  static async mount(
    files: Readonly<Record<string, string | Uint8Array>>,
    at: string | null = null,
  ): Promise<OddNames | null> {
    const directory = new Site();
    const program = directory.path("odd_names");
    const why = cannotMount() ?? compile(program);
    if (why !== null) {
      directory[Symbol.dispose]();
      console.log(`skipped: no file system with odd names can be mounted: ${why}`);
      return null;
    }
    const site = new Site(files);
    const path = at ?? directory.path("mount");
    Deno.mkdirSync(path, { recursive: true });
    const device = Deno.statSync(path).dev;
    const args = [site.root, "-f", "-s", "-o", "allow_other,default_permissions", path];
    const process = new Deno.Command(program, { args, stdout: "null", stderr: "null" }).spawn();
    for (let step = 0; Deno.statSync(path).dev === device; step++) {
      assert(step < STEPS_MAX, "it was not mounted");
      await sleep(20);
    }
    return new OddNames(site, directory, path, process);
  }

  /** Returns the path of a name below the mount. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    new Deno.Command("umount", { args: ["-l", this.path] }).outputSync();
    await this.#process.status;
    this.site[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

function cannotMount(): string | null {
  if (Deno.uid() !== 0) return "only root may mount";
  try {
    Deno.openSync("/dev/fuse", { read: true, write: true }).close();
    return null;
  } catch {
    return "there is no /dev/fuse";
  }
}

function compile(program: string): string | null {
  const source = `${REPOSITORY}tests/support/odd_names.c`;
  const args = ["-O1", "-D_FILE_OFFSET_BITS=64", "-I/usr/include/fuse3", "-o", program, source, "-lfuse3"];
  try {
    const { success } = new Deno.Command("cc", { args, stderr: "null" }).outputSync();
    return success ? null : "it does not compile (Debian's package libfuse3-dev has what it takes)";
  } catch {
    return "there is no C compiler `cc`";
  }
}

/** Starts the program with a configuration elsewhere, and connects to it. */
export async function withSite(
  root: string,
  config: unknown,
  args: readonly string[],
  test: (ask: (request: string) => Promise<WireResponse>, program: Program) => Promise<void>,
): Promise<void> {
  using other = new Site({ "conf.json": JSON.stringify(config) });
  await using program = await Program.start(root, ["--config", other.path("conf.json"), ...args]);
  using wire = await Wire.connect(program.port);
  await test(async (request) => {
    await wire.send(request);
    return await wire.expect(request.startsWith("HEAD "));
  }, program);
}
