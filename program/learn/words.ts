/**
 * The form of the lesson's texts, which exist in two languages.
 * @module
 */
import type { Place } from "./steps.ts";

/** The text of a step. */
export interface StepText {
  readonly title: string;
  /** What the server does, in a few sentences. */
  readonly about: string;
  /** What there is to see, in the terminal and on the live page. */
  readonly look: readonly string[];
}

/** Everything that the lesson says in one language. */
export interface Words {
  /** In the order of `STEPS`. */
  readonly steps: readonly StepText[];
  /** The heading of a step. */
  heading(number: number, count: number, title: string): string;
  readonly tryThis: string;
  readonly lookFor: string;
  /** Where the live page is, and how to start such a server without the lesson; null where it cannot be started. */
  places(place: Place, command: string | null): string[];
  /** The keys. */
  keys(count: number): string;
  /** What a second without requests has cost. */
  quiet(systemCalls: number, cpuShare: number): string;
  /** The heading of a connection's story. */
  connection(number: number, fd: number, isContinued: boolean): string;
  /** What is said of connections that are not shown, by their state. */
  more(count: number, states: string): string;
  /** Said where a step has to do without its poller: the program has none, or the kernel refuses it for `reason`. */
  noPoller(poller: string, reason: string | null, instead: string): string;
  /** The answer to a line that is no key. */
  unknown(line: string, count: number): string;
  readonly end: string;
}

/** Characters that take two columns of a terminal: those of Chinese, with their punctuation. */
const WIDE = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60]/;

/** Breaks `text` into lines of at most `columns` columns: at spaces, and between Chinese characters. */
export function wrapped(text: string, columns: number): string[] {
  const pieces = text.match(
    /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60][，。；：、）」？！]*| +|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60]+/g,
  ) ??
    [];
  const lines = [""];
  let width = 0;
  for (const piece of pieces) {
    const added = Array.from(piece).reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0);
    if (width + (piece.trim() === "" ? 0 : added) > columns && width > 0) {
      lines[lines.length - 1] = lines.at(-1)!.trimEnd();
      lines.push("");
      width = 0;
    }
    if (width === 0 && piece.trim() === "") continue;
    lines[lines.length - 1] += piece;
    width += added;
  }
  return lines;
}
