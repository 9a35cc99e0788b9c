/**
 * The Deno that runs the tests, and how slow it is.
 * @module
 */

/**
 * How to start Deno. EPOLLET_TEST_DENO overrides it, as words separated by spaces: under an emulator the running
 * executable cannot be started by its path alone.
 */
export const DENO = (Deno.env.get("EPOLLET_TEST_DENO") ?? Deno.execPath()).split(" ") as [
  string,
  ...string[],
];

/** True when everything takes many times as long. */
export const IS_EMULATED: boolean = Deno.env.has("EPOLLET_TEST_DENO");

/** By which bounds of time are multiplied. */
export const TIME_SCALE: number = IS_EMULATED ? 5 : 1;
