/**
 * Messages that several workers, or the sites before and after a reload, report about the same thing. Each is printed
 * once.
 * @module
 */
import { LINES_REMEMBERED_MAX } from "../../server/limits.ts";
import { warn } from "./output.ts";

/** Prints a line once, however many workers or sites report it. */
export class SharedLines {
  readonly #print: (line: string) => void;
  /** The reporters of each line, ordered by the time at which the line was last printed. */
  readonly #reporters = new Map<string, WeakSet<object>>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /**
   * Prints `line`, unless another reporter caused it to be printed. The same reporter again means that it happened
   * again.
   */
  say(reporter: object, line: string): void {
    const reporters = this.#reporters.get(line);
    if (reporters !== undefined && !reporters.has(reporter)) return void reporters.add(reporter);
    this.#reporters.delete(line);
    this.#reporters.set(line, new WeakSet([reporter]));
    for (const oldest of this.#reporters.keys()) {
      if (this.#reporters.size <= LINES_REMEMBERED_MAX) break;
      this.#reporters.delete(oldest);
    }
    this.#print(line);
  }

  /** Returns the `onWarning` function of a new reporter. */
  newReporter(): (line: string) => void {
    const reporter = {};
    return (line) => this.say(reporter, line);
  }
}

/** The lines of this process and of its workers. */
export const sharedLines: SharedLines = new SharedLines(warn);
