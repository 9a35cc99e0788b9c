/**
 * Lines that several have to say of one thing: all workers, and the sites before and after a reload. It is said once.
 * @module
 */
import { LINES_REMEMBERED_MAX } from "../../server/limits.ts";
import { warn } from "./output.ts";

/** Prints a line once, however many workers or sites report it. */
export class SharedLines {
  readonly #print: (line: string) => void;
  /** Who has said each; those that were said last at the end. */
  readonly #speakers = new Map<string, WeakSet<object>>();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** What another one has said already is no news. What `speaker` says once more has happened once more. */
  say(speaker: object, line: string): void {
    const speakers = this.#speakers.get(line);
    if (speakers !== undefined && !speakers.has(speaker)) return void speakers.add(speaker);
    this.#speakers.delete(line);
    this.#speakers.set(line, new WeakSet([speaker]));
    for (const oldest of this.#speakers.keys()) {
      if (this.#speakers.size <= LINES_REMEMBERED_MAX) break;
      this.#speakers.delete(oldest);
    }
    this.#print(line);
  }

  /** What one more says with. */
  newSpeaker(): (line: string) => void {
    const speaker = {};
    return (line) => this.say(speaker, line);
  }
}

/** Those of this process, and of its workers. */
export const sharedLines: SharedLines = new SharedLines(warn);
