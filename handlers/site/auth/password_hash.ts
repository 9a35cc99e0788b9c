/**
 * Password hashes for the configuration, made by scrypt. Source: RFC 7914; PHC string format.
 *
 * A hash is `$scrypt$ln=15,r=8,p=1$<salt>$<key>`, with salt and key in base64 without padding. A check of one password
 * takes 32 MiB and, on current processors, some 50 to 150 ms (with Deno 2.4 twice that).
 * @module
 */
import { Buffer } from "node:buffer";
import { randomBytes, scrypt, scryptSync } from "node:crypto";
import { hasControls } from "../../../server/http/fields/credentials.ts";
import { CREDENTIALS_BYTES_MAX } from "../../../server/limits.ts";
import {
  PASSWORD_HASH_MEMORY_BYTES_MAX,
  PASSWORD_HASH_MEMORY_BYTES_MIN,
  PASSWORD_HASH_WORK_BYTES_MAX,
} from "../limits.ts";

/** The parameters of a hash, and the key. */
export interface PasswordHash {
  /** The base-2 logarithm of scrypt's N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
  readonly key: Uint8Array;
}

const LOG_N = 15;
const R = 8;
const P = 1;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** Matches hashes with a salt of 8 to 64 bytes and a key of 16 to 64. */
const PHC =
  /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * Returns a hash of `password`, with a new random salt. It blocks the thread, for some 50 to 150 ms.
 * @throws {TypeError} for a password that no request can carry: empty, with control characters, or too long.
 */
export function hashPassword(password: string): string {
  if (typeof password !== "string") {
    throw new TypeError(`A password must be a string, not ${typeof password}`);
  }
  const bytes = bytesOf(password);
  if (bytes.length === 0) throw new TypeError("The password is empty");
  if (hasControls(password)) throw new TypeError("A password has no control characters (RFC 7617)");
  if (bytes.length > CREDENTIALS_BYTES_MAX / 2) {
    throw new TypeError(`A password has at most ${CREDENTIALS_BYTES_MAX / 2} bytes`);
  }
  const salt = randomBytes(SALT_BYTES);
  const key = scryptSync(bytes, salt, KEY_BYTES, costs(LOG_N, R, P));
  return `$scrypt$ln=${LOG_N},r=${R},p=${P}$${encode(salt)}$${encode(key)}`;
}

/**
 * Parses a hash. Returns null when `text` is malformed, or its costs are out of bounds: too weak, or too expensive to
 * check.
 */
export function parsePasswordHash(text: string): PasswordHash | null {
  const match = PHC.exec(text);
  if (match === null) return null;
  const [logN, r, p] = match.slice(1, 4).map(Number) as [number, number, number];
  const salt = decode(match[4]!);
  const key = decode(match[5]!);
  if (salt === null || key === null) return null;
  const memory = 128 * 2 ** logN * r; // RFC 7914 §5
  if (memory < PASSWORD_HASH_MEMORY_BYTES_MIN || memory > PASSWORD_HASH_MEMORY_BYTES_MAX) return null;
  if (memory * p > PASSWORD_HASH_WORK_BYTES_MAX) return null;
  return logN < 16 * r ? { logN, r, p, salt, key } : null; // RFC 7914 §6: N < 2^(128 r / 8)
}

/**
 * Returns true for hashes of {@linkcode hashPassword}, and for those of other tools in the same format within the
 * bounds.
 */
export function isPasswordHash(text: string): boolean {
  return parsePasswordHash(text) !== null;
}

/** Returns the key of `password` with the salt and the costs of `hash`. It is computed on another thread. */
export function deriveKey(password: string, hash: PasswordHash): Promise<Uint8Array> {
  const { logN, r, p, salt, key } = hash;
  return new Promise((resolve, reject) => {
    scrypt(bytesOf(password), salt, key.length, costs(logN, r, p), (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}

/**
 * Returns scrypt's options. `maxmem` is the memory that scrypt needs, plus 1 MiB: libraries count it in different ways.
 */
function costs(logN: number, r: number, p: number): { N: number; r: number; p: number; maxmem: number } {
  const N = 2 ** logN;
  return { N, r, p, maxmem: 128 * N * r + 128 * r * p + 1024 * 1024 };
}

/** Returns UTF-8 in Unicode's normal form C (RFC 7617 §2.1), so that a password has the same bytes on every system. */
function bytesOf(password: string): Uint8Array {
  return Buffer.from(password.normalize("NFC"), "utf8");
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}

/** Decodes base64 without padding. Returns null for an impossible length, and when unused bits are set. */
function decode(text: string): Uint8Array | null {
  if (text.length % 4 === 1) return null; // `Buffer.from` of Deno 2.4 throws
  const bytes = Buffer.from(text, "base64");
  return encode(bytes) === text ? bytes : null;
}
