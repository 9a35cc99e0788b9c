/**
 * Where a run of tests is, by what `deno test` prints: a test's name before it runs, and what became of it afterwards.
 * @module
 */
import { stripVTControlCharacters } from "node:util";

const FILE = /^running \d+ tests? from (.+)$/;
/** At the beginning of a line: steps of a test are indented. What takes long is said behind it. */
const BEGUN = /^(\S.*?) \.\.\.(?:\s*$|'.* has been running for over )/;
const ENDED = /^(\S.*) \.\.\. (ok|FAILED|ignored|cancelled)\b.*$/;
const RESULT = /^(?:ok|FAILED) \| \d+ passed\b.*$/;
const COUNT = /(\d+) (passed|failed|ignored|filtered out)\b/g;
const OUTPUT_BEGINS = /^-+ (?:pre-test |post-test )?output -+$/;
const OUTPUT_ENDS = /-+ (?:pre-test |post-test )?output end -+$/;

/** Takes the output as it comes, however it is cut. */
export class TestProgress {
  /** The file whose tests run, or null before the first. */
  file: string | null = null;
  /** The test that runs, or null between two. */
  test: string | null = null;
  /** Raised by each test that begins or ends, and by each file. */
  changes = 0;
  /** Tests that failed: name and file. */
  readonly failures: string[] = [];
  /** What the last line counts: "passed", "failed", "ignored", "filtered out". Empty until then. */
  readonly counts: Map<string, number> = new Map();
  /** Text of the file whose tests run. */
  #text = "";
  #line = "";
  /** What tests print may look like anything. */
  #isOutput = false;

  /** Returns the text of files whose tests have ended: whole lines, file by file. */
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
    this.#look(stripVTControlCharacters(this.#line), false); // the name of a test stands there before the line ends
    return ended;
  }

  /** Returns what `take` has not yet returned. */
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
    if (file === this.file && test === this.test) return; // a line that was seen before it was whole
    this.file = file;
    this.test = test;
    this.changes++;
  }
}
