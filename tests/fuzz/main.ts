/**
 * `deno task fuzz [SECONDS] [TARGET...]`: tries random inputs for some time (60 seconds, shared by all targets).
 *
 * EPOLLET_SEED sets the seed. EPOLLET_CASE sets the number of the first case, which is then the only one.
 * EPOLLET_CASES limits the number of cases of each target instead of the time. The exit status is 1 when a case
 * failed.
 * @module
 */
import { SEED } from "../support/random.ts";
import { TARGETS } from "./all.ts";
import type { FuzzTarget } from "./fuzz_target.ts";

const PROGRESS_MS = 5000;

/** Returns a whole number from the environment, or null without it. */
function fromEnvironment(name: string): number | null {
  const text = Deno.env.get(name);
  if (text === undefined) return null;
  if (!/^\d+$/.test(text)) throw new RangeError(`${name} is a whole number, not ${text}`);
  return Number(text);
}

/** Runs one target. Returns false when a case failed. */
async function fuzz(
  target: FuzzTarget,
  seconds: number,
  first: number | null,
  enough: number,
): Promise<boolean> {
  const startMs = performance.now();
  let shownMs = startMs;
  let done = 0;
  let next = first ?? 0;
  const report = (what: string) => {
    const elapsed = (performance.now() - startMs) / 1000;
    const rate = Math.round(done / Math.max(elapsed, 0.001));
    console.log(`${target.name}: ${done} ${target.unit}, ${elapsed.toFixed(1)} s, ${rate}/s, ${what}`);
  };
  try {
    do {
      const count = first === null ? target.batch : 1;
      done += await target.run(SEED, next, count);
      next += count;
      if (performance.now() - shownMs > PROGRESS_MS) {
        shownMs = performance.now();
        report("so far all right");
      }
    } while (
      first === null && done < enough && (enough < Infinity || performance.now() - startMs < seconds * 1000)
    );
    await target.close?.();
    report("all right");
    return true;
  } catch (error) {
    report("and then:");
    console.error(error instanceof Error ? error.message : error);
    await target.close?.().catch((error) => console.error(`${target.name}, at its end: ${error.message}`));
    return false;
  }
}

/** Returns the chosen targets, and the time for all of them. */
function chosen(args: readonly string[]): { seconds: number; targets: readonly FuzzTarget[] } {
  const names = args.filter((arg) => !/^\d+$/.test(arg));
  const seconds = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 60);
  for (const name of names) {
    if (TARGETS.some((target) => target.name === name)) continue;
    console.error(`No target is called ${name}; there are ${TARGETS.map(({ name }) => name).join(", ")}`);
    Deno.exit(2);
  }
  return { seconds, targets: TARGETS.filter(({ name }) => names.length === 0 || names.includes(name)) };
}

const { seconds, targets } = chosen(Deno.args);
const first = fromEnvironment("EPOLLET_CASE");
const enough = fromEnvironment("EPOLLET_CASES") ?? Infinity;
console.log(`EPOLLET_SEED=${SEED}`);
let isGood = true;
for (const target of targets) isGood = await fuzz(target, seconds / targets.length, first, enough) && isGood;
Deno.exit(isGood ? 0 : 1);
