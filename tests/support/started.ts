/**
 * Programs that report in other words than this one that they are ready.
 * @module
 */
import { assert } from "@std/assert";
import { awaited, endOf, PATIENCE_MS } from "./waiting.ts";

/** A program that may listen on no port, and its output until it was ready. */
export class Started implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly greeting: string;
  readonly #rest: ReadableStreamDefaultReader<string>;

  private constructor(
    process: Deno.ChildProcess,
    greeting: string,
    rest: ReadableStreamDefaultReader<string>,
  ) {
    this.process = process;
    this.greeting = greeting;
    this.#rest = rest;
  }

  /** Starts a program, and waits until standard output matches `ready`. */
  static async command(command: readonly string[], ready: RegExp, cwd?: string): Promise<Started> {
    const [program, ...args] = command as [string, ...string[]];
    const options = { args, stdout: "piped", stderr: "inherit" } as const;
    const process = new Deno.Command(program, cwd === undefined ? options : { ...options, cwd }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let greeting = "";
    const timer = setTimeout(() => process.kill("SIGKILL"), PATIENCE_MS);
    while (!ready.test(greeting)) {
      const { value, done } = await reader.read();
      assert(!done, `it ended early: ${greeting}`);
      greeting += value;
    }
    clearTimeout(timer);
    return new Started(process, greeting, reader);
  }

  /** Sends SIGTERM, and returns the exit status and the rest of standard output. */
  async end(): Promise<{ code: number; rest: string }> {
    this.process.kill("SIGTERM");
    const { code } = await endOf(this.process, "a program after SIGTERM");
    let rest = "";
    const read = () => awaited(this.#rest.read(), "the end of what a program prints");
    for (let part = await read(); !part.done; part = await read()) rest += part.value;
    return { code, rest };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      return; // it has ended
    }
    await this.#rest.cancel();
    await this.process.status;
  }
}
