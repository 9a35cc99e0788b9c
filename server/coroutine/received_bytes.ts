/**
 * The bytes that a client has sent, until its coroutine reads them.
 * @module
 */
import { Backlog } from "../connection/pending_bytes.ts";
import type { Waiting, Waits } from "./waits.ts";

type Chunk = Uint8Array<ArrayBuffer>;

/** The received bytes of one connection, with at most one reader. */
export class ReceivedBytes {
  readonly #waits: Waits;
  readonly #held = new Backlog();
  #reader: Waiting<Chunk | null> | null = null;
  /** True once the client has closed its writing half. */
  #isEnded = false;

  constructor(waits: Waits) {
    this.#waits = waits;
  }

  /** The number of bytes that were not read. */
  get length(): number {
    return this.#held.length;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** True while a reader waits. */
  get isAwaited(): boolean {
    return this.#reader !== null;
  }

  /** Removes and returns all bytes. */
  take(): Chunk {
    return this.#held.take();
  }

  /** Resolves to the next bytes; null at the client's end. */
  next(): Promise<Chunk | null> {
    return this.#waits.wait((waiting) => this.#reader = waiting);
  }

  /** Gives a copy of `bytes` to the reader, or holds it. */
  add(bytes: Uint8Array): void {
    if (this.#reader !== null) this.#wake(new Uint8Array(bytes));
    else this.#held.add(bytes);
  }

  /** Marks the end. */
  end(): void {
    this.#isEnded = true;
    if (this.#reader !== null) this.#wake(null);
  }

  /** Fails the reader, if one waits. */
  cancel(error: Error): void {
    const reader = this.#reader;
    this.#reader = null;
    if (reader !== null) this.#waits.wake(() => reader.reject(error));
  }

  #wake(bytes: Chunk | null): void {
    const reader = this.#reader!;
    this.#reader = null;
    this.#waits.wake(() => reader.resolve(bytes));
  }
}
