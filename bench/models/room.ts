/**
 * How many clients each model can have on this machine.
 * @module
 */
import { DESCRIPTORS } from "../process.ts";
import type { Model } from "./models.ts";

/** The largest number of descriptors that select(2) supports. */
const FD_SETSIZE = 1024;
/** Descriptors that stay free for the load, and for files that a process opens itself. */
export const RESERVE = 500;
/** Descriptors for wrk, which tries the address before it uses it. */
const LOAD_DESCRIPTORS = 8;
/** Threads and processes that stay free for other programs. */
const TASK_RESERVE = 1000;
/** More processes would disturb other programs of the machine too much. */
const PROCESSES_MAX = 3000;
/** The mappings of a thread's stack: the stack and its guard page. */
const MAPPINGS_PER_THREAD = 2;

/** Returns the number of idle clients of `model` besides the load, when its server has `ownDescriptors` open. */
export function roomOf({ bound }: Model, ownDescriptors: number): number {
  const descriptors = descriptorLimit() - RESERVE;
  switch (bound) {
    case "descriptors":
      return descriptors;
    case "select":
      return FD_SETSIZE - ownDescriptors - LOAD_DESCRIPTORS;
    case "threads":
      return Math.min(descriptors, taskLimit(), Math.floor(mappingLimit() / MAPPINGS_PER_THREAD));
    case "processes":
      return Math.min(descriptors, taskLimit(), PROCESSES_MAX);
  }
}

/** Returns the number of descriptors that each process may open: this one, wrk, and the servers. */
export function descriptorLimit(): number {
  return Math.min(limitOf("Max open files"), DESCRIPTORS);
}

/** Returns a soft limit of this process, which its children inherit; Infinity when there is none. */
function limitOf(name: string): number {
  const [, soft] = new RegExp(`^${name}\\s+(\\S+)`, "m").exec(Deno.readTextFileSync("/proc/self/limits")) ??
    [];
  return soft === undefined || soft === "unlimited" ? Infinity : Number(soft);
}

/** Returns how many threads and processes may be started: RLIMIT_NPROC, the kernel's limits, and pids.max. */
function taskLimit(): number {
  const limits = [
    limitOf("Max processes"),
    ...["/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max"].map(numberIn),
    ...controlGroups().map((group) => numberIn(`${group}/pids.max`)),
  ];
  return Math.min(...limits) - TASK_RESERVE;
}

function mappingLimit(): number {
  return numberIn("/proc/sys/vm/max_map_count");
}

/** Yields the directories in which this process has its limits, for both versions of cgroups. */
function controlGroups(): string[] {
  return Deno.readTextFileSync("/proc/self/cgroup").trim().split("\n").flatMap((line) => {
    const [, controllers = "", path = "/"] = line.split(":");
    if (controllers !== "" && controllers !== "pids") return [];
    const root = controllers === "" ? "/sys/fs/cgroup" : `/sys/fs/cgroup/${controllers}`;
    // A container may see the path of the machine, and the group itself at the root.
    return [root, root + path];
  });
}

/** Returns the number in a file; Infinity when there is no such file, or no limit. */
function numberIn(path: string): number {
  try {
    const value = Number(Deno.readTextFileSync(path));
    return Number.isNaN(value) ? Infinity : value;
  } catch {
    return Infinity;
  }
}
