/**
 * A signal to a thread that waits, for tests of waits.
 * @module
 */

/** Sends SIGUSR1 to this thread, a while from now: one to the process could reach a thread that does not wait. */
export function signalThisThread(): Deno.ChildProcess {
  const thread = Deno.readTextFileSync("/proc/thread-self/stat").split(" ")[0];
  return new Deno.Command("sh", { args: ["-c", `sleep 0.2; kill -USR1 ${thread}`] }).spawn();
}
