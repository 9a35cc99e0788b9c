/**
 * The memory that all connections of a reactor share: a connection that is idle owns no buffer.
 * @module
 */
import { HeadCache } from "../http/heads/head_cache.ts";
import { HttpRequest } from "../http/request.ts";
import { EVENTS_PER_TURN_MAX, FIELDS_MAX, GATHER_BYTES_MAX, RECEIVE_BYTES_MAX } from "../limits.ts";

/** Slots are this much further apart than they are long, so that their first lines do not share one cache set. */
const STAGGER_BYTES = 192;

/** Memory for one receive. */
export interface Slot {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes. */
  readonly view: DataView;
}

/** Receive slots, handed out anew each turn; one buffer in which short responses are gathered; and what is parsed. */
export class Buffers {
  /** The request at hand: {@linkcode scratch}, or one that is shared. */
  request: HttpRequest;
  /** What the parser fills. */
  scratch: HttpRequest = new HttpRequest();
  readonly heads: HeadCache = new HeadCache();
  /** Responses of the connection at work; empty between connections. */
  readonly gather: Uint8Array<ArrayBuffer> = new Uint8Array(GATHER_BYTES_MAX);
  gatherLength = 0;
  /** What the parser fills has room for so many fields; it grows. */
  #fieldsMax = FIELDS_MAX;
  readonly #slots: Slot[] = [];
  #turn = -1;
  #used = 0;

  constructor(slots: number = EVENTS_PER_TURN_MAX) {
    this.request = this.scratch;
    const stride = RECEIVE_BYTES_MAX + STAGGER_BYTES;
    const arena = new ArrayBuffer(slots * stride);
    for (let i = 0; i < slots; i++) {
      const bytes = new Uint8Array(arena, i * stride, RECEIVE_BYTES_MAX);
      this.#slots.push({ bytes, view: new DataView(arena, i * stride, RECEIVE_BYTES_MAX) });
    }
  }

  /** Has the parser fill a fresh object: the one at hand is to be kept by others. */
  renewScratch(): void {
    this.scratch = new HttpRequest(this.#fieldsMax);
  }

  /** What the parser fills, with room for `fieldsMax` fields. */
  scratchFor(fieldsMax: number): HttpRequest {
    if (fieldsMax > this.#fieldsMax) {
      this.#fieldsMax = fieldsMax;
      this.renewScratch();
    }
    return this.scratch;
  }

  /** How many fields a request may have that was parsed here before, by whatever limit. */
  get fieldsMax(): number {
    return this.#fieldsMax;
  }

  /** A slot that is the caller's until the end of turn `turn`, or null when all are taken. */
  takeSlot(turn: number): Slot | null {
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#used = 0;
    }
    return this.#used < this.#slots.length ? this.#slots[this.#used++]! : null;
  }

  /** Gives back the slot taken last, unused. */
  returnSlot(): void {
    this.#used--;
  }
}
