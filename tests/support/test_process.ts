/**
 * One `deno test` process that is watched: its current file and test, and whether that takes too long.
 * @module
 */
import { PATIENCE_VARIABLE } from "./deadline.ts";
import { DENO } from "./deno.ts";
import { OWN_MOUNTS } from "./own_mounts.ts";
import { endTree } from "./process.ts";
import { sleep } from "./sleep.ts";
import { TestProgress } from "./test_progress.ts";

/** How long to wait for the rest of the output after the tests have ended. */
const OUTPUT_PATIENCE_MS = 5000;

/** The lock file, which has the packages that only tests use, too. */
export const LOCK: string = new URL("../deno.lock", import.meta.url).pathname;

/** The tests of some files, which run one after the other in a separate process. */
export class TestProcess {
  readonly progress = new TestProgress();
  readonly #files: readonly string[];
  /** The file into which a test writes the seconds that it needs (`patient`). */
  readonly #patienceFile: string;
  readonly #child: Deno.ChildProcess;
  #changes = 0;
  #sinceMs = performance.now();
  /** The seconds that the current test has asked for, or 0. */
  #patience = 0;

  constructor(files: readonly string[], flags: readonly string[]) {
    this.#files = files;
    this.#patienceFile = Deno.makeTempFileSync({ prefix: "epollet-test-" });
    const [program, ...words] = [...OWN_MOUNTS, ...DENO] as [string, ...string[]];
    this.#child = new Deno.Command(program, {
      args: [...words, "test", "--no-prompt", "-A", `--lock=${LOCK}`, ...flags, ...files],
      env: { [PATIENCE_VARIABLE]: this.#patienceFile },
      stdin: "null",
      stdout: "piped",
    }).spawn();
  }

  /** Runs the tests and passes on their output. Returns the exit status. */
  async run(print: (text: string) => void): Promise<number> {
    const printed = this.#copy(print);
    const { code } = await this.#child.status;
    // Processes that a test left behind may have the output open, too.
    await Promise.race([printed, sleep(OUTPUT_PATIENCE_MS)]);
    this.#forget();
    return code;
  }

  /** Returns what has exceeded its deadline, or null. The deadline is `seconds` unless the test has set its own. */
  overdue(seconds: number): string | null {
    const { changes, file, test } = this.progress;
    const nowMs = performance.now();
    if (changes !== this.#changes) {
      this.#changes = changes;
      this.#sinceMs = nowMs;
      this.#patience = 0;
    }
    // Kept until its end is read: the test empties the file a moment before.
    if (test !== null) this.#patience = Number(Deno.readTextFileSync(this.#patienceFile)) || this.#patience;
    const deadlineSeconds = this.#patience || seconds;
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
      // it has ended meanwhile
    }
  }
}
