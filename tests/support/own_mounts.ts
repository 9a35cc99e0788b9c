/**
 * A command in a mount namespace of its own. A server does not cache what it looks up while any mount changes, so one test
 * must not see the mounts of another.
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
