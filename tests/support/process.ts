/**
 * What /proc says of a running process.
 * @module
 */
import { sleep } from "./sleep.ts";

/** User and system time of a process, in ticks of 10 ms. */
export function cpuTicks(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** How many descriptors a process has open. */
export function descriptorsOf(pid: number): number {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length;
}

/** The processes that `pid` has started and that have not ended. */
export function childrenOf(pid: number): number[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter((word) => word !== "").map(Number);
}

/** True while there is such a process, other than one that has ended and is not reaped. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

/** A process and all that it has started, directly or not, as far as those between them have not ended. */
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

/** Ends a process and all that it has started. They are stopped first, so that none starts another meanwhile. */
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

/** Waits until `pid` has started a process that is none of `others`, and returns that one's id. */
export async function newChildOf(pid: number, others: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const child = childrenOf(pid).find((child) => !others.includes(child));
    if (child !== undefined) return child;
    await sleep(10);
  }
  throw new Error(`process ${pid} has started no other one`);
}
