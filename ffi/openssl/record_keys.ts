/**
 * The keys with which this end of a TLS connection writes its records, and what such a record contains.
 *
 * OpenSSL does not give these keys out. They are derived from what it does give: in TLS 1.3 from the traffic secret, in
 * TLS 1.2 from the master secret and the random bytes of both sides.
 *
 * Source: RFC 8446 §5.2 and §5.3 (records), §7.1 and §7.3 (keys), RFC 5246 §5 and §6.3, RFC 5288 §3 (AES-GCM), RFC 7905 §2
 * (ChaCha20-Poly1305), EVP_EncryptInit(3ssl).
 * @module
 */
import { createHmac } from "node:crypto";
import { TLS_1_2_VERSION, TLS_1_3_VERSION } from "../libc/constants.ts";
import { crypto, type Pointer, present, ssl } from "./openssl.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A cipher of records, authenticated encryption. */
export type Aead = "AES-128-GCM" | "AES-256-GCM" | "ChaCha20-Poly1305";

/** The types of records (RFC 8446 §5.1). */
export const RecordType = { CHANGE_CIPHER_SPEC: 20, ALERT: 21, HANDSHAKE: 22, DATA: 23 } as const;
/** A record's header: its type, version, and length. */
export const RECORD_HEADER_BYTES = 5;

type Hash = "sha256" | "sha384";
/** The cipher and the hash of each suite, by its number. */
const SUITES: ReadonlyMap<number, readonly [Aead, Hash]> = new Map([
  [0x1301, ["AES-128-GCM", "sha256"]],
  [0x1302, ["AES-256-GCM", "sha384"]],
  [0x1303, ["ChaCha20-Poly1305", "sha256"]],
  [0xc02b, ["AES-128-GCM", "sha256"]],
  [0xc02f, ["AES-128-GCM", "sha256"]],
  [0xc02c, ["AES-256-GCM", "sha384"]],
  [0xc030, ["AES-256-GCM", "sha384"]],
  [0xcca8, ["ChaCha20-Poly1305", "sha256"]],
  [0xcca9, ["ChaCha20-Poly1305", "sha256"]],
]);
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** AES-GCM in TLS 1.2: the nonce is 4 bytes of the key material, and 8 bytes that each record begins with. */
const SALT_BYTES = 4;
const EXPLICIT_NONCE_BYTES = 8;
const MASTER_SECRET_BYTES = 48;
const RANDOM_BYTES = 32;
const EVP_CTRL_AEAD_SET_TAG = 0x11;
/** The most that a record decrypts to: 16 KiB, its type and padding (RFC 8446 §5.2). */
const PLAINTEXT_BYTES_MAX = 16 * 1024 + 256;

/** The keys for writing. */
export interface RecordKeys {
  /** TLS_1_2_VERSION or TLS_1_3_VERSION. */
  readonly version: number;
  readonly aead: Aead;
  readonly key: Bytes;
  /** The nonce before the record's number is mixed in; with AES-GCM in TLS 1.2 its first 4 bytes. */
  readonly iv: Bytes;
}

/** What a record contains. */
export interface OpenedRecord {
  /** One of {@linkcode RecordType}. */
  readonly type: number;
  /** The content, until the next call. */
  readonly content: Bytes;
}

/** Returns HKDF-Expand-Label without a context (RFC 8446 §7.1), for no more bytes than the hash has. */
export function expandLabel(hash: Hash, secret: Uint8Array, label: string, length: number): Bytes {
  const name = new TextEncoder().encode(`tls13 ${label}`);
  const info = Uint8Array.of(length >> 8, length & 0xff, name.length, ...name, 0, 1); // 1: the first block
  return new Uint8Array(createHmac(hash, secret).update(info).digest()).slice(0, length);
}

/** Returns the first `length` bytes of the pseudorandom function of TLS 1.2 (RFC 5246 §5). */
export function expandMaster(
  hash: Hash,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Bytes {
  const hmac = (...parts: Uint8Array[]) => {
    const mac = createHmac(hash, secret);
    for (const part of parts) mac.update(part);
    return new Uint8Array(mac.digest());
  };
  const labelled = Uint8Array.of(...new TextEncoder().encode(label), ...seed);
  const bytes: number[] = [];
  for (let a = hmac(labelled); bytes.length < length; a = hmac(a)) bytes.push(...hmac(a, labelled));
  return Uint8Array.from(bytes.slice(0, length));
}

/** True if the nonce of each record is in the record itself. */
export function hasExplicitNonce({ version, aead }: RecordKeys): boolean {
  return version === TLS_1_2_VERSION && aead !== "ChaCha20-Poly1305";
}

/** The bytes of a record beside its content. */
export function recordOverheadBytes(keys: RecordKeys): number {
  const inner = keys.version === TLS_1_3_VERSION ? 1 : hasExplicitNonce(keys) ? EXPLICIT_NONCE_BYTES : 0;
  return RECORD_HEADER_BYTES + inner + TAG_BYTES;
}

// V8 may move typed arrays of 64 bytes or less.
const scratch = new Uint8Array(512);

/**
 * Returns the keys with which the server's end of the SSL `connection` writes; null for a suite or version that is not known here.
 * `trafficSecret` is that of TLS 1.3.
 */
export function serverWriteKeys(connection: Pointer, trafficSecret: Bytes | null): RecordKeys | null {
  const suite = SUITES.get(ssl.SSL_CIPHER_get_protocol_id(ssl.SSL_get_current_cipher(connection)));
  if (suite === undefined) return null;
  const [aead, hash] = suite;
  const version = ssl.SSL_version(connection);
  const keyBytes = aead === "AES-128-GCM" ? 16 : 32;
  if (version === TLS_1_3_VERSION && trafficSecret !== null) {
    const key = expandLabel(hash, trafficSecret, "key", keyBytes);
    return { version, aead, key, iv: expandLabel(hash, trafficSecret, "iv", NONCE_BYTES) };
  }
  if (version !== TLS_1_2_VERSION) return null;
  const master = scratch.subarray(0, MASTER_SECRET_BYTES);
  const client = scratch.subarray(64, 64 + RANDOM_BYTES);
  const server = scratch.subarray(128, 128 + RANDOM_BYTES);
  const session = ssl.SSL_get_session(connection);
  if (ssl.SSL_SESSION_get_master_key(session, master, master.length) !== master.length) return null;
  ssl.SSL_get_client_random(connection, client, client.length);
  ssl.SSL_get_server_random(connection, server, server.length);
  const ivBytes = aead === "ChaCha20-Poly1305" ? NONCE_BYTES : SALT_BYTES;
  const seed = Uint8Array.of(...server, ...client);
  const block = expandMaster(hash, master, "key expansion", seed, 2 * keyBytes + 2 * ivBytes);
  scratch.fill(0);
  // In this order: the client's key, the server's, the client's IV, the server's.
  const ivAt = 2 * keyBytes + ivBytes;
  return { version, aead, key: block.slice(keyBytes, 2 * keyBytes), iv: block.slice(ivAt, ivAt + ivBytes) };
}

/** Writes `number` as 8 bytes to `bytes[at, at + 8)`. */
export function putNumber(bytes: Bytes, at: number, number: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(at, Math.floor(number / 0x1_0000_0000));
  view.setUint32(at + 4, number % 0x1_0000_0000);
}

const CIPHERS = {
  "AES-128-GCM": () => crypto.EVP_aes_128_gcm(),
  "AES-256-GCM": () => crypto.EVP_aes_256_gcm(),
  "ChaCha20-Poly1305": () => crypto.EVP_chacha20_poly1305(),
};
const nonce = scratch.subarray(0, NONCE_BYTES);
const associated = scratch.subarray(64, 64 + 13);
const tag = scratch.subarray(128, 128 + TAG_BYTES);
const key = scratch.subarray(192, 192 + 32);
const lengthBytes = scratch.subarray(256, 260);
let plain: Bytes | null = null;

/** Returns what is in `record`, which has the number `sequence`; null if it was not written with `keys`. */
export function openRecord(keys: RecordKeys, sequence: number, record: Bytes): OpenedRecord | null {
  const isExplicit = hasExplicitNonce(keys);
  const begin = RECORD_HEADER_BYTES + (isExplicit ? EXPLICIT_NONCE_BYTES : 0);
  const end = record.length - TAG_BYTES;
  if (end < begin || end - begin > PLAINTEXT_BYTES_MAX) return null;
  nonce.set(keys.iv);
  if (isExplicit) nonce.set(record.subarray(RECORD_HEADER_BYTES, begin), SALT_BYTES);
  else {
    putNumber(associated, 0, sequence);
    for (let i = 0; i < 8; i++) nonce[NONCE_BYTES - 8 + i]! ^= associated[i]!;
  }
  const is13 = keys.version === TLS_1_3_VERSION;
  if (is13) associated.set(record.subarray(0, RECORD_HEADER_BYTES));
  else {
    putNumber(associated, 0, sequence);
    associated.set(record.subarray(0, 3), 8);
    associated.set([(end - begin) >> 8, (end - begin) & 0xff], 11);
  }
  tag.set(record.subarray(end));
  key.set(keys.key);
  plain ??= new Uint8Array(PLAINTEXT_BYTES_MAX);
  const isGenuine = decrypt(
    CIPHERS[keys.aead](),
    record.subarray(begin, end),
    is13 ? RECORD_HEADER_BYTES : 13,
    plain,
  );
  scratch.fill(0);
  if (!isGenuine) return null;
  let length = end - begin;
  if (!is13) return { type: record[0]!, content: plain.subarray(0, length) };
  while (length > 0 && plain[length - 1] === 0) length--; // padding
  return length === 0 ? null : { type: plain[length - 1]!, content: plain.subarray(0, length - 1) };
}

/** Decrypts `cipher` to `plain`, by what is in the scratch memory. Returns false if it is not genuine. */
function decrypt(
  algorithm: Deno.PointerValue,
  cipher: Bytes,
  associatedBytes: number,
  plain: Bytes,
): boolean {
  const context = present(crypto.EVP_CIPHER_CTX_new(), "EVP_CIPHER_CTX_new");
  const isGenuine = crypto.EVP_DecryptInit_keyed(context, algorithm, null, key, nonce) === 1 &&
    crypto.EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) === 1 &&
    crypto.EVP_DecryptUpdate(context, null, lengthBytes, associated, associatedBytes) === 1 &&
    crypto.EVP_DecryptUpdate(context, plain, lengthBytes, cipher, cipher.length) === 1 &&
    crypto.EVP_DecryptFinal_ex(context, plain, lengthBytes) === 1;
  crypto.EVP_CIPHER_CTX_free(context);
  crypto.ERR_clear_error();
  return isGenuine;
}
