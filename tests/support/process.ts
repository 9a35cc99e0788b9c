/**
 * What /proc says of a running process.
 * @module
 */

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

/** Waits until `pid` has started a process that is none of `others`, and returns that one's id. */
export async function newChildOf(pid: number, others: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const child = childrenOf(pid).find((child) => !others.includes(child));
    if (child !== undefined) return child;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`process ${pid} has started no other one`);
}
