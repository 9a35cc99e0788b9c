/**
 * How long a test may take. `tests/run.ts` is what ends one that takes longer.
 * @module
 */
import { TIME_SCALE } from "./deno.ts";

/** A test is given this unless it says otherwise: many times what the longest of them takes on a busy machine. */
export const DEADLINE_SECONDS: number = 180 * TIME_SCALE;

/** From the start to the first test: modules are loaded, and types checked. */
export const START_SECONDS: number = 600 * TIME_SCALE;

/** Names the file in which a test that needs longer says so. */
export const PATIENCE_VARIABLE = "EPOLLET_TEST_PATIENCE";

/**
 * A test that may take `seconds`: `Deno.test("name", patient(600, async () => …))`. How slow the machine is need not be
 * thought of.
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
