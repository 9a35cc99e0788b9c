/**
 * The buffers that all connections of a reactor share. An idle connection owns none.
 * @module
 */
import { HeadCache } from "../http/heads/head_cache.ts";
import { HttpRequest } from "../http/request.ts";
import { EVENTS_PER_TURN_MAX, FIELDS_MAX, GATHER_BYTES_MAX, RECEIVE_BYTES_MAX } from "../limits.ts";

/** The space between slots, so that the starts of all slots do not fall into the same cache set. */
const STAGGER_BYTES = 192;

/** The memory for one receive. */
export interface Slot {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same memory as `bytes`. */
  readonly view: DataView;
}

/** Receive slots, which are assigned anew each turn, a buffer that gathers short responses, and the parsed request. */
export class Buffers {
  /** The current request: {@linkcode scratch}, or a shared one. */
  request: HttpRequest;
  /** The object that the parser fills. */
  scratch: HttpRequest = new HttpRequest();
  readonly heads: HeadCache = new HeadCache();
  /** Short responses of one connection. Empty whenever control leaves the connection. */
  readonly gather: Uint8Array<ArrayBuffer> = new Uint8Array(GATHER_BYTES_MAX);
  gatherLength = 0;
  /** The output that the gathered bytes belong to. Of no meaning while there are none. */
  gatheredBy: object | null = null;
  /** The number of fields that `scratch` has room for. It grows, and never shrinks. */
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

  /** Gives the parser a new object, because other code keeps the current one. */
  renewScratch(): void {
    this.scratch = new HttpRequest(this.#fieldsMax);
  }

  /** Returns the object that the parser fills, with room for `fieldsMax` fields. */
  scratchFor(fieldsMax: number): HttpRequest {
    if (fieldsMax > this.#fieldsMax) {
      this.#fieldsMax = fieldsMax;
      this.renewScratch();
    }
    return this.scratch;
  }

  /**
   * Checks that no connection has left bytes in the gather buffer. They are dropped. To be called between turns.
   * @throws {Error} for bytes that were left
   */
  checkGathered(): void {
    const length = this.gatherLength;
    this.gatherLength = 0;
    if (length > 0) throw new Error(`A connection has left ${length} bytes in the gather buffer`);
  }

  /** Returns a slot that the caller may use until the end of turn `turn`; null if all are in use. */
  takeSlot(turn: number): Slot | null {
    if (turn !== this.#turn) {
      this.#turn = turn;
      this.#used = 0;
    }
    return this.#used < this.#slots.length ? this.#slots[this.#used++]! : null;
  }

  /** Returns the slot that was taken last, unused. */
  returnSlot(): void {
    this.#used--;
  }
}
