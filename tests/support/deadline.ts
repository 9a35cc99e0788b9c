/**
 * The time that a test may take. `tests/run.ts` ends a test that takes longer.
 * @module
 */
import { TIME_SCALE } from "./deno.ts";

/** The default, in seconds: many times as long as the longest test takes on a busy machine. */
export const DEADLINE_SECONDS: number = 180 * TIME_SCALE;

/** The time from the start to the first test, in seconds: modules are loaded and types checked. */
export const START_SECONDS: number = 600 * TIME_SCALE;

/** The variable with the path of the file into which a test writes a longer time. */
export const PATIENCE_VARIABLE = "EPOLLET_TEST_PATIENCE";

/**
 * Returns a test that may take `seconds`: `Deno.test("name", patient(600, async () => …))`. The time is scaled for
 * slow machines.
 */
export function patient<Arguments extends unknown[]>(
  seconds: number,
  test: (...args: Arguments) => void | Promise<void>,
): (...args: Arguments) => Promise<void> {
  return async (...args) => {
    const path = Deno.env.get(PATIENCE_VARIABLE);
    if (path === undefined) return await test(...args);
    Deno.writeTextFileSync(path, String(seconds * TIME_SCALE));
    try {
      await test(...args);
    } finally {
      Deno.writeTextFileSync(path, "");
    }
  };
}
