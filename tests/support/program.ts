/**
 * The program under test, started as a user starts it: with `--allow-ffi` and no other permission.
 * @module
 */
import { assert } from "@std/assert";
import { hasOpenat2, openDirectory } from "../../ffi/file/file.ts";
import { close } from "../../ffi/socket/socket.ts";
import { NO_OPENAT2_WARNING } from "../../handlers/site/settings/site_options.ts";
import { DENO, IS_EMULATED } from "./deno.ts";
import { REPOSITORY, Site } from "./site.ts";
import { awaited, endOf, eventually, outputOf } from "./waiting.ts";

export { DENO, IS_EMULATED, REPOSITORY, Site };

/** False without openat2(2) (old kernels, some emulators): then the server follows no symbolic links in the site. */
export const FOLLOWS_LINKS: boolean = (() => {
  const root = openDirectory(REPOSITORY);
  const follows = hasOpenat2(root);
  close(root);
  return follows;
})();

/** Removes the warning that links are not followed, if the program has to print it. */
function withoutWarning(stderr: string): string {
  return FOLLOWS_LINKS ? stderr : stderr.replace(`epollet: ${NO_OPENAT2_WARNING}\n`, "");
}

/** Returns the command line of the program. */
export function programCommand(args: readonly string[]): [string, ...string[]] {
  return [...DENO, "run", "--no-prompt", "--allow-ffi", `${REPOSITORY}main.ts`, ...args];
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program to its end. `env` is added to the tests' own environment. */
export async function runProgram(
  args: readonly string[],
  cwd: string = REPOSITORY,
  env: Record<string, string> = {},
): Promise<Finished> {
  const [program, ...rest] = programCommand(args);
  const process = new Deno.Command(program, { args: rest, cwd, env, stdout: "piped", stderr: "piped" })
    .spawn();
  const output = await outputOf(process, `epollet ${args.join(" ")}`);
  const decoder = new TextDecoder();
  const stderr = withoutWarning(decoder.decode(output.stderr));
  return { code: output.code, stdout: decoder.decode(output.stdout), stderr };
}

/** The line with the address on which the program listens: on a pipe, or at a terminal. */
const ADDRESS_LINE = / (?:at|on) \S+:(?<pipe>\d+)\/?\n|\bLocal\b.*?:(?<terminal>\d+)\/[^\n]*\n/;

/** How long to wait for the end of the output, after the program has ended. */
const STREAMS_PATIENCE_MS = 10_000;

/** A running program; `await using` ends it. */
export class Program {
  readonly #process: Deno.ChildProcess;
  /** The port on which the program listens. */
  readonly port: number;
  /** Standard output up to and including the line with the address. */
  readonly greeting: string;
  /** Standard output so far. */
  #stdout: string;
  /** Standard error so far. */
  #errorOutput = "";
  readonly #stderr: Promise<void>;
  /** Settles at the end of standard output. */
  #reading: Promise<void> = Promise.resolve();
  #ended = false;

  private constructor(process: Deno.ChildProcess, port: number, greeting: string, stdout: string) {
    this.#process = process;
    this.port = port;
    this.greeting = greeting;
    this.#stdout = stdout;
    this.#stderr = (async () => {
      for await (const part of process.stderr.pipeThrough(new TextDecoderStream())) this.#errorOutput += part;
    })();
  }

  /**
   * Starts the program on a port that the kernel chooses, and waits for its greeting. `args` are flags besides the
   * port.
   */
  static async start(root: string, args: readonly string[] = []): Promise<Program> {
    return await Program.startCommand(programCommand(["--port", "0", "--root", root, ...args]));
  }

  /** Starts the program with `args` only. */
  static async startArguments(args: readonly string[]): Promise<Program> {
    return await Program.startCommand(programCommand(args));
  }

  /** Starts `command`. `cwd` is its directory; `locale` are the variables for the language of the terminal. */
  static async startCommand(
    command: readonly string[],
    cwd: string = REPOSITORY,
    locale: Record<string, string> = { LC_ALL: "C.UTF-8" },
  ): Promise<Program> {
    const [program, ...rest] = command as [string, ...string[]];
    const process = new Deno.Command(program, {
      args: rest,
      cwd,
      env: locale,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let stdout = "";
    while (!ADDRESS_LINE.test(stdout)) {
      const { value, done } = await awaited(reader.read(), "a program's address").catch((error) => {
        process.kill("SIGKILL");
        throw error;
      });
      if (done) throw new Error(`the program ended early: ${await new Response(process.stderr).text()}`);
      stdout += value;
    }
    const { index, 0: line, groups } = ADDRESS_LINE.exec(stdout)!;
    const port = groups!["pipe"] ?? groups!["terminal"];
    const greeting = stdout.slice(0, index + line.length);
    assert(Number(port) > 0, greeting);
    const running = new Program(process, Number(port), greeting, stdout);
    running.#reading = (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        running.#stdout += part.value;
      }
    })().catch(() => {});
    return running;
  }

  /** Starts the program with `args` at a terminal of its own. `env` is added to the tests' own environment. */
  static async startAtTerminal(args: readonly string[], env: Record<string, string> = {}): Promise<Program> {
    const line = programCommand(args).map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const command = ["script", "-qefc", `exec ${line}`, "/dev/null"];
    return await Program.startCommand(command, REPOSITORY, { LC_ALL: "C.UTF-8", TERM: "xterm", ...env });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Standard output so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Waits until standard output matches `pattern`. */
  async printed(pattern: RegExp): Promise<void> {
    await eventually(
      () => pattern.test(this.#stdout),
      () => `standard output has no ${pattern}:\n${this.#stdout}\nstandard error:\n${this.#errorOutput}`,
    );
  }

  /** Returns the port of `--admin`. */
  async adminPort(): Promise<number> {
    const pattern = /^Admin at http:\/\/127\.0\.0\.1:(\d+)\/$/m;
    await this.printed(pattern);
    return Number(pattern.exec(this.#stdout)![1]);
  }

  /** Waits until standard error matches `pattern`. */
  async warned(pattern: RegExp): Promise<void> {
    await eventually(
      () => pattern.test(this.#errorOutput),
      () => `standard error has no ${pattern}:\n${this.#errorOutput}`,
    );
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /**
   * Waits for the end of the process, and returns its exit status. Other processes may still have its standard error
   * open.
   */
  async exit(): Promise<number> {
    const { code } = await endOf(this.#process, "the program");
    this.#ended = true;
    return code;
  }

  /** Waits for the end of the process and of its output. */
  async finish(): Promise<{ code: number; signal: Deno.Signal | null; stderr: string }> {
    const { code, signal } = await endOf(this.#process, "the program");
    this.#ended = true;
    await awaited(Promise.all([this.#stderr, this.#reading]), "the end of what a program prints");
    return { code, signal, stderr: withoutWarning(this.#errorOutput) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#ended) this.#process.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
    await this.#process.status;
    // Processes that a failed test left running may still have the outputs open.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, STREAMS_PATIENCE_MS));
    await Promise.race([Promise.all([this.#stderr, this.#reading]), patience]);
    clearTimeout(timer);
  }
}
