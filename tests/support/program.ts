/**
 * The program under test: started as a user starts it, with `--allow-ffi` and nothing else.
 * @module
 */
import { assert } from "@std/assert";

/** The repository's root, with a slash at its end. */
export const REPOSITORY: string = new URL("../../", import.meta.url).pathname;

/**
 * How to start Deno. EPOLLET_TEST_DENO overrides it, as words separated by spaces: under an emulator the running
 * executable cannot be started by its path alone.
 */
export const DENO: readonly string[] = (Deno.env.get("EPOLLET_TEST_DENO") ?? Deno.execPath()).split(" ");

/** The command line of the program. */
export function programCommand(args: readonly string[]): string[] {
  return [...DENO, "run", "--no-prompt", "--allow-ffi", `${REPOSITORY}main.ts`, ...args];
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. */
export async function runProgram(args: readonly string[], cwd: string = REPOSITORY): Promise<Finished> {
  const [program, ...rest] = programCommand(args);
  const output = await new Deno.Command(program, { args: rest, cwd, stdout: "piped", stderr: "piped" })
    .output();
  const decoder = new TextDecoder();
  return { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
}

/** A running program; `await using` ends it. */
export class Program {
  readonly #process: Deno.ChildProcess;
  /** Where it listens. */
  readonly port: number;
  /** Standard output up to and with the line of the URL. */
  readonly greeting: string;
  readonly #stderr: Promise<string>;
  #ended = false;

  private constructor(process: Deno.ChildProcess, port: number, greeting: string) {
    this.#process = process;
    this.port = port;
    this.greeting = greeting;
    this.#stderr = new Response(process.stderr).text();
  }

  /** Starts it on a port that the kernel chooses, and waits for its greeting. `args` are flags beyond the port. */
  static async start(root: string, args: readonly string[] = []): Promise<Program> {
    return await Program.startCommand(programCommand(["--port", "0", "--root", root, ...args]));
  }

  static async startCommand(command: readonly string[]): Promise<Program> {
    const [program, ...rest] = command;
    const process = new Deno.Command(program, { args: rest, stdout: "piped", stderr: "piped" }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let greeting = "";
    while (!/http:\/\/\S+\n/.test(greeting)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the program ended early: ${await new Response(process.stderr).text()}`);
      greeting += value;
    }
    (async () => { // what it prints later is of no interest, but must be read
      while (!(await reader.read()).done);
    })().catch(() => {});
    const port = Number(/port:(\d+)/.exec(greeting)?.[1]);
    assert(port > 0, greeting);
    return new Program(process, port, greeting);
  }

  get pid(): number {
    return this.#process.pid;
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Waits for its end: exit code and standard error. */
  async finish(): Promise<{ code: number; signal: Deno.Signal | null; stderr: string }> {
    const { code, signal } = await this.#process.status;
    this.#ended = true;
    return { code, signal, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#stderr;
  }
}

/** A new directory with the given files; removed by `using`. */
export class Site {
  readonly root: string = Deno.makeTempDirSync({ prefix: "epollet-test-" });

  constructor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  path(name: string): string {
    return `${this.root}/${name}`;
  }

  write(name: string, content: string | Uint8Array): void {
    const path = this.path(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.root, { recursive: true });
  }
}
