/**
 * Facts about a running process, from /proc.
 * @module
 */
import { sleep } from "./sleep.ts";

/** Returns user and system time of a process, in ticks of 10 ms. */
export function cpuTicks(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Returns the number of open descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length;
}

/** Returns the children of `pid` that have not ended. */
export function childrenOf(pid: number): number[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter((word) => word !== "").map(Number);
}

/** Returns true while the process exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** Returns a process and all of its descendants, as far as their ancestors have not ended. */
export function treeOf(root: number): number[] {
  const childrenByParent = new Map<number, number[]>();
  for (const { name } of Deno.readDirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? parentOf(Number(name)) : null;
    if (parent === null) continue;
    const children = childrenByParent.get(parent);
    if (children === undefined) childrenByParent.set(parent, [Number(name)]);
    else children.push(Number(name));
  }
  const tree = [root];
  for (const pid of tree) tree.push(...childrenByParent.get(pid) ?? []);
  return tree;
}

function parentOf(pid: number): number | null {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null; // it has ended meanwhile
  }
}

/** Kills a process and all its descendants. They are stopped first, so that none starts another one meanwhile. */
export function endTree(root: number): void {
  const tree = new Set<number>();
  for (let before = -1; tree.size > before;) {
    before = tree.size;
    for (const pid of treeOf(root)) {
      if (!tree.has(pid)) signal(pid, "SIGSTOP");
      tree.add(pid);
    }
  }
  for (const pid of tree) signal(pid, "SIGKILL");
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // it has ended meanwhile
  }
}

/** Waits until `pid` has a child that is not among `others`, and returns its id. */
export async function newChildOf(pid: number, others: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const child = childrenOf(pid).find((child) => !others.includes(child));
    if (child !== undefined) return child;
    await sleep(10);
  }
  throw new Error(`process ${pid} has started no other one`);
}
