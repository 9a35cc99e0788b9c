/**
 * The memory that all connections of a reactor share: a connection that is idle owns no buffer.
 * @module
 */
import { EVENTS_PER_TURN_MAX, GATHER_BYTES_MAX, HEAD_BYTES_MAX } from "./limits.ts";

/** Slots are this much further apart than they are long, so that their first lines do not share one cache set. */
const STAGGER_BYTES = 192;

/** Receive slots, handed out anew each turn, and one buffer in which short responses are gathered. */
export class Workspace {
  /** Responses of the connection at work; empty between connections. */
  readonly gather: Uint8Array<ArrayBuffer> = new Uint8Array(GATHER_BYTES_MAX);
  gatherLength = 0;
  readonly #slots: Uint8Array<ArrayBuffer>[] = [];
  #batch = -1;
  #used = 0;

  constructor(slots: number = EVENTS_PER_TURN_MAX) {
    const stride = HEAD_BYTES_MAX + STAGGER_BYTES;
    const arena = new ArrayBuffer(slots * stride);
    for (let i = 0; i < slots; i++) this.#slots.push(new Uint8Array(arena, i * stride, HEAD_BYTES_MAX));
  }

  /** A slot that is the caller's until the end of turn `batch`, or null when all are taken. */
  takeSlot(batch: number): Uint8Array<ArrayBuffer> | null {
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
