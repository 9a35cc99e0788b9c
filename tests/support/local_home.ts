/**
 * A home directory of its own for a program, with what Deno needs from the real one.
 * @module
 */
import { type Finished, Program, programCommand, runProgram } from "./program.ts";
import { REPOSITORY } from "./site.ts";

const CACHE = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;

/** A home directory, in which the authority of `--https` is made; `using` removes it. */
export class LocalHome implements Disposable {
  readonly path: string;

  constructor() {
    this.path = Deno.makeTempDirSync({ prefix: "epollet-home-" });
  }

  /** The directory of the authority. */
  get authority(): string {
    return `${this.path}/.local/share/epollet`;
  }

  /** The certificate of the authority. */
  get root(): string {
    return `${this.authority}/root.pem`;
  }

  /** The environment of programs; `more` overrules it. */
  environment(more: Record<string, string> = {}): Record<string, string> {
    return { HOME: this.path, XDG_DATA_HOME: "", DENO_DIR: CACHE, LC_ALL: "C.UTF-8", ...more };
  }

  /** Starts the program with this home on a port that the kernel chooses. */
  start(
    root: string,
    args: readonly string[] = ["--https"],
    more?: Record<string, string>,
  ): Promise<Program> {
    const command = programCommand(["--port", "0", "--root", root, "--no-config", ...args]);
    return Program.startCommand(command, REPOSITORY, this.environment(more));
  }

  /** Runs the program with this home to its end. */
  run(args: readonly string[], more?: Record<string, string>): Promise<Finished> {
    return runProgram(args, REPOSITORY, this.environment(more));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** The lines of the greeting that tell of an authority that was made. */
export const MADE = /A local authority was made in /;
