/**
 * Follows a test run in the output of `deno test`, which has the name of a test before it runs, and the result
 * afterwards.
 * @module
 */
import { stripVTControlCharacters } from "node:util";

const FILE = /^running \d+ tests? from (.+)$/;
/**
 * The start of a test, at the beginning of a line; steps of a test are indented. A message about a slow test may
 * follow.
 */
const BEGUN = /^(\S.*?) \.\.\.(?:\s*$|'.* has been running for over )/;
const ENDED = /^(\S.*) \.\.\. (ok|FAILED|ignored|cancelled)\b.*$/;
const RESULT = /^(?:ok|FAILED) \| \d+ passed\b.*$/;
const COUNT = /(\d+) (passed|failed|ignored|filtered out)\b/g;
const OUTPUT_BEGINS = /^-+ (?:pre-test |post-test )?output -+$/;
const OUTPUT_ENDS = /-+ (?:pre-test |post-test )?output end -+$/;

/** Reads the output as it comes, however it is cut. */
export class TestProgress {
  /** The file whose tests run, or null before the first. */
  file: string | null = null;
  /** The test that runs, or null between two. */
  test: string | null = null;
  /** Increased whenever a test begins or ends, and by each file. */
  changes = 0;
  /** The failed tests: name and file. */
  readonly failures: string[] = [];
  /** The counts in the last line: "passed", "failed", "ignored", "filtered out". Empty until then. */
  readonly counts: Map<string, number> = new Map();
  /** The text of the file whose tests run. */
  #text = "";
  #line = "";
  /** True while a test prints. Its output may look like anything. */
  #isOutput = false;

  /** Returns the text of files whose tests have ended: complete lines, file by file. */
  take(text: string): string {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    let ended = "";
    for (const line of lines) {
      const { file } = this;
      this.#look(stripVTControlCharacters(line), true);
      if (this.file !== file) {
        ended += this.#text;
        this.#text = "";
      }
      this.#text += line + "\n";
    }
    this.#look(stripVTControlCharacters(this.#line), false); // the name of a test is there before the line ends
    return ended;
  }

  /** Returns the text that `take` has not returned yet. */
  rest(): string {
    const rest = this.#text + this.#line;
    this.#text = this.#line = "";
    return rest;
  }

  #look(line: string, isWhole: boolean): void {
    if (this.#isOutput) {
      this.#isOutput = !OUTPUT_ENDS.test(line);
    } else if (OUTPUT_BEGINS.test(line)) {
      this.#isOutput = true;
    } else if (FILE.test(line)) {
      if (isWhole) this.#set(FILE.exec(line)![1]!, null);
    } else if (ENDED.test(line)) {
      this.#set(this.file, null);
      const [, test, how] = ENDED.exec(line)!;
      if (isWhole && how === "FAILED") this.failures.push(`${test} (${this.file})`);
    } else if (BEGUN.test(line)) {
      this.#set(this.file, BEGUN.exec(line)![1]!);
    } else if (isWhole && RESULT.test(line)) {
      for (const [, count, what] of line.matchAll(COUNT)) this.counts.set(what!, Number(count));
    }
  }

  #set(file: string | null, test: string | null): void {
    if (file === this.file && test === this.test) return; // a line that was already seen in part
    this.file = file;
    this.test = test;
    this.changes++;
  }
}
