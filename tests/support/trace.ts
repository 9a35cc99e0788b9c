/**
 * The system calls of a program, as strace(1) shows them.
 * @module
 */
import { awaited, endOf } from "./waiting.ts";

/** Returns whether strace is installed, with a message when it is not. */
export function hasStrace(): boolean {
  const has = new Deno.Command("sh", { args: ["-c", "command -v strace"] }).outputSync().success;
  if (!has) console.log("skipped: strace is not installed, so that system calls cannot be counted");
  return has;
}

/**
 * Runs `body` and returns a line for each call of `calls` (as in `openat2,statx`) that process `pid` made meanwhile.
 * `flags` are strace's own, such as `-y`, which shows the paths of descriptors.
 */
export async function traced(
  pid: number,
  calls: string,
  body: () => Promise<void>,
  flags: readonly string[] = [],
): Promise<string[]> {
  const log = Deno.makeTempFileSync({ prefix: "epollet-trace-" });
  const trace = new Deno.Command("strace", {
    args: [...flags, "-f", "-e", `trace=${calls}`, "-o", log, "-p", String(pid)],
    stderr: "piped",
  }).spawn();
  const stderr = trace.stderr.getReader();
  await awaited(stderr.read(), "strace to attach");
  try {
    await body();
  } finally {
    trace.kill("SIGINT");
    await stderr.cancel();
    await endOf(trace, "strace");
  }
  const lines = wholeCalls(Deno.readTextFileSync(log).split("\n"));
  Deno.removeSync(log);
  return lines.filter((line) => line.includes("("));
}

/** Joins lines that strace splits when another thread makes a call in between. */
export function wholeCalls(lines: readonly string[]): string[] {
  const begun = new Map<string, string>();
  return lines.flatMap((line) => {
    const pid = line.split(" ", 1)[0]!;
    const [, beginning] = /^(.*?) *<unfinished \.\.\.>$/.exec(line) ?? [];
    if (beginning !== undefined) {
      begun.set(pid, beginning);
      return [];
    }
    const [, end] = /^\d+ +(?:\S+ )?<\.\.\. \w+ resumed>(.*)$/.exec(line) ?? [];
    return end === undefined ? [line] : [(begun.get(pid) ?? pid) + end];
  });
}

/** Returns a line for each pread64 of a file below `root`. Deno reads its own databases by that call, too. */
export async function tracedReads(pid: number, root: string, body: () => Promise<void>): Promise<string[]> {
  const lines = await traced(pid, "pread64", body, ["-y"]);
  return lines.filter((line) => line.includes(`<${Deno.realPathSync(root)}`));
}
