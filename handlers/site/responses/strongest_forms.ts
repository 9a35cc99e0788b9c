/**
 * Compresses once more, at the strongest level, what was compressed quickly for its first client: in the background, while
 * the process has little to do, and within a budget of processor time.
 * @module
 */
import { cpuSeconds } from "../../../ffi/process/usage.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import type { FileContent } from "../cache/file_content.ts";
import {
  STRONGEST_BYTES_MAX,
  STRONGEST_CPU_MS_MAX,
  STRONGEST_CPU_SHARE,
  STRONGEST_IDLE_SHARE,
  STRONGEST_LOOK_MS,
  STRONGEST_WAITING_MAX,
} from "../limits.ts";
import { CompressionThread } from "./compression_thread.ts";

/** The level: the strongest one of brotli, and of the others what corresponds to it. */
export const STRONGEST_LEVEL = 11;

/** A form that was made quickly. */
export interface QuickForm {
  readonly original: FileContent;
  readonly coding: Coding;
  readonly form: FileContent;
  /** Replaces the form by one with these bytes, which is smaller. */
  readonly replace: (bytes: Uint8Array<ArrayBuffer>) => void;
}

/** What compresses, and what decides when there is time: replaced in tests. */
export interface Surroundings {
  /** Milliseconds since any instant. */
  readonly nowMs: () => number;
  /** The processor time of the process, in milliseconds. */
  readonly cpuMs: () => number;
  readonly thread: Pick<CompressionThread, "compress" | "end">;
}

/** The forms of all sites of a process that wait for a stronger compression. */
export class StrongestForms {
  readonly #surroundings: Surroundings;
  readonly #waiting: { readonly owner: object; readonly quick: QuickForm }[] = [];
  #compressing: object | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The processor time that may still be taken; negative when the last compression took more. */
  #budgetMs = STRONGEST_CPU_MS_MAX;
  #looked = { nowMs: 0, cpuMs: 0 };

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Has `quick` compressed again when there is time, unless it is too large, or too many wait. */
  add(owner: object, quick: QuickForm): void {
    if (quick.original.size > STRONGEST_BYTES_MAX || this.#waiting.length === STRONGEST_WAITING_MAX) return;
    this.#waiting.push({ owner, quick });
    if (this.#timer !== undefined || this.#compressing !== null) return;
    this.#look();
    this.#lookLater();
  }

  /** Forgets the forms of `owner`, also one that is being compressed. */
  leave(owner: object): void {
    const others = this.#waiting.filter((waiting) => waiting.owner !== owner);
    this.#waiting.splice(0, Infinity, ...others);
    if (this.#compressing === owner || (this.#waiting.length === 0 && this.#compressing === null)) {
      this.#surroundings.thread.end();
    }
    if (this.#waiting.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookLater(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const isIdle = this.#look();
      if (!isIdle || this.#budgetMs <= 0 || !this.#next()) this.#continue();
    }, STRONGEST_LOOK_MS);
    Deno.unrefTimer(this.#timer);
  }

  #continue(): void {
    if (this.#waiting.length > 0 && this.#timer === undefined) this.#lookLater();
  }

  /** Returns true if the process had little to do since the last look. */
  #look(): boolean {
    const { nowMs, cpuMs } = this.#looked;
    const now = this.#looked = { nowMs: this.#surroundings.nowMs(), cpuMs: this.#surroundings.cpuMs() };
    const passedMs = now.nowMs - nowMs;
    this.#budgetMs = Math.min(this.#budgetMs + passedMs * STRONGEST_CPU_SHARE, STRONGEST_CPU_MS_MAX);
    return now.cpuMs - cpuMs <= passedMs * STRONGEST_IDLE_SHARE;
  }

  /** Begins with the next form that is still in use. False without one. */
  #next(): boolean {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!isInUse(next.quick)) continue;
      this.#compress(next.owner, next.quick);
      return true;
    }
    return false;
  }

  async #compress(owner: object, quick: QuickForm): Promise<void> {
    this.#compressing = owner;
    const { original, coding } = quick;
    const { bytes, cpuMs } = await this.#surroundings.thread.compress(
      original.bytes,
      coding,
      STRONGEST_LEVEL,
    );
    this.#compressing = null;
    this.#budgetMs -= cpuMs;
    this.#look(); // the time that was just taken says nothing of what the process has to do
    if (isInUse(quick)) { // the file may have changed meanwhile
      quick.form.isFinal = true;
      if (bytes !== null && bytes.length < quick.form.size) quick.replace(bytes);
    }
    this.#continue();
  }
}

function isInUse({ original, coding, form }: QuickForm): boolean {
  return !original.hasLeft && !form.hasLeft && original.made.get(coding) === form;
}

/** Those of this process. */
export const strongestForms: StrongestForms = new StrongestForms({
  nowMs: () => performance.now(),
  cpuMs: () => cpuSeconds() * 1000,
  thread: new CompressionThread(true),
});
