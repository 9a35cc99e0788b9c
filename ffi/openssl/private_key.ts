/**
 * Private keys: ECDSA on the curve P-256, made, read and used by libcrypto.
 *
 * Source: EVP_PKEY_keygen(3ssl), EVP_PKEY_CTX_set_ec_paramgen_curve_nid(3ssl), EVP_DigestSign(3ssl), i2d_PUBKEY(3ssl),
 * PEM_write_bio_PrivateKey(3ssl).
 * @module
 */
import type { Der } from "./der.ts";
import { crypto, loadOpenssl, type Pointer, present } from "./openssl.ts";
import { takeFailure } from "./openssl_error.ts";

const EVP_PKEY_EC = 408;
const NID_P256 = 415;
/** The length of a SubjectPublicKeyInfo of P-256, and of the point at its end (RFC 5480). */
const PUBLIC_KEY_BYTES = 91;
const POINT_BYTES = 65;
const SIGNATURE_BYTES_MAX = 128;
const PEM_BYTES_MAX = 4096;
const NO_PASSWORD = new Uint8Array(128);

/** A key that libcrypto holds until {@linkcode PrivateKey.free}. */
export class PrivateKey {
  readonly #pointer: Pointer;
  /** The public key as a SubjectPublicKeyInfo. */
  readonly publicKey: Der;

  /** Takes over `pointer`. @throws {TypeError} for a key that is not of P-256 */
  constructor(pointer: Pointer) {
    this.#pointer = pointer;
    const out = outputOf(256);
    const length = crypto.i2d_PUBKEY(pointer, out.at);
    if (crypto.EVP_PKEY_get_id(pointer) !== EVP_PKEY_EC || length !== PUBLIC_KEY_BYTES) {
      this.free();
      throw new TypeError("expected an ECDSA key of the curve P-256");
    }
    this.publicKey = out.bytes.slice(0, length);
  }

  /** The public key as an uncompressed point, which certificates identify it by. */
  get point(): Der {
    return this.publicKey.slice(-POINT_BYTES);
  }

  /** Returns the signature of `bytes` by ECDSA with SHA-256, in DER. */
  sign(bytes: Uint8Array<ArrayBuffer>): Der {
    const context = present(crypto.EVP_MD_CTX_new(), "EVP_MD_CTX_new");
    try {
      const signature = new Uint8Array(SIGNATURE_BYTES_MAX);
      const length = new BigUint64Array(16); // V8 may move typed arrays of 64 bytes or less
      length[0] = BigInt(SIGNATURE_BYTES_MAX);
      const sizeBytes = new Uint8Array(length.buffer);
      check(crypto.EVP_DigestSignInit(context, null, crypto.EVP_sha256(), null, this.#pointer));
      check(crypto.EVP_DigestSign(context, signature, sizeBytes, bytes, BigInt(bytes.length)));
      return signature.slice(0, Number(length[0]));
    } finally {
      crypto.EVP_MD_CTX_free(context);
    }
  }

  /** Returns the key as PEM text (PKCS #8), not encrypted. */
  pem(): string {
    const bio = present(crypto.BIO_new(crypto.BIO_s_mem()), "BIO_new");
    const text = new Uint8Array(PEM_BYTES_MAX);
    try {
      check(crypto.PEM_write_bio_PrivateKey(bio, this.#pointer, null, null, 0, null, null));
      const length = crypto.BIO_read(bio, text, text.length);
      return new TextDecoder().decode(text.subarray(0, Math.max(length, 0)));
    } finally {
      text.fill(0);
      crypto.BIO_free(bio);
    }
  }

  /** Ends the use of the key. */
  free(): void {
    crypto.EVP_PKEY_free(this.#pointer);
  }
}

/**
 * Makes a key.
 * @throws {OpensslMissing}
 */
export function makePrivateKey(): PrivateKey {
  loadOpenssl();
  crypto.ERR_clear_error();
  const context = present(crypto.EVP_PKEY_CTX_new_id(EVP_PKEY_EC, null), "EVP_PKEY_CTX_new_id");
  try {
    const made = new BigUint64Array(16);
    check(crypto.EVP_PKEY_keygen_init(context));
    check(crypto.EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_P256));
    check(crypto.EVP_PKEY_keygen(context, new Uint8Array(made.buffer)));
    return new PrivateKey(present(Deno.UnsafePointer.create(made[0]!), "EVP_PKEY_keygen"));
  } finally {
    crypto.EVP_PKEY_CTX_free(context);
  }
}

/**
 * Reads a key from PEM text.
 * @throws {TypeError} for a text that has none, or another kind of key
 * @throws {OpensslMissing}
 */
export function readPrivateKey(pem: string): PrivateKey {
  loadOpenssl();
  crypto.ERR_clear_error();
  const text = new Uint8Array(Math.max(pem.length * 3, 128));
  const { written } = new TextEncoder().encodeInto(pem, text);
  const bio = present(crypto.BIO_new_mem_buf(text, written), "BIO_new_mem_buf");
  try {
    const key = crypto.PEM_read_bio_PrivateKey(bio, null, null, NO_PASSWORD);
    crypto.ERR_clear_error();
    if (key === null) throw new TypeError("expected a private key in PEM");
    return new PrivateKey(key);
  } finally {
    crypto.BIO_free(bio);
    text.fill(0);
  }
}

/** Returns memory that a function of the kind i2d writes to, and the pointer to it that it takes (and advances). */
export function outputOf(size: number): { bytes: Der; at: Uint8Array<ArrayBuffer> } {
  const bytes = new Uint8Array(size);
  const at = new BigUint64Array(16);
  at[0] = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
  return { bytes, at: new Uint8Array(at.buffer) };
}

function check(status: number): void {
  if (status !== 1) throw new Error(takeFailure().sentence);
}
