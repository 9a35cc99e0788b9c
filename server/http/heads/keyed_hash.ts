/**
 * Keys for hashes that cannot be foreseen from outside: other ones in each process, so that what a client sends cannot
 * be made to fall together with what others ask for.
 *
 * A sum of pieces, each multiplied by a key of its own, of which the upper bits are used: two different inputs have the
 * same ones with a probability of 2 to the minus number of bits, whatever they are. Source: Dietzfelbinger, "Universal
 * hashing and k-wise independent random variables via integer arithmetic without primes" (STACS 1996).
 * @module
 */
import { TARGET_BYTES_MAX } from "../../limits.ts";

/** A power of two: later pieces of what is longer share the keys of earlier ones. */
export const HASH_KEYS_COUNT: number = TARGET_BYTES_MAX;

/** Random words, made when the process starts: one for each piece of what is hashed. */
export const HASH_KEYS: Int32Array = crypto.getRandomValues(new Int32Array(HASH_KEYS_COUNT));

/** Of `bytes[start, end)`: 25 bits, as many as bytes leave of a word of 32. */
export function keyedHash(bytes: Uint8Array, start: number, end: number): number {
  let sum = HASH_KEYS[0]!;
  for (let i = start; i < end; i++) {
    sum = (sum + Math.imul(bytes[i]!, HASH_KEYS[(i - start + 1) & (HASH_KEYS_COUNT - 1)]!)) | 0;
  }
  return sum >>> 7;
}
