/**
 * Memory of this program's that OpenSSL reads from or writes to: a memory BIO whose BUF_MEM, and the bytes that it points
 * to, belong to JavaScript. So what OpenSSL has written is there without a further call, and `send` takes it from there.
 *
 * All connections share one for each direction, since both are empty whenever OpenSSL works for another connection. OpenSSL
 * must never write more than fits: the BIO would enlarge memory that is not its own. So a call gets at most {@linkcode
 * FED_BYTES_MAX} bytes to read, and a limited number of bytes to encrypt, and there is a reserve for what it writes of its
 * own accord.
 *
 * Source: BIO_s_mem(3ssl), openssl/buffer.h (`struct buf_mem_st { size_t length; char *data; size_t max; … }`).
 * @module
 */
import { crypto, type Pointer, present } from "./openssl.ts";

const BIO_C_SET_BUF_MEM = 114;
const BIO_CTRL_PENDING = 10;
const BIO_NOCLOSE = 0;
/** struct buf_mem_st, as 64-bit words. */
const BUF_MEM = { length: 0, data: 1, max: 2, flags: 3 } as const;

/** The most received bytes that one call of OpenSSL gets. */
export const FED_BYTES_MAX: number = 16 * 1024;
/**
 * The most that OpenSSL writes of its own accord in one call: answers to as many KeyUpdate records as fit into what it has
 * kept and what it is fed, which are as long as these, or a flight of the handshake with a long chain of certificates.
 */
const RESERVE_BYTES = 256 * 1024;
/** What a record takes beside its data: header 5, nonce 8, tag 16, type 1; and some more. */
const RECORD_OVERHEAD_BYTES = 64;

/**
 * Returns the room that OpenSSL needs to write `length` bytes in records of at least `recordBytesMin` bytes, and what it
 * writes of its own accord.
 */
export function roomFor(length: number, recordBytesMin: number): number {
  return length + (Math.ceil(length / recordBytesMin) + 1) * RECORD_OVERHEAD_BYTES + RESERVE_BYTES;
}

/** Memory, and the BIO over it. */
export class MemoryBio {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #bio: Pointer;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #words: Uint32Array<ArrayBuffer>;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.#memory = new Uint8Array(128);
    this.#words = new Uint32Array(this.#memory.buffer);
    const memory = new BigUint64Array(this.#memory.buffer);
    memory[BUF_MEM.data] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.bytes)));
    memory[BUF_MEM.max] = BigInt(capacity);
    this.#bio = present(crypto.BIO_new(crypto.BIO_s_mem()), "BIO_new");
    this.fill(0);
  }

  /** The number of bytes that were filled in, or that OpenSSL has written since: `bytes[0, length)`. */
  get length(): number {
    return this.#words[BUF_MEM.length * 2]!;
  }

  /** The number of bytes that OpenSSL has not read. They are the last ones of `bytes[0, length)`. */
  get unread(): number {
    return crypto.BIO_ctrl_fast(this.#bio, BIO_CTRL_PENDING, 0, null);
  }

  /** Makes `bytes[0, length)` the content. */
  fill(length: number): void {
    this.#words[BUF_MEM.length * 2] = length;
    crypto.BIO_ctrl_fast(this.#bio, BIO_C_SET_BUF_MEM, BIO_NOCLOSE, this.#memory);
  }

  /** Returns the BIO, with a reference for the caller. */
  take(): Pointer {
    crypto.BIO_up_ref(this.#bio);
    return this.#bio;
  }
}
