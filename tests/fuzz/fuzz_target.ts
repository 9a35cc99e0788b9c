/**
 * What is fuzzed: inputs made at random, and an oracle that says whether the code did right with them.
 *
 * Each case has a random generator of its own, made of the seed and the case's number, so that a single case can be
 * had again without those before it. An input is a few texts, a character for each byte, so that one shrinker serves
 * all.
 * @module
 */
import { Random } from "../support/random.ts";
import { shrink } from "./shrink.ts";

/** One input, in parts; what each part is, the target knows. */
export type Input = readonly string[];

/** Something that can be fuzzed. */
export interface FuzzTarget {
  /** One word, for the command line. */
  readonly name: string;
  /** How many cases are tried between two looks at the clock. */
  readonly batch: number;
  /** What a case is, in the plural. */
  readonly unit: string;
  /** Tries the cases `[first, first + count)`: how many of `unit` that were. @throws {FuzzFailure} */
  run(seed: number, first: number, count: number): number | Promise<number>;
  /** @throws {Error} when the code and the oracle disagree about `input`. */
  check(input: Input): void | Promise<void>;
  /** Looks at what can be seen only in the end, and gives back what it holds. @throws {Error} when that is not as it should be. */
  close?(): Promise<void>;
}

/** A target whose cases are functions of their input alone. */
export interface PureTarget {
  readonly name: string;
  readonly batch: number;
  /** Makes an input. */
  make(random: Random): Input;
  /** @throws {Error} when the code and the oracle disagree about `input`. */
  check(input: Input): void;
}

/** A case in which the code and the oracle disagreed. */
export class FuzzFailure extends Error {
  /** For those who look at names. */
  override readonly name = "FuzzFailure";
  /** The smallest input that was found to do it. */
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

/** The generator of one case. */
export function caseRandom(seed: number, number: number): Random {
  return new Random(Math.imul(number + 1, 0x9e3779b1) ^ seed);
}

/** What `check` throws for `input`; null when nothing. */
function complaint(target: PureTarget, input: Input): unknown {
  try {
    target.check(input);
    return null;
  } catch (error) {
    return error ?? new Error("nothing was thrown, in a way");
  }
}

/** Makes a target that can be run. */
export function pure(target: PureTarget): FuzzTarget & PureTarget {
  return {
    ...target,
    unit: "cases",
    async run(seed, first, count) {
      for (let i = first; i < first + count; i++) {
        const input = target.make(caseRandom(seed, i));
        if (complaint(target, input) === null) continue;
        const smallest = await shrink(input, (input) => complaint(target, input) !== null);
        throw new FuzzFailure(target.name, seed, i, smallest, complaint(target, smallest), input);
      }
      return count;
    },
  };
}

/** As it can be written into a program, also what would not be seen. */
export function quoted(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Text for a message, not too long. */
export function shown(text: string): string {
  return quoted(text.length > 400 ? `${text.slice(0, 400)}...` : text);
}

/** Requires that both are the same JSON. @throws {Error} */
export function requireSame(given: unknown, wanted: unknown, about: string): void {
  const [a, b] = [JSON.stringify(given), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} and not, as by the reference, ${b}, for ${about}`);
}

function sizeOf(input: Input): number {
  return input.reduce((sum, part) => sum + part.length, 0);
}
