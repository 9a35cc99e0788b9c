/**
 * One `deno test` under watch: where it is, and whether what happens now has taken too long.
 * @module
 */
import { PATIENCE_VARIABLE } from "./deadline.ts";
import { DENO } from "./deno.ts";
import { endTree } from "./process.ts";
import { sleep } from "./sleep.ts";
import { TestProgress } from "./test_progress.ts";

/** How long the rest of the output is waited for, once the tests have ended. */
const OUTPUT_PATIENCE_MS = 5000;

/** Names also the packages that only tests use. */
export const LOCK: string = new URL("../deno.lock", import.meta.url).pathname;

/** Tests of some files, which run one after the other in a process of their own. */
export class TestProcess {
  readonly progress = new TestProgress();
  readonly #files: readonly string[];
  /** A test writes the seconds into it that it needs (`patient`). */
  readonly #patienceFile: string;
  readonly #child: Deno.ChildProcess;
  #changes = 0;
  #sinceMs = performance.now();

  constructor(files: readonly string[], flags: readonly string[]) {
    this.#files = files;
    this.#patienceFile = Deno.makeTempFileSync({ prefix: "epollet-test-" });
    const [program, ...words] = DENO;
    this.#child = new Deno.Command(program, {
      args: [...words, "test", "--no-prompt", "-A", `--lock=${LOCK}`, ...flags, ...files],
      env: { [PATIENCE_VARIABLE]: this.#patienceFile },
      stdin: "null",
      stdout: "piped",
    }).spawn();
  }

  /** Passes on what the tests print. Returns the exit status. */
  async run(print: (text: string) => void): Promise<number> {
    const printed = this.#copy(print);
    const { code } = await this.#child.status;
    // What a test has left behind may have it open, too.
    await Promise.race([printed, sleep(OUTPUT_PATIENCE_MS)]);
    this.#forget();
    return code;
  }

  /** Returns what has taken longer than its deadline, or null. A test that has not said its own gets `seconds`. */
  overdue(seconds: number): string | null {
    const { changes, file, test } = this.progress;
    const nowMs = performance.now();
    if (changes !== this.#changes) {
      this.#changes = changes;
      this.#sinceMs = nowMs;
    }
    const own = test === null ? 0 : Number(Deno.readTextFileSync(this.#patienceFile));
    const deadlineSeconds = own > 0 ? own : seconds;
    if (nowMs - this.#sinceMs < deadlineSeconds * 1000) return null;
    const after = file === null ? `the start of ${this.#files[0]}` : `what comes after a test of ${file}`;
    const what = test === null ? after : `"${test}" (${file})`;
    return `${what} is over its deadline of ${deadlineSeconds} s; it and what it started are ended`;
  }

  /** Ends the process and all that it has started. */
  end(): void {
    endTree(this.#child.pid);
    this.#forget();
  }

  async #copy(print: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) print(decoder.decode(bytes, { stream: true }));
  }

  #forget(): void {
    try {
      Deno.removeSync(this.#patienceFile);
    } catch {
      // it was ended meanwhile
    }
  }
}
