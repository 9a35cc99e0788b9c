/**
 * Real mounts, which are removed when a test ends.
 * @module
 */
import { assert } from "@std/assert";

/** Mounts that `using` removes, the last one first. */
export class Mounts implements Disposable {
  readonly #paths: string[] = [];

  /** Returns null, with a message, when mounting is not permitted. */
  static make(): Mounts | null {
    const mounts = new Mounts();
    const directory = Deno.makeTempDirSync({ prefix: "epollet-test-" });
    try {
      mounts.mount("-t", "tmpfs", "none", directory);
      return mounts;
    } catch {
      console.log("skipped: nothing can be mounted here");
      return null;
    } finally {
      mounts[Symbol.dispose]();
      Deno.removeSync(directory);
    }
  }

  /** Calls mount(8). The last of `args` is the mount point. */
  mount(...args: readonly string[]): void {
    run("mount", args);
    this.#paths.push(args.at(-1)!);
  }

  /** Mounts a directory or a file over another one. */
  bind(source: string, path: string): void {
    this.mount("--bind", source, path);
  }

  /** Mounts a new file system in memory, with files in it. */
  memory(path: string, files: Readonly<Record<string, string>>): void {
    this.mount("-t", "tmpfs", "none", path);
    for (const [name, content] of Object.entries(files)) Deno.writeTextFileSync(`${path}/${name}`, content);
  }

  /** Calls umount(8) with `flags`. */
  unmount(path: string, ...flags: readonly string[]): void {
    run("umount", [...flags, path]);
    this.#paths.splice(this.#paths.lastIndexOf(path), 1);
  }

  [Symbol.dispose](): void {
    for (const path of this.#paths.splice(0).reverse()) {
      new Deno.Command("umount", { args: ["-l", path], stderr: "null" }).outputSync();
    }
  }
}

function run(command: string, args: readonly string[]): void {
  const { success, stderr } = new Deno.Command(command, { args: [...args] }).outputSync();
  assert(success, `${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
