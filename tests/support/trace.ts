/**
 * The system calls that a program makes, as strace(1) sees them.
 * @module
 */

/** True where strace is installed; says so where not. */
export function hasStrace(): boolean {
  const has = new Deno.Command("sh", { args: ["-c", "command -v strace"] }).outputSync().success;
  if (!has) console.log("skipped: strace is not installed, so that system calls cannot be counted");
  return has;
}

/** Runs `body` and returns a line for each call of `calls` (as in `openat2,statx`) that process `pid` made meanwhile. */
export async function traced(pid: number, calls: string, body: () => Promise<void>): Promise<string[]> {
  const log = Deno.makeTempFileSync({ prefix: "epollet-trace-" });
  const trace = new Deno.Command("strace", {
    args: ["-f", "-e", `trace=${calls}`, "-o", log, "-p", String(pid)],
    stderr: "piped",
  }).spawn();
  const stderr = trace.stderr.getReader();
  await stderr.read(); // "attached"
  try {
    await body();
  } finally {
    trace.kill("SIGINT");
    await stderr.cancel();
    await trace.status;
  }
  const lines = Deno.readTextFileSync(log).split("\n");
  Deno.removeSync(log);
  return lines.filter((line) => line.includes("("));
}
