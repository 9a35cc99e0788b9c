/**
 * Requests that were parsed before, found by their bytes.
 *
 * Clients repeat themselves: the head of a request is most often, byte for byte, one that came a moment ago. To
 * compare it with a known one, a word at a time, costs a fifth of parsing it; and a handler may remember its
 * answer beside the parsed request, see {@linkcode HttpRequest.memo}.
 *
 * A head is kept when it comes for the second time, so that those that never come again cost nothing but a hash.
 * The hash only finds: every byte is compared, so that nobody can be given the answer to another's request.
 * @module
 */
import { CACHED_HEAD_BYTES_MAX, CACHED_HEADS_MAX } from "../limits.ts";
import { HttpRequest } from "./request.ts";

/** Heads whose hashes agree in their low bits share a set; of more than so many the one kept longest leaves. */
const WAYS = 4;
const SETS = CACHED_HEADS_MAX / WAYS;

/** One head: its request, and its bytes as words; the last word overlaps the one before it. */
interface KnownHead {
  readonly request: HttpRequest;
  readonly length: number;
  readonly words: Int32Array;
}

/** See the module's comment. Of a fixed size: {@linkcode CACHED_HEADS_MAX} heads. */
export class HeadCache {
  readonly #hashes = new Int32Array(CACHED_HEADS_MAX);
  readonly #heads: (KnownHead | null)[] = new Array(CACHED_HEADS_MAX).fill(null);
  /** The hash that was last seen in a set without being known. */
  readonly #seen = new Int32Array(SETS);
  /** Where the next head of a set goes. */
  readonly #hands = new Uint8Array(SETS);
  #last: KnownHead | null = null;
  #hash = 0;
  #hashedLength = 0;

  /**
   * The request whose head is `view[start, start + length)`, or begins there when it is the one found last (which
   * is what pipelining clients send); null when it is not known.
   */
  find(view: DataView, start: number, length: number): HttpRequest | null {
    const last = this.#last;
    if (last !== null && last.length <= length && isEqual(last, view, start)) return last.request;
    this.#hashedLength = 0;
    if (length > CACHED_HEAD_BYTES_MAX || length < 4) return null;
    return this.#lookUp(view, start, length);
  }

  /** Told of a head that was not found, and parsed: `view[start, start + length)`. It must be complete. */
  learn(request: HttpRequest, view: DataView, start: number, length: number): void {
    if (length > CACHED_HEAD_BYTES_MAX || length < 4) return;
    // What find looked for was longer: more than one request came at once.
    if (length !== this.#hashedLength && this.#lookUp(view, start, length) !== null) return;
    const hash = this.#hash;
    const set = hash & (SETS - 1);
    if (this.#seen[set] !== hash) {
      this.#seen[set] = hash;
      return;
    }
    const way = set * WAYS + this.#hands[set];
    this.#hands[set] = (this.#hands[set] + 1) % WAYS;
    this.#hashes[way] = hash;
    this.#heads[way] = this.#last = {
      request: request.copy(start, length),
      length,
      words: wordsOf(view, start, length),
    };
  }

  #lookUp(view: DataView, start: number, length: number): HttpRequest | null {
    const hash = hashOf(view, start, length);
    this.#hash = hash;
    this.#hashedLength = length;
    const first = (hash & (SETS - 1)) * WAYS;
    for (let way = first; way < first + WAYS; way++) {
      if (this.#hashes[way] !== hash) continue;
      const head = this.#heads[way];
      if (head === null || head.length !== length || !isEqual(head, view, start)) continue;
      this.#last = head;
      return head.request;
    }
    return null;
  }
}

/** `length` is at least 4. */
function isEqual(head: KnownHead, view: DataView, start: number): boolean {
  const { words, length } = head;
  const last = words.length - 1;
  if (view.getInt32(start + length - 4, true) !== words[last]) return false;
  for (let i = 0; i < last; i++) {
    if (view.getInt32(start + i * 4, true) !== words[i]) return false;
  }
  return true;
}

function wordsOf(view: DataView, start: number, length: number): Int32Array {
  const words = new Int32Array((length + 3) >> 2);
  for (let i = 0; i < words.length; i++) {
    words[i] = view.getInt32(start + Math.min(i * 4, length - 4), true);
  }
  return words;
}

/** Spread well enough over its low bits; nothing depends on its being hard to guess. */
function hashOf(view: DataView, start: number, length: number): number {
  let hash = length;
  for (let i = 0; i + 4 <= length; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(start + i, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ view.getInt32(start + length - 4, true), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
