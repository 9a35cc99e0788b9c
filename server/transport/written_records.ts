/**
 * The number of records that OpenSSL has written with the present keys of a connection. It is the number of the next
 * record, from which the kernel continues with these keys.
 * @module
 */
import { RECORD_HEADER_BYTES, RecordType } from "../../ffi/openssl/record_keys.ts";
import type { MemoryBio } from "../../ffi/openssl/memory_bio.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Returns the length of the record at `bytes[at]`, with its header. */
export function recordLength(bytes: Bytes, at: number): number {
  return RECORD_HEADER_BYTES + ((bytes[at + 3]! << 8) | bytes[at + 4]!);
}

/** Counts the records of one session. */
export class WrittenRecords {
  /** The secret of TLS 1.3 that the present keys are derived from; null before they are in use, and in TLS 1.2. */
  secret: Bytes | null = null;
  /** How many records were written with the present keys. */
  count = 0;
  /** Where the last one begins in what OpenSSL has written. */
  lastAt = 0;
  readonly #cipher: MemoryBio;
  /** What OpenSSL had written when the keys changed. */
  #from = 0;

  /** `cipher` is what OpenSSL writes to. */
  constructor(cipher: MemoryBio) {
    this.#cipher = cipher;
  }

  /** Begins to count anew: what OpenSSL writes next is written with keys of `secret`. */
  begin(secret: Bytes): void {
    this.secret = secret;
    this.count = 0;
    this.#from = this.#cipher.length;
  }

  /** Counts what OpenSSL has written. To be called once before it is sent. */
  add(): void {
    const { bytes, length } = this.#cipher;
    for (let at = this.#from; at < length; at += recordLength(bytes, at)) {
      // In TLS 1.2 the keys are used from here on. In TLS 1.3 such a record comes before the handshake's keys.
      if (bytes[at] === RecordType.CHANGE_CIPHER_SPEC) this.count = 0;
      else this.count++;
      this.lastAt = at;
    }
    this.#from = 0;
  }

  /** The last record, until OpenSSL writes again. */
  get last(): Bytes {
    const { bytes } = this.#cipher;
    return bytes.subarray(this.lastAt, this.lastAt + recordLength(bytes, this.lastAt));
  }
}
