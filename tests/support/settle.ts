/**
 * Waiting until a file is old enough to be kept in memory.
 * @module
 */
import { CACHE_SETTLE_SECONDS } from "../../handlers/site/limits.ts";
import { sleep } from "./sleep.ts";

/** A file that {@linkcode CACHE_SETTLE_SECONDS} keep out of memory where it is not watched is kept after this. */
export function settle(): Promise<void> {
  return sleep((CACHE_SETTLE_SECONDS + 1.1) * 1000);
}
