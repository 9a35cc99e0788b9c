/**
 * Fuzz targets: random inputs, and an oracle that tells whether the code handled them correctly.
 *
 * Each case has its own random generator, made of the seed and the number of the case, so that a case can be repeated
 * without the cases before it. An input is a list of texts with a character for each byte, so that one shrinker works
 * for all targets.
 * @module
 */
import { Random } from "../support/random.ts";
import { shrink } from "./shrink.ts";

/** One input in parts, whose meaning the target defines. */
export type Input = readonly string[];

/** Something that can be fuzzed. */
export interface FuzzTarget {
  /** The name on the command line, one word. */
  readonly name: string;
  /** The number of cases between two looks at the clock. */
  readonly batch: number;
  /** The name of a case, in the plural. */
  readonly unit: string;
  /**
   * Runs the cases from `first` to `first + count - 1`, and returns how many of `unit` these were.
   * @throws {FuzzFailure} for a case that fails
   */
  run(seed: number, first: number, count: number): number | Promise<number>;
  /** Compares code and oracle for `input`. @throws {Error} when they disagree */
  check(input: Input): void | Promise<void>;
  /**
   * Makes the checks that are possible only at the end, and releases resources.
   * @throws {Error} when a check fails
   */
  close?(): Promise<void>;
}

/** A target whose cases depend on nothing but their input. */
export interface PureTarget {
  readonly name: string;
  readonly batch: number;
  /** Returns a random input. */
  make(random: Random): Input;
  /** Compares code and oracle for `input`. @throws {Error} when they disagree */
  check(input: Input): void;
}

/** A case in which the code and the oracle disagreed. */
export class FuzzFailure extends Error {
  /** The name that the runtime prints. */
  override readonly name = "FuzzFailure";
  /** The smallest input that was found to fail. */
  readonly input: Input;

  constructor(target: string, seed: number, number: number, input: Input, why: unknown, original: Input) {
    const first = why instanceof Error ? why.message : String(why);
    super(
      `${target}, EPOLLET_SEED=${seed}, case ${number}: ${first}\n` +
        `  again:   EPOLLET_SEED=${seed} EPOLLET_CASE=${number} deno task fuzz 1 ${target}\n` +
        `  minimal: ${quoted(input)}` +
        (sizeOf(input) === sizeOf(original) ? "" : `\n  (${sizeOf(original)} bytes were ${sizeOf(input)})`),
      { cause: why },
    );
    this.input = input;
  }
}

/** Prints which case `check` has rejected with `error`. Returns its failure, with the smallest input found that `check` rejects. */
export async function smallestFailure(
  name: string,
  seed: number,
  number: number,
  input: Input,
  error: unknown,
  check: (input: Input) => Promise<void>,
): Promise<FuzzFailure> {
  let reason = error;
  const why = error instanceof Error ? error.message : String(error);
  console.error(
    `${name}, EPOLLET_SEED=${seed} EPOLLET_CASE=${number}: ${why}. A smaller input is looked for …`,
  );
  const fails = async (input: Input) => {
    try {
      await check(input);
      return false;
    } catch (error) {
      reason = error;
      return true;
    }
  };
  // A failure that depends on other cases at the same time cannot be repeated; then the input is not shrunk.
  const smallest = await fails(input) ? await shrink(input, fails) : input;
  await fails(smallest);
  return new FuzzFailure(name, seed, number, smallest, reason, input);
}

/** Returns the random generator of one case. */
export function caseRandom(seed: number, number: number): Random {
  return new Random(Math.imul(number + 1, 0x9e3779b1) ^ seed);
}

/** Returns the error of `check` for `input`, or null. */
function errorOf(target: PureTarget, input: Input): unknown {
  try {
    target.check(input);
    return null;
  } catch (error) {
    return error ?? new Error("nothing was thrown, in a way");
  }
}

/** Makes a complete target. */
export function pure(target: PureTarget): FuzzTarget & PureTarget {
  return {
    ...target,
    unit: "cases",
    async run(seed, first, count) {
      for (let i = first; i < first + count; i++) {
        const input = target.make(caseRandom(seed, i));
        if (errorOf(target, input) === null) continue;
        const smallest = await shrink(input, (input) => errorOf(target, input) !== null);
        throw new FuzzFailure(target.name, seed, i, smallest, errorOf(target, smallest), input);
      }
      return count;
    },
  };
}

/** Returns the value as source code, with invisible characters escaped. */
export function quoted(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Returns text for a message, shortened if it is long. */
export function shown(text: string): string {
  return quoted(text.length > 400 ? `${text.slice(0, 400)}...` : text);
}

/** Checks that both values have the same JSON. @throws {Error} when they differ */
export function requireSame(given: unknown, wanted: unknown, about: string): void {
  const [a, b] = [JSON.stringify(given), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} and not, as by the reference, ${b}, for ${about}`);
}

function sizeOf(input: Input): number {
  return input.reduce((sum, part) => sum + part.length, 0);
}
