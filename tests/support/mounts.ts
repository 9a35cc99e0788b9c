/**
 * Real mounts, which are gone when a test ends.
 * @module
 */
import { assert } from "@std/assert";

/** Each is undone by `using`, the last one first. */
export class Mounts implements Disposable {
  readonly #paths: string[] = [];

  /** Null, after saying so, where nothing may be mounted. */
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

  /** mount(8): the last of `args` is where. */
  mount(...args: readonly string[]): void {
    run("mount", args);
    this.#paths.push(args.at(-1)!);
  }

  /** A directory or a file over another one. */
  bind(source: string, path: string): void {
    this.mount("--bind", source, path);
  }

  /** A new file system in memory, with files in it. */
  memory(path: string, files: Readonly<Record<string, string>>): void {
    this.mount("-t", "tmpfs", "none", path);
    for (const [name, content] of Object.entries(files)) Deno.writeTextFileSync(`${path}/${name}`, content);
  }

  /** `flags` as of umount(8). */
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
