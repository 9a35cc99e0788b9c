/**
 * Memory in blocks. The kernel receives into those that the buffer ring offers to it. A block belongs to one side at a
 * time: to the kernel, to the code that reads what has arrived, or to the operation that sends it.
 *
 * Source: io_uring_register_buf_ring(3), io_uring_provided_buffers(7).
 * @module
 */
import { orThrow } from "../../ffi/libc/errno.ts";
import type { Ring } from "../../ffi/uring/ring.ts";
import { mapMemory } from "./memory.ts";

export const BLOCK_BYTES = 4096;
/** Blocks to receive into. A power of 2, as the kernel wants it. */
const OFFERED = 256;
/** Blocks for what the sessions write of their own. */
const SPARE = 256;
/** The group of the buffer ring. */
export const GROUP = 0;
const REGISTER_PBUF_RING = 22;
/** The words of an entry (struct io_uring_buf): address, length, and block with the ring's tail above it. */
const ENTRY_BYTES = 16;
const TWO_32 = 0x1_0000_0000;

/** The blocks. */
export class Blocks {
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #ring: Uint32Array;
  readonly #halves: Uint16Array;
  #tail = 0;
  readonly #uses = new Uint16Array(OFFERED + SPARE);
  readonly #spare: number[] = [];

  constructor(ring: Ring) {
    const { address, buffer } = mapMemory((OFFERED + SPARE) * BLOCK_BYTES);
    this.address = address;
    this.bytes = new Uint8Array(buffer);
    const entries = mapMemory(OFFERED * ENTRY_BYTES);
    this.#ring = new Uint32Array(entries.buffer);
    this.#halves = new Uint16Array(entries.buffer);
    const registration = new DataView(new ArrayBuffer(40));
    registration.setBigUint64(0, BigInt(entries.address), true);
    registration.setUint32(8, OFFERED, true);
    registration.setUint16(12, GROUP, true);
    const status = ring.register(REGISTER_PBUF_RING, new Uint8Array(registration.buffer), 1);
    orThrow(status, "offer memory to receive into", "io_uring_register");
    for (let block = 0; block < OFFERED; block++) this.#offer(block);
    for (let block = OFFERED; block < OFFERED + SPARE; block++) this.#spare.push(block);
  }

  #offer(block: number): void {
    const entry = this.#tail & OFFERED - 1;
    const address = this.address + block * BLOCK_BYTES;
    const ring = this.#ring;
    ring[4 * entry] = address;
    ring[4 * entry + 1] = address / TWO_32;
    ring[4 * entry + 2] = BLOCK_BYTES;
    this.#halves[8 * entry + 6] = block;
    this.#tail = this.#tail + 1 & 0xffff;
    Atomics.store(this.#halves, 7, this.#tail); // the tail lies in the first entry
  }

  /** Begins the first use of a block that the kernel has received into. */
  received(block: number): void {
    this.#uses[block] = 1;
  }

  /** Returns a block to write to, used once, or −1. */
  take(): number {
    const block = this.#spare.pop();
    if (block === undefined) return -1;
    this.#uses[block] = 1;
    return block;
  }

  use(block: number): void {
    this.#uses[block]!++;
  }

  /** Ends one use of a block. After the last one, the kernel may receive into it. */
  release(block: number): void {
    if (--this.#uses[block]! > 0) return;
    if (block < OFFERED) this.#offer(block);
    else this.#spare.push(block);
  }
}
