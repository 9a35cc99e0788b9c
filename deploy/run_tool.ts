/**
 * How the programs of this folder end.
 * @module
 */
import { UsageError } from "../server/usage_error.ts";

type ErrorClass = new (...args: never[]) => Error;

/**
 * Runs `main` with the arguments of the command line. A mistake in them is one line, and status 2; an error of one of
 * `failures` one line, and status 1. Other errors are thrown on.
 */
export async function runTool(
  name: string,
  main: (args: string[]) => unknown,
  failures: readonly ErrorClass[],
): Promise<void> {
  try {
    await main(Deno.args);
  } catch (error) {
    const isMistake = error instanceof UsageError ||
      (error instanceof TypeError && "code" in error); // parseArgs throws this for an unknown flag
    if (!isMistake && !failures.some((failure) => error instanceof failure)) throw error;
    console.error(`${name}: ${(error as Error).message}`);
    Deno.exit(isMistake ? 2 : 1);
  }
}
