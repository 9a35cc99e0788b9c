/**
 * A cache of parsed requests, found by the bytes of their heads.
 *
 * Most heads are equal, byte for byte, to one that came a moment ago. Comparing words with a known head costs a fifth
 * of parsing it, and a handler can store its response with the parsed request (`known_request.ts`).
 *
 * A head is kept when it comes for the second time, so a head that never comes again costs only a hash. The hash only
 * finds a candidate. Every byte is compared, so no client can get the response to another request.
 *
 * The cost of a head is counted when it is kept. It includes what the handler and the access log will store with it. If
 * there is no room, other heads are evicted in the order of the tables.
 * @module
 */
import {
  CACHED_HEAD_BYTES_MAX,
  CACHED_HEAD_LOG_OVERHEAD_BYTES,
  CACHED_HEAD_OVERHEAD_BYTES,
  CACHED_HEADS_BYTES_MAX,
  CACHED_HEADS_MAX,
} from "../../limits.ts";
import { HASH_KEYS } from "./keyed_hash.ts";
import { KnownRequest } from "./known_request.ts";
import type { HttpRequest } from "../request.ts";

/** The heads in a set, which agree in the low bits of their hashes. If a set is full, its oldest head is evicted. */
const WAYS = 4;
const SETS = CACHED_HEADS_MAX / WAYS;
/**
 * One in so many new heads may evict others. If more heads come than fit, evicting for each of them would keep none.
 */
const NEWCOMERS_PER_PLACE = 16;
/** The words of short heads are in one array, which saves a look at the request object. */
const SHORT_WORDS = 32;
/**
 * The size of the tables: hash, length, cost, two references and the short words of each entry; a seen hash and a
 * position for each set.
 */
const TABLES_BYTES = CACHED_HEADS_MAX * (4 + 4 + 4 + 8 + 8 + SHORT_WORDS * 4) + SETS * (4 + 1);
const FIELD_BYTES = 16;
/**
 * The access log keeps the parts of a line, and the last joined form of them. Escaping adds at most five bytes to a
 * byte.
 */
const LOGGED_FORMS = 2;
const LOG_ESCAPE_BYTES = 5;

/**
 * Parsed heads, found by their bytes: at most {@linkcode CACHED_HEADS_MAX} heads and {@linkcode CACHED_HEADS_BYTES_MAX}
 * bytes.
 */
export class HeadCache {
  /** Whether an access log stores parts of its lines with each head. To be set before the first head. */
  isLogged = false;
  #bytes = TABLES_BYTES;
  #count = 0;
  /** The index of the next entry that is evicted to make room. */
  #sweep = 0;
  readonly #hashes = new Int32Array(CACHED_HEADS_MAX);
  /** The length of each head in bytes; 0 if there is none. */
  readonly #lengths = new Int32Array(CACHED_HEADS_MAX);
  readonly #shortWords = new Int32Array(CACHED_HEADS_MAX * SHORT_WORDS);
  /** The words of longer heads. */
  readonly #longWords: (Int32Array | null)[] = new Array(CACHED_HEADS_MAX).fill(null);
  /** The memory that each head counts as, in bytes. */
  readonly #costs = new Int32Array(CACHED_HEADS_MAX);
  readonly #heads: (KnownRequest | null)[] = new Array(CACHED_HEADS_MAX).fill(null);
  /** The last unknown hash of each set. */
  readonly #seen = new Int32Array(SETS);
  /** The way in which the next head of each set is stored. */
  readonly #hands = new Uint8Array(SETS);
  /** The index of the head that was found last. */
  #last = 0;
  #newcomers = 0;
  #hash = 0;
  #hashedLength = 0;

  /**
   * Returns the request whose head is `view[start, start + length)`. It also returns the request that was found last if
   * the bytes start with its head, as pipelining clients send. Returns null if the head is not known.
   */
  find(view: DataView, start: number, length: number): HttpRequest | null {
    const last = this.#last;
    const lastLength = this.#lengths[last]!;
    if (lastLength !== 0 && lastLength <= length && this.#isAt(last, view, start, lastLength)) {
      return this.#heads[last]!;
    }
    this.#hashedLength = 0;
    if (length > CACHED_HEAD_BYTES_MAX || length < 4) return null;
    return this.#lookUp(view, start, length);
  }

  /**
   * Stores a parsed request that {@linkcode find} has not found. Its head is `view[start, start + length)`, complete.
   */
  learn(request: HttpRequest, view: DataView, start: number, length: number): void {
    if (length > CACHED_HEAD_BYTES_MAX || length < 4) return;
    // {@linkcode find} has looked for more bytes, because several requests came at once.
    if (length !== this.#hashedLength && this.#lookUp(view, start, length) !== null) return;
    const hash = this.#hash;
    const set = hash & (SETS - 1);
    if (this.#seen[set] !== hash) {
      this.#seen[set] = hash;
      return;
    }
    const way = set * WAYS + this.#hands[set]!;
    const cost = this.#costOf(view, start, length, request.fieldCount);
    const isFull = this.#heads[way] !== null || this.#bytes + cost > CACHED_HEADS_BYTES_MAX;
    if (isFull && ++this.#newcomers % NEWCOMERS_PER_PLACE !== 0) return;
    this.#hands[set] = (this.#hands[set]! + 1) % WAYS;
    this.#evict(way);
    while (this.#bytes + cost > CACHED_HEADS_BYTES_MAX) {
      this.#evict(this.#sweep);
      this.#sweep = (this.#sweep + 1) % CACHED_HEADS_MAX;
    }
    const known = new KnownRequest(request, start, length);
    this.#costs[way] = cost;
    this.#bytes += cost;
    this.#count++;
    const count = (length + 3) >> 2;
    const isShort = count <= SHORT_WORDS;
    const words = isShort ? this.#shortWords : this.#longWords[way] = new Int32Array(count);
    copyWords(view, start, length, words, isShort ? way * SHORT_WORDS : 0);
    this.#hashes[way] = hash;
    this.#lengths[way] = length;
    this.#heads[way] = known;
    this.#last = way;
  }

  /** Returns the number of heads, their memory in bytes, and the bound of that. */
  snapshot(): { readonly count: number; readonly bytes: number; readonly bytesMax: number } {
    return { count: this.#count, bytes: this.#bytes, bytesMax: CACHED_HEADS_BYTES_MAX };
  }

  #costOf(view: DataView, start: number, length: number, fieldCount: number): number {
    const own = CACHED_HEAD_OVERHEAD_BYTES + length * 2 + fieldCount * FIELD_BYTES;
    if (!this.isLogged) return own;
    let escaped = 0;
    for (let i = start; i < start + length; i++) {
      const byte = view.getUint8(i);
      if (byte > 0x7e || byte === 0x22 || byte === 0x5c) escaped++;
    }
    return own + CACHED_HEAD_LOG_OVERHEAD_BYTES + (length + escaped * LOG_ESCAPE_BYTES) * LOGGED_FORMS;
  }

  /** Removes the head at `way`, if there is one. Code that still has the request may use it. */
  #evict(way: number): void {
    const known = this.#heads[way]!;
    if (known === null) return;
    this.#heads[way] = null;
    this.#lengths[way] = 0;
    this.#longWords[way] = null;
    this.#bytes -= this.#costs[way]!;
    this.#count--;
  }

  #lookUp(view: DataView, start: number, length: number): HttpRequest | null {
    const hash = hashOf(view, start, length);
    this.#hash = hash;
    this.#hashedLength = length;
    const first = (hash & (SETS - 1)) * WAYS;
    for (let way = first; way < first + WAYS; way++) {
      if (this.#hashes[way] !== hash || this.#lengths[way] !== length) continue;
      if (!this.#isAt(way, view, start, length)) continue;
      this.#last = way;
      return this.#heads[way]!;
    }
    return null;
  }

  #isAt(way: number, view: DataView, start: number, length: number): boolean {
    return length <= SHORT_WORDS * 4
      ? isEqual(this.#shortWords, way * SHORT_WORDS, view, start, length)
      : isEqual(this.#longWords[way]!, 0, view, start, length);
  }
}

/** Compares `length` ≥ 4 bytes with the words from `base` on. The last word overlaps the one before it. */
function isEqual(words: Int32Array, base: number, view: DataView, start: number, length: number): boolean {
  const last = base + ((length + 3) >> 2) - 1;
  if (view.getInt32(start + length - 4, true) !== words[last]) return false;
  let at = start;
  for (let i = base; i < last; i++, at += 4) {
    if (view.getInt32(at, true) !== words[i]) return false;
  }
  return true;
}

function copyWords(view: DataView, start: number, length: number, words: Int32Array, base: number): void {
  const count = (length + 3) >> 2;
  for (let i = 0; i < count; i++) words[base + i] = view.getInt32(start + Math.min(i * 4, length - 4), true);
}

/** Returns a hash that clients cannot predict: each half of a word has a random key (see `keyed_hash.ts`). */
function hashOf(view: DataView, start: number, length: number): number {
  let sum = Math.imul(length, HASH_KEYS[0]!);
  let key = 1;
  for (let i = start; i < start + length - 3; i += 4, key += 2) {
    const word = view.getInt32(i, true);
    sum = (sum + Math.imul(word & 0xffff, HASH_KEYS[key]!) + Math.imul(word >>> 16, HASH_KEYS[key + 1]!)) | 0;
  }
  const last = view.getInt32(start + length - 4, true); // overlaps the word before it
  sum += Math.imul(last & 0xffff, HASH_KEYS[key]!) + Math.imul(last >>> 16, HASH_KEYS[key + 1]!);
  const mixed = Math.imul(sum ^ (sum >>> 15), 0x85ebca6b); // without mixing, similar heads would get adjacent sets
  return mixed ^ (mixed >>> 13);
}
