/**
 * Random numbers that can be repeated: every failure message has the seed, and EPOLLET_SEED sets it.
 * @module
 */

/** The seed of this run. */
export const SEED: number = Number(Deno.env.get("EPOLLET_SEED") ?? Math.floor(Math.random() * 2 ** 32));

/** A generator of uniform numbers (mulberry32). Each test creates one, so that tests do not affect each other. */
export class Random {
  #state: number;

  constructor(seed: number = SEED) {
    this.#state = seed | 0;
  }

  /** Returns an integer in `[0, bound)`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * bound);
  }

  /** Returns true once in `n` times, on average. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/** Runs `test` `count` times. Errors get the seed and the number of the case. */
export function repeat(count: number, test: (random: Random) => void): void {
  const random = new Random();
  for (let i = 0; i < count; i++) {
    try {
      test(random);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`EPOLLET_SEED=${SEED}, case ${i}: ${message}`, { cause: error });
    }
  }
}

/** Returns bytes that look like noise, always the same for a seed. */
export function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}
