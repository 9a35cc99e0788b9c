/**
 * A memory cgroup, of version 1 or 2, whichever is mounted. When its processes take more memory than allowed, they
 * are killed. Only root can create one. Source: cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
 * @module
 */
import { sleep } from "./sleep.ts";

let cgroups = 0;

/** A cgroup; `using` removes it after its processes have ended. */
export class MemoryCgroup {
  readonly #path: string;
  readonly #isSecond: boolean;

  private constructor(path: string, isSecond: boolean) {
    this.#path = path;
    this.#isSecond = isSecond;
  }

  /** Creates a cgroup with a limit of `bytesMax`, or returns why that is impossible. */
  static create(bytesMax: number): MemoryCgroup | string {
    if (Deno.uid() !== 0) return "only root can make a memory cgroup";
    const mounted = findMounted();
    if (mounted === null) return "no memory cgroup is mounted";
    const { path: parent, isSecond } = mounted;
    const path = `${parent}/epollet-test-${Deno.pid}-${++cgroups}`;
    try {
      if (isSecond) Deno.writeTextFileSync(`${parent}/cgroup.subtree_control`, "+memory");
      Deno.mkdirSync(path);
      Deno.writeTextFileSync(
        `${path}/${isSecond ? "memory.max" : "memory.limit_in_bytes"}`,
        String(bytesMax),
      );
    } catch (error) {
      return `no memory cgroup can be made here: ${(error as Error).message}`;
    }
    const [swap, limit] = isSecond ? ["memory.swap.max", 0] : ["memory.memsw.limit_in_bytes", bytesMax];
    try {
      Deno.writeTextFileSync(`${path}/${swap}`, String(limit)); // swapped memory does not count against the limit
    } catch {
      // the kernel has no limit on swap
    }
    return new MemoryCgroup(path, isSecond);
  }

  /** Returns a command that runs `command` in the group. */
  command(command: readonly string[]): string[] {
    return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', this.#path, ...command];
  }

  /** The number of killed processes. */
  get kills(): number {
    const events = this.#isSecond ? "memory.events" : "memory.oom_control";
    return Number(/^oom_kill (\d+)$/m.exec(Deno.readTextFileSync(`${this.#path}/${events}`))?.[1]);
  }

  /** Bytes of memory that belong to no file. */
  get anonymousBytes(): number {
    const field = this.#isSecond ? /^anon (\d+)$/m : /^total_rss (\d+)$/m;
    return Number(field.exec(Deno.readTextFileSync(`${this.#path}/memory.stat`))?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      try {
        return Deno.removeSync(this.#path);
      } catch {
        await sleep(50); // its processes are still ending
      }
    }
  }
}

function findMounted(): { path: string; isSecond: boolean } | null {
  for (const line of Deno.readTextFileSync("/proc/mounts").split("\n")) {
    const [, path, type, options = ""] = line.split(" ") as [string, string, ...string[]];
    if (type === "cgroup" && options.split(",").includes("memory")) return { path, isSecond: false };
    if (type !== "cgroup2") continue;
    const controllers = Deno.readTextFileSync(`${path}/cgroup.controllers`).trim().split(" ");
    if (controllers.includes("memory")) return { path, isSecond: true };
  }
  return null;
}
