/**
 * Passwords as they may be written down: hashed by scrypt, in the format that other tools know.
 *
 * `$scrypt$ln=15,r=8,p=1$<salt>$<key>` (the PHC string format), salt and key in base64 without padding. To try one
 * password takes 32 MiB and, on current processors, some 50 to 150 ms (Deno 2.4: twice that). Source: RFC 7914.
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

/** What a hash is made with, and what comes out. */
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
/** Salts of 8 to 64 bytes, keys of 16 to 64. */
const PHC =
  /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * The hash of `password`, with a salt of its own each time. It blocks for as long as that takes.
 * @throws {TypeError} for a password that no request could bring: empty, with control characters, or too long.
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

/** What `text` says; null when it is no such hash, or one that asks for too much or protects too little. */
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

/** True for what {@linkcode hashPassword} gives, and for what others write in the same format within the bounds. */
export function isPasswordHash(text: string): boolean {
  return parsePasswordHash(text) !== null;
}

/** The key that `password` gives with the salt and the costs of `hash`. On another thread: the caller's stays free. */
export function deriveKey(password: string, hash: PasswordHash): Promise<Uint8Array> {
  const { logN, r, p, salt, key } = hash;
  return new Promise((resolve, reject) => {
    scrypt(bytesOf(password), salt, key.length, costs(logN, r, p), (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}

/** `maxmem` is what scrypt takes, and a margin for how the libraries count. */
function costs(logN: number, r: number, p: number): { N: number; r: number; p: number; maxmem: number } {
  const N = 2 ** logN;
  return { N, r, p, maxmem: 128 * N * r + 128 * r * p + 1024 * 1024 };
}

/** The same character, typed on another system, gives the same bytes: Unicode's normal form C, as in RFC 7617 §2.1. */
function bytesOf(password: string): Uint8Array {
  return Buffer.from(password.normalize("NFC"), "utf8");
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}

/** Null for a length that base64 does not have, and where unused bits are set. */
function decode(text: string): Uint8Array | null {
  if (text.length % 4 === 1) return null; // Deno 2.4 throws
  const bytes = Buffer.from(text, "base64");
  return encode(bytes) === text ? bytes : null;
}
