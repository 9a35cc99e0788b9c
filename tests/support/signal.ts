/**
 * Sends a signal to a waiting thread, for tests of waits.
 * @module
 */

/** Sends SIGUSR1 to this thread after a while. A signal to the process could reach another thread. */
export function signalThisThread(): Deno.ChildProcess {
  const thread = Deno.readTextFileSync("/proc/thread-self/stat").split(" ")[0];
  return new Deno.Command("sh", { args: ["-c", `sleep 0.2; kill -USR1 ${thread}`] }).spawn();
}
