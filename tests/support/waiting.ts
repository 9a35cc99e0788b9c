/**
 * Waiting with an end: a test that waits in vain says for what, instead of hanging.
 * @module
 */
import { assert } from "@std/assert";
import { TIME_SCALE } from "./deno.ts";
import { sleep } from "./sleep.ts";

/** Many times what anything takes that a test waits for, on a busy machine, too; less than the deadline of a test. */
export const PATIENCE_MS: number = 60_000 * TIME_SCALE;

/** What `promise` gives; fails where it does not settle. */
export async function awaited<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets timers and promises run until the condition holds; `what` is said where it never does. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    assert(performance.now() < endMs, what);
    await sleep(5);
  }
}

/** What a process prints, and how it ends, which it is expected to do by itself. */
export async function outputOf(process: Deno.ChildProcess, what: string): Promise<Deno.CommandOutput> {
  try {
    return await awaited(process.output(), `the end of ${what}`);
  } catch (error) {
    process.kill("SIGKILL");
    throw error;
  }
}

/** How a process ends, which it is expected to do by itself. */
export async function endOf(process: Deno.ChildProcess, what: string): Promise<Deno.CommandStatus> {
  try {
    return await awaited(process.status, `the end of ${what}`);
  } catch (error) {
    process.kill("SIGKILL");
    throw error;
  }
}
