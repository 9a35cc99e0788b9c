/**
 * A command with mounts of its own. A server looks things up anew while mounts change anywhere, so one test must not see
 * the mounts of another.
 * @module
 */

function canUnshare(): boolean {
  try {
    return new Deno.Command("unshare", { args: ["--mount", "true"], stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** The words before a command that gets mounts of its own; none where that is not permitted. */
export const OWN_MOUNTS: readonly string[] = canUnshare()
  ? ["unshare", "--mount", "--propagation", "private"]
  : [];
