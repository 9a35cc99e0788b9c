/**
 * The program in its own namespaces, where it is root, and limits of the user can be changed.
 * @module
 */
import { Program, programCommand } from "./program.ts";

/** Starts the program in a new user namespace, which `setup` may change. Returns null when that is impossible. */
export async function startInNamespace(setup: string, args: readonly string[]): Promise<Program | null> {
  const quoted = programCommand(["--port", "0", "-v", ...args]).map((word) => `'${word}'`).join(" ");
  const probe = new Deno.Command("unshare", { args: ["-Urm", "sh", "-c", setup], stderr: "null" });
  try {
    if (probe.outputSync().success) {
      return await Program.startCommand(["unshare", "-Urm", "sh", "-c", `${setup} && exec ${quoted}`]);
    }
  } catch {
    // no unshare(1)
  }
  console.log(`skipped: a user namespace cannot do this here: ${setup}`);
  return null;
}
