/**
 * Makes system calls of another process fail, by strace(1).
 *
 * Deno makes many of the same calls for itself, on threads of its own. On the thread that runs JavaScript, the first
 * thread of the process, the calls of `errnos.ts` are those of this project. So only that thread is traced.
 * @module
 */
import { describeFault, type Fault } from "./errnos.ts";
import { awaited, endOf } from "../support/waiting.ts";

/** Returns why system calls cannot be made to fail here, or null. */
export function whyNotTraced(): string | null {
  const probe = (args: string[]) => {
    try {
      return new Deno.Command("strace", { args, stdout: "null", stderr: "piped" }).outputSync();
    } catch {
      return null;
    }
  };
  const tried = probe(["-o", "/dev/null", "-e", "trace=getpid", "-e", "inject=getpid:error=EPERM", "true"]);
  if (tried === null) return "strace is not installed";
  if (tried.success) return null;
  return `strace cannot trace here: ${new TextDecoder().decode(tried.stderr).trim().split("\n").at(-1)}`;
}

/** Reports that a test is skipped here and returns true; returns false when it can run. */
export function mustSkip(what: string): boolean {
  const reason = whyNotTraced();
  if (reason !== null) console.log(`SKIPPED: ${what}: ${reason}`);
  return reason !== null;
}

/** Runs `body` while these calls of the threads `tids` fail, and returns how many of them failed. */
export async function withFaults(
  tids: readonly number[],
  faults: readonly Fault[],
  body: () => Promise<void>,
): Promise<number> {
  const log = Deno.makeTempFileSync({ prefix: "epollet-faults-" });
  const calls = new Set(faults.map(({ call }) => call));
  if (calls.size !== faults.length) throw new Error("strace takes one fault for each call");
  const args = [
    ...tids.flatMap((tid) => ["-p", String(tid)]),
    "-e",
    `trace=${[...calls].join(",")}`,
    ...faults.flatMap(({ call, errno, when }) => ["-e", `inject=${call}:error=${errno}:when=${when}`]),
    "-o",
    log,
  ];
  const strace = new Deno.Command("strace", { args, stderr: "piped", stdout: "null" }).spawn();
  const output = await attached(strace.stderr, tids.length);
  try {
    if (!output.includes("attached")) {
      throw new Error(`strace did not attach for ${faults.map(describeFault).join(", ")}: ${output}`);
    }
    await body();
  } finally {
    try {
      strace.kill("SIGINT");
    } catch {
      // strace has ended together with the traced process
    }
    await strace.stderr.cancel();
    await endOf(strace, "strace");
  }
  const injected = Deno.readTextFileSync(log).match(/\(INJECTED\)/g)?.length ?? 0;
  Deno.removeSync(log);
  return injected;
}

/** Reads the output of strace until it has attached to so many threads. */
async function attached(stderr: ReadableStream<Uint8Array>, threads: number): Promise<string> {
  const reader = stderr.getReader();
  const decoder = new TextDecoder();
  let output = "";
  while ((output.match(/ attached/g)?.length ?? 0) < threads) {
    const { value, done } = await awaited(reader.read(), "strace to attach");
    if (done) break;
    output += decoder.decode(value);
  }
  reader.releaseLock();
  return output;
}
