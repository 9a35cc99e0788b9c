/**
 * Passwords for tests: hashes, and the field that sends a password.
 * @module
 */
import { randomBytes, scryptSync } from "node:crypto";

/** Returns a hash that costs 2^logN KiB of memory, so a test can choose how long it takes. */
export function hashOf(password: string, logN = 10): string {
  const encode = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
  const salt = randomBytes(16);
  const key = scryptSync(password, salt, 32, { N: 2 ** logN, r: 8, p: 1, maxmem: 2 ** (logN + 11) });
  return `$scrypt$ln=${logN},r=8,p=1$${encode(salt)}$${encode(key)}`;
}

/** Returns the Authorization field with the name and the password. */
export function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Authorization: Basic ${btoa(String.fromCharCode(...bytes))}`;
}
