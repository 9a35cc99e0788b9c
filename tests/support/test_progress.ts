/**
 * Where a run of tests is, by what `deno test` prints: a test's name before it runs, and what became of it afterwards.
 * @module
 */
import { stripVTControlCharacters } from "node:util";

const FILE = /^running \d+ tests? from (.+)$/;
/** At the beginning of a line: steps of a test are indented. What takes long is said behind it. */
const BEGUN = /^(\S.*?) \.\.\.(?:\s*$|'.* has been running for over )/;
const ENDED = /^\S.* \.\.\. (?:ok|FAILED|ignored|cancelled)\b.*$/;
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
  #line = "";
  /** What tests print may look like anything. */
  #isOutput = false;

  take(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    for (const line of lines) this.#look(stripVTControlCharacters(line));
    this.#look(stripVTControlCharacters(this.#line)); // the name of a test stands there before the line ends
  }

  #look(line: string): void {
    if (this.#isOutput) {
      this.#isOutput = !OUTPUT_ENDS.test(line);
    } else if (OUTPUT_BEGINS.test(line)) {
      this.#isOutput = true;
    } else if (FILE.test(line)) {
      this.#set(FILE.exec(line)![1], null);
    } else if (ENDED.test(line)) {
      this.#set(this.file, null);
    } else if (BEGUN.test(line)) {
      this.#set(this.file, BEGUN.exec(line)![1]);
    }
  }

  #set(file: string | null, test: string | null): void {
    if (file === this.file && test === this.test) return; // a line that was seen before it was whole
    this.file = file;
    this.test = test;
    this.changes++;
  }
}
