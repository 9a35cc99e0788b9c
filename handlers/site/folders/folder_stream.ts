/**
 * An archive as the source of a stream that makes no more than its client takes.
 *
 * All archives share one thread with all other requests: they are worked on in turn, each for a few milliseconds, and
 * between two of these the loop runs.
 * @module
 */
import { FOLDER_CHUNK_BYTES, FOLDER_PAUSE_MS, FOLDER_SLICE_MS } from "../limits.ts";
import type { Step } from "./folder_writer.ts";

/** Resolved when no other archive is worked on, in a round of Deno's loop of its own. */
let free: Promise<void> = Promise.resolve();
/** The archive that was worked on last; null for none. */
let last: FolderStream | null = null;

/** Waits for the turn of one archive. */
function turn(): Promise<void> {
  return free = free.then(() => pause(0));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs the steps of an archive while a client reads. */
export class FolderStream implements UnderlyingDefaultSource<Uint8Array> {
  readonly #steps: Generator<Step>;
  readonly #onEnd: () => void;
  /** The memory of all chunks: the reader of the stream copies a chunk before it asks for the next. */
  #chunk: Uint8Array<ArrayBuffer> | null = null;
  #filled = 0;
  /** Bytes of the last step that did not fit into the chunk. */
  #left: Uint8Array | null = null;
  #isOver = false;

  /** `onEnd` is called once, after the last step. */
  constructor(steps: Generator<Step>, onEnd: () => void) {
    this.#steps = steps;
    this.#onEnd = onEnd;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      // The loop runs before each call of this function, so an archive that is alone need not wait for it.
      for (let isFirst = true;; isFirst = false) {
        if (last !== this || !isFirst) await turn();
        last = this;
        if (this.#isOver) return; // the client left meanwhile
        const chunk = this.#chunk ??= new Uint8Array(FOLDER_CHUNK_BYTES);
        const state = this.#fill(chunk);
        if (this.#filled > 0) controller.enqueue(chunk.subarray(0, this.#filled));
        if (state === "done") {
          this.cancel();
          return controller.close();
        }
        if (this.#filled > 0) return;
        if (state === "wait") await pause(FOLDER_PAUSE_MS);
      }
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  /** Works for one slice, or until `chunk` is full. */
  #fill(chunk: Uint8Array): "more" | "wait" | "done" {
    const endMs = performance.now() + FOLDER_SLICE_MS;
    this.#filled = 0;
    do {
      if (this.#left === null) {
        const step = this.#steps.next();
        if (step.done === true) return "done";
        if (step.value === "wait") return "wait";
        this.#left = step.value;
      }
      if (this.#left === null) continue;
      const part = this.#left.subarray(0, chunk.length - this.#filled);
      chunk.set(part, this.#filled);
      this.#filled += part.length;
      this.#left = part.length < this.#left.length ? this.#left.subarray(part.length) : null;
    } while (this.#filled < chunk.length && performance.now() < endMs);
    return "more";
  }

  /** Ends the work. May be called more than once. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (last === this) last = null;
    this.#steps.return(undefined);
    this.#chunk = null;
    this.#onEnd();
  }
}
