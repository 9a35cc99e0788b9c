/**
 * Waits with an end: a wait that takes too long fails with its purpose, instead of hanging.
 * @module
 */
import { TIME_SCALE } from "./deno.ts";
import { sleep } from "./sleep.ts";

/** The longest wait, in milliseconds. Far longer than waits take on a busy machine, and shorter than the deadline of a test. */
export const PATIENCE_MS: number = 60_000 * TIME_SCALE;

/** Returns the result of `promise`; fails when it does not settle in time. */
export async function awaited<T>(
  promise: Promise<T>,
  what: string,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), patienceMs);
  });
  try {
    return await Promise.race([promise, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Lets timers and promises run until the condition is true. Fails with the message `what`, or with what it returns,
 * when it does not become true.
 */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string),
): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    if (performance.now() >= endMs) throw new Error(typeof what === "string" ? what : what());
    await sleep(5);
  }
}

/** Returns the output and the status of a process that is expected to end by itself. */
export async function outputOf(
  process: Deno.ChildProcess,
  what: string,
  patienceMs: number = PATIENCE_MS,
): Promise<Deno.CommandOutput> {
  try {
    return await awaited(process.output(), `the end of ${what}`, patienceMs);
  } catch (error) {
    process.kill("SIGKILL");
    throw error;
  }
}

/** Returns the status of a process that is expected to end by itself. */
export async function endOf(process: Deno.ChildProcess, what: string): Promise<Deno.CommandStatus> {
  try {
    return await awaited(process.status, `the end of ${what}`);
  } catch (error) {
    process.kill("SIGKILL");
    throw error;
  }
}
