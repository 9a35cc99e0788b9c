/**
 * The processes of the servers that are compared: start, end, and output.
 * @module
 */

/** A server that can be measured on this machine. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly command: readonly string[];
  /** True for a server that answers each read with one prepared response: the least that any server can do. */
  readonly isFloor?: boolean;
  /** True for a server that sends from memory, and never notices that a file has changed. */
  readonly isFrozen?: boolean;
}

/** The descriptor limit of each process: 10,000 connections and some to spare. */
export const DESCRIPTORS = 20_000;

export function has(program: string): boolean {
  return new Deno.Command("which", { args: [program], stdout: "null", stderr: "null" }).outputSync().success;
}

/** Runs a program and returns its output, standard error included. */
export function run(program: string, args: readonly string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${program} failed: ${text}`);
  return text;
}

/** Returns the name of the error log of the server on `port`. */
export function logOf(port: number): string {
  return `${Deno.env.get("TMPDIR") ?? "/tmp"}/epollet-bench-${port}.log`;
}

/** Starts a server on the first processor. */
export function start(contestant: Contestant): Deno.ChildProcess {
  const command = contestant.command.map((word) => `'${word}'`).join(" ");
  return new Deno.Command("taskset", {
    args: ["-c", "0", "sh", "-c", `ulimit -n ${DESCRIPTORS}; exec ${command} 2>${logOf(contestant.port)}`],
    stdout: "null",
  }).spawn();
}

/** Ends a server, if necessary by SIGKILL. */
export async function stop(process: Deno.ChildProcess): Promise<void> {
  const timer = setTimeout(() => signal(process, "SIGKILL"), 3000);
  signal(process, "SIGTERM");
  await process.status;
  clearTimeout(timer);
}

function signal(process: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    process.kill(name);
  } catch {
    // the server has ended by itself
  }
}

/** Waits until the server accepts a connection. @throws {Error} after 10 seconds */
export async function waitFor(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`nothing listens on port ${port}:\n${Deno.readTextFileSync(logOf(port))}`);
}
