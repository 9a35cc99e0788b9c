/**
 * Commands of the system.
 * @module
 */

/** Runs a command, and returns what it prints, errors included. */
export async function output(command: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}
