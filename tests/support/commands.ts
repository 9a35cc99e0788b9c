/**
 * Programs of other projects that tests run, where they are installed.
 * @module
 */
import { outputOf } from "./waiting.ts";

/** Returns true if `command` is installed. Otherwise says that the test is skipped; `from` is Debian's package. */
export function isInstalled(command: string, from: string = command): boolean {
  const has =
    new Deno.Command("sh", { args: ["-c", `command -v ${command}`], stdout: "null" }).outputSync().success;
  if (!has) console.log(`skipped: ${command} is not installed (Debian's package ${from} has it)`);
  return has;
}

/** What a command has printed, and how it has ended. */
export interface Printed {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command with `input` on its standard input. It may take `patienceMs`. */
export async function run(
  command: readonly [string, ...string[]],
  input = "",
  cwd?: string,
  patienceMs?: number,
): Promise<Printed> {
  const [program, ...args] = command;
  const process = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    ...(cwd === undefined ? {} : { cwd }),
  }).spawn();
  const output = outputOf(process, program, patienceMs);
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {}); // it may not read
  const { code, stdout, stderr } = await output;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs a command, and returns what it prints, errors included. */
export async function output(command: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}
