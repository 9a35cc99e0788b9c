/**
 * The memory that all connections of a reactor share: a connection that is idle owns no buffer.
 * @module
 */
import { HeadCache } from "./http/head_cache.ts";
import { HttpRequest } from "./http/request.ts";
import { EVENTS_PER_TURN_MAX, GATHER_BYTES_MAX, HEAD_BYTES_MAX } from "./limits.ts";

/** Slots are this much further apart than they are long, so that their first lines do not share one cache set. */
const STAGGER_BYTES = 192;

/** Memory for one receive. */
export interface Slot {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes. */
  readonly view: DataView;
}

/** Receive slots, handed out anew each turn; one buffer in which short responses are gathered; and what is parsed. */
export class Workspace {
  /** The request at hand: {@linkcode scratch}, or one that is shared. */
  request: HttpRequest;
  /** What the parser fills. */
  scratch: HttpRequest = new HttpRequest();
  readonly heads: HeadCache = new HeadCache();
  /** Responses of the connection at work; empty between connections. */
  readonly gather: Uint8Array<ArrayBuffer> = new Uint8Array(GATHER_BYTES_MAX);
  gatherLength = 0;
  readonly #slots: Slot[] = [];
  #batch = -1;
  #used = 0;

  constructor(slots: number = EVENTS_PER_TURN_MAX) {
    this.request = this.scratch;
    const stride = HEAD_BYTES_MAX + STAGGER_BYTES;
    const arena = new ArrayBuffer(slots * stride);
    for (let i = 0; i < slots; i++) {
      const bytes = new Uint8Array(arena, i * stride, HEAD_BYTES_MAX);
      this.#slots.push({ bytes, view: new DataView(arena, i * stride, HEAD_BYTES_MAX) });
    }
  }

  /** A slot that is the caller's until the end of turn `batch`, or null when all are taken. */
  takeSlot(batch: number): Slot | null {
    if (batch !== this.#batch) {
      this.#batch = batch;
      this.#used = 0;
    }
    return this.#used < this.#slots.length ? this.#slots[this.#used++] : null;
  }

  /** Gives back the slot taken last, unused. */
  returnSlot(): void {
    this.#used--;
  }
}
