/**
 * The package for npm: made, installed, and offered by a registry.
 * @module
 */
import { REPOSITORY, Site } from "./site.ts";
import { type Run, run } from "./compile.ts";

/** The package with Deno's executable for this processor. */
export const EXECUTABLE_PACKAGE = `@deno/linux-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}-glibc`;

/** True if this Deno makes packages. Otherwise says that the test is skipped. */
export function makesPackages(): boolean {
  const [major, minor] = Deno.version.deno.split(".").map(Number) as [number, number];
  const makes = major > 2 || minor >= 9;
  if (!makes) console.log(`skipped: Deno ${Deno.version.deno} makes no packages`);
  return makes;
}

/** Runs `deno task npm`. */
export function make(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  return run([Deno.execPath(), "run", "--no-prompt", "-A", `${REPOSITORY}deploy/npm.ts`, ...args], env);
}

/** Returns variables that make Node run `script` before a program. */
export function before(folder: Site, name: string, script: string): Record<string, string> {
  folder.write(name, script);
  return { NODE_OPTIONS: `--require ${folder.path(name)}` };
}

/**
 * Returns variables for each way in which the launcher starts the program: as this Node has it, and as older ones do,
 * which cannot replace a process.
 */
export async function ways(folder: Site): Promise<Record<string, string>[]> {
  const own = { LC_ALL: "C.UTF-8" };
  const { stdout } = await run(["node", "-p", "typeof process.execve"]);
  return stdout.trim() === "undefined" ? [own] : [own, before(folder, "older.cjs", "delete process.execve")];
}

/** A project in which the package is installed, with this Deno as that of the package `deno`; `using` removes it. */
export class Installed extends Site {
  readonly package: string = this.path("node_modules/epollet");
  /** The command `epollet`, as npm links it. */
  readonly command: string = this.path("node_modules/.bin/epollet");
  /** The executable that the command finds. */
  readonly deno: string = this.path(`node_modules/${EXECUTABLE_PACKAGE}/deno`);

  private constructor() {
    super();
    this.write("node_modules/deno/package.json", `{ "name": "deno", "version": "${Deno.version.deno}" }`);
    this.write(`node_modules/${EXECUTABLE_PACKAGE}/package.json`, `{ "name": "${EXECUTABLE_PACKAGE}" }`);
    Deno.symlinkSync(Deno.execPath(), this.deno);
    Deno.mkdirSync(this.path("node_modules/.bin"));
    Deno.symlinkSync("../epollet/bin/epollet.cjs", this.command);
  }

  /** Makes the package in a new project. */
  static async create(): Promise<Installed> {
    const project = new Installed();
    const { code, stderr } = await make(["--output", project.package]);
    if (code !== 0) throw new Error(stderr);
    return project;
  }

  /** Returns the paths of the files of the package, sorted. */
  files(folder = ""): string[] {
    return Array.from(
      Deno.readDirSync(`${this.package}/${folder}`),
      ({ name, isDirectory }) => isDirectory ? this.files(`${folder}${name}/`) : [folder + name],
    ).flat().toSorted();
  }

  read(file: string): string {
    return Deno.readTextFileSync(`${this.package}/${file}`);
  }
}

/** A registry of npm; `await using` ends it. */
export class Registry {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #tarballs = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #manifests = new Map<string, Record<string, unknown>>();

  constructor() {
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, ({ url }) => {
      const name = new URL(url).pathname.slice(1);
      const tarball = this.#tarballs.get(name);
      if (tarball !== undefined) return new Response(tarball);
      const manifest = this.#manifests.get(name);
      if (manifest === undefined) return new Response("{}", { status: 404 });
      const version = manifest.version as string;
      return Response.json({ name, "dist-tags": { latest: version }, versions: { [version]: manifest } });
    });
  }

  get address(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Offers the package in `folder`. */
  async add(folder: string): Promise<void> {
    const { stdout } = await run(["npm", "pack", "--silent", folder], {}, folder);
    const file = stdout.trim();
    const bytes = Deno.readFileSync(`${folder}/${file}`);
    Deno.removeSync(`${folder}/${file}`);
    const manifest = JSON.parse(Deno.readTextFileSync(`${folder}/package.json`));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
    const integrity = `sha512-${btoa(String.fromCharCode(...digest))}`;
    this.#tarballs.set(file, bytes);
    this.#manifests.set(manifest.name, {
      ...manifest,
      dist: { tarball: this.address + file, integrity },
    });
  }

  /** Offers a package in which only a manifest is. */
  async addEmpty(name: string, version: string): Promise<void> {
    using folder = new Site({ "package.json": JSON.stringify({ name, version }) });
    await this.add(folder.root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
