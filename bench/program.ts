/**
 * The program under measurement, as the only server.
 * @module
 */
const MAIN = new URL("../main.ts", import.meta.url).pathname;

/** A running program; `await using` ends it. */
export class Program implements AsyncDisposable {
  readonly pid: number;
  /** Where the program serves, without a slash at the end. */
  readonly url: string;
  readonly #process: Deno.ChildProcess;

  private constructor(process: Deno.ChildProcess, url: string) {
    this.#process = process;
    this.pid = process.pid;
    this.url = url;
  }

  /**
   * Serves `root` on a port that the kernel chooses. `before` is put in front of the command, such as `taskset` with
   * its arguments.
   */
  static async start(
    root: string,
    flags: readonly string[],
    before: readonly string[] = [],
  ): Promise<Program> {
    const [command, ...args] = [
      ...before,
      ...[Deno.execPath(), "run", "--no-prompt", "--allow-ffi", MAIN, "0", root, "--no-config", ...flags],
    ] as [string, ...string[]];
    const process = new Deno.Command(command, { args, stdout: "piped" }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let greeting = "";
    for (;;) {
      const [, port] = /:(\d+)\/\n/.exec(greeting) ?? [];
      if (port !== undefined) {
        await reader.cancel();
        return new Program(process, `http://127.0.0.1:${port}`);
      }
      const { value, done } = await reader.read();
      if (done) throw new Error(`the program did not start: ${greeting}`);
      greeting += value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
  }
}

/** Returns the median. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
