/**
 * A request whose head came before, byte for byte, and what its users remember of it for the next time.
 * @module
 */
import { HttpRequest } from "./request.ts";

const NO_WORDS = new Int32Array(0);

/**
 * Stands for every request with one head. It belongs to the server that has read the head, and so do `logged` and
 * `client`. What a handler remembers belongs to that handler: two handlers may be asked by turns, by something that
 * is not in the head, and none of them gets what the other one knows.
 */
export class KnownRequest extends HttpRequest {
  /** The head, where that is long, for comparing (see `head_cache.ts`). */
  words: Int32Array = NO_WORDS;
  /** What it counts as in the memory of the cache, in bytes. */
  cost = 0;
  /** What the access log of the server shows of this head; null until it was asked. */
  logged: unknown = null;
  /** The client that a trusted proxy names in this head; null: it names none; undefined: not asked yet. */
  client: string | null | undefined = undefined;
  #owner: object | null = null;
  #answer: unknown = null;

  /** What `owner` remembered last; null when it remembered nothing, or another one did since. */
  recall(owner: object): unknown {
    return this.#owner === owner ? this.#answer : null;
  }

  /** Keeps `answer` for `owner`, in place of what was remembered before. */
  remember(owner: object, answer: unknown): void {
    this.#owner = owner;
    this.#answer = answer;
  }
}
