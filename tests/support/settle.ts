/**
 * Waits until a file is old enough to be kept in memory.
 * @module
 */
import { CACHE_SETTLE_SECONDS } from "../../handlers/site/limits.ts";
import { sleep } from "./sleep.ts";

/**
 * Waits longer than {@linkcode CACHE_SETTLE_SECONDS}, for which an unwatched file is not kept in memory after a
 * change.
 */
export function settle(): Promise<void> {
  return sleep((CACHE_SETTLE_SECONDS + 1.1) * 1000);
}
