/**
 * A buffer of this program's that OpenSSL writes to: a memory BIO whose BUF_MEM, and the bytes that it points to, belong
 * to JavaScript. So what OpenSSL has written is there without a further call, and `send` takes it from there.
 *
 * All connections share it, because it is empty whenever OpenSSL works for another one. It is never full: the BIO would
 * then try to enlarge memory that is not its own. So callers have OpenSSL write only what fits into {@linkcode
 * CipherBuffer.room}, and there is a reserve for what OpenSSL writes of its own accord.
 *
 * Source: BIO_s_mem(3ssl), openssl/buffer.h (`struct buf_mem_st { size_t length; char *data; size_t max; … }`).
 * @module
 */
import { crypto, type Pointer, present, ssl } from "./openssl.ts";

const BIO_C_SET_BUF_MEM = 114;
const BIO_NOCLOSE = 0;
/** struct buf_mem_st, as 64-bit words. */
const BUF_MEM = { length: 0, data: 1, max: 2, flags: 3 } as const;

/**
 * The most that OpenSSL writes of its own accord in one call: the answers to a receive buffer full of KeyUpdate records,
 * or a flight of the handshake with a long chain of certificates.
 */
const RESERVE_BYTES = 256 * 1024;

/** Returns the most bytes that `length` bytes take when they are encrypted in records of at most `recordBytes` bytes. */
function encryptedLength(length: number, recordBytes: number): number {
  const overhead = 64; // header 5, nonce 8, tag 16, type 1; and padding
  return length + (Math.ceil(length / recordBytes) + 1) * overhead;
}

/** A buffer for ciphertext. */
export class CipherBuffer {
  /** The ciphertext is `bytes[0, length)`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #bio: Pointer;
  readonly #memory: Uint8Array<ArrayBuffer>;
  readonly #words: Uint32Array<ArrayBuffer>;

  /** `capacity` is the number of plaintext bytes that may be written before {@linkcode clear}. */
  constructor(capacity: number, recordBytesMin: number) {
    this.bytes = new Uint8Array(encryptedLength(capacity, recordBytesMin) + RESERVE_BYTES);
    this.#memory = new Uint8Array(128);
    this.#words = new Uint32Array(this.#memory.buffer);
    const memory = new BigUint64Array(this.#memory.buffer);
    memory[BUF_MEM.data] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.bytes)));
    memory[BUF_MEM.max] = BigInt(this.bytes.length);
    this.#bio = present(crypto.BIO_new(crypto.BIO_s_mem()), "BIO_new");
    this.clear();
  }

  /** The number of bytes of ciphertext. */
  get length(): number {
    return this.#words[BUF_MEM.length * 2]!;
  }

  /** Drops the ciphertext. */
  clear(): void {
    this.#words[BUF_MEM.length * 2] = 0;
    crypto.BIO_ctrl_fast(this.#bio, BIO_C_SET_BUF_MEM, BIO_NOCLOSE, this.#memory);
  }

  /** Makes `connection` (an SSL) write to this buffer from now on. */
  attach(connection: Pointer): void {
    crypto.BIO_up_ref(this.#bio);
    ssl.SSL_set0_wbio(connection, this.#bio);
  }
}
