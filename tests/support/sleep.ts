/**
 * Waits for a time. The module imports nothing, so that programs without permissions can use it, too.
 * @module
 */

/** Resolves after `ms`; with 0, after other timers that are due. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
