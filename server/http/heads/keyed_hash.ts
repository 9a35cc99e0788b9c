/**
 * Keyed hashes that clients cannot predict. The keys differ in each process, so no client can choose inputs that
 * collide with those of others.
 *
 * The hash is the upper bits of a sum of parts, each multiplied by a key of its own. Two different inputs collide with
 * probability 2⁻ᵇ for b bits, whatever the inputs are. Source: Dietzfelbinger, "Universal hashing and k-wise
 * independent random variables via integer arithmetic without primes" (STACS 1996).
 * @module
 */
import { TARGET_BYTES_MAX } from "../../limits.ts";

/** The number of keys, a power of two. Later parts of longer inputs use the same keys again. */
export const HASH_KEYS_COUNT: number = TARGET_BYTES_MAX;

/** Random keys, one for each part of an input, generated at start-up. */
export const HASH_KEYS: Int32Array = crypto.getRandomValues(new Int32Array(HASH_KEYS_COUNT));

/** Returns a hash of 25 bits of `bytes[start, end)`: the bits of a 32-bit sum that are uniform for parts of 8 bits. */
export function keyedHash(bytes: Uint8Array, start: number, end: number): number {
  let sum = HASH_KEYS[0]!;
  for (let i = start; i < end; i++) {
    sum = (sum + Math.imul(bytes[i]!, HASH_KEYS[(i - start + 1) & (HASH_KEYS_COUNT - 1)]!)) | 0;
  }
  return sum >>> 7;
}
