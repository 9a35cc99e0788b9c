/**
 * The program in namespaces of its own, where it is root, and limits of the user can be changed.
 * @module
 */
import { Program, programCommand } from "./program.ts";

/** The program in a user namespace of its own, where `setup` may change what belongs to that; null where impossible. */
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
