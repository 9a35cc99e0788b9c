/**
 * `deno task compile`, if it is possible.
 *
 * To compile, Deno downloads its runtime. Without a network, DENO_COMPILE and DENORT_BIN name a Deno and its runtime,
 * or a tool beside the repository prepares them.
 * @module
 */
import { REPOSITORY } from "./program.ts";

const PREPARE = `${REPOSITORY}../shared/tools/denort`;
const decoder = new TextDecoder();

/** The exit status of a command, and its output. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(
  command: readonly string[],
  env: Record<string, string> = {},
  cwd: string = REPOSITORY,
): Promise<Run> {
  const [program, ...args] = command as [string, ...string[]];
  const { code, stdout, stderr } = await new Deno.Command(program, { args, env, cwd }).output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs `deno task compile`. */
export function compile(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  return run([Deno.execPath(), "run", "--no-prompt", "-A", `${REPOSITORY}deploy/compile.ts`, ...args], env);
}

/** Returns the lines of an error message, without Deno's progress and stack trace. */
export function reasonOf(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const telling = lines.filter((line) => /^(compile:|\d+: [a-z]|[Ee]rror)/.test(line));
  return telling.slice(0, 4).join("; ");
}

/** Returns the environment in which compiling works here, or the reason why it does not. */
export async function findRuntime(folder: string): Promise<Record<string, string> | string> {
  const works = async (env: Record<string, string>) => {
    const { code, stderr } = await compile(["--output", `${folder}/plain`], env);
    return code === 0 ? null : reasonOf(stderr);
  };
  const why = await works({});
  if (why === null) return {}; // DENO_COMPILE and DENORT_BIN may come from the environment
  try {
    Deno.statSync(PREPARE);
  } catch {
    return why;
  }
  const { code, stdout, stderr } = await run(["bash", PREPARE]);
  if (code !== 0) return `${why}; ${PREPARE}: ${stderr.trim()}`;
  const prepared = Object.fromEntries(
    Array.from(stdout.matchAll(/^export (\w+)=(.*)$/gm), ([, name, value]) => [name, value]),
  );
  const still = await works(prepared);
  return still ?? prepared;
}
