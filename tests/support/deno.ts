/**
 * The Deno that runs the tests, and its speed.
 * @module
 */

/**
 * The words that start Deno. EPOLLET_TEST_DENO overrides them, separated by spaces, because under an emulator the
 * running executable cannot be started by its path alone.
 */
export const DENO = (Deno.env.get("EPOLLET_TEST_DENO") ?? Deno.execPath()).split(" ") as [
  string,
  ...string[],
];

/** True under an emulator, where everything takes many times as long. */
export const IS_EMULATED: boolean = Deno.env.has("EPOLLET_TEST_DENO");

/** The factor for time limits. */
export const TIME_SCALE: number = IS_EMULATED ? 5 : 1;
