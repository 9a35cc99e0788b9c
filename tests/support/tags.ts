/**
 * Files, and their expected entity tags.
 * @module
 */
import { createHash } from "node:crypto";

/** Returns the expected tag: 128 bits of SHA-256. */
export function tagOf(bytes: Uint8Array | string): string {
  return `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
}

/** Creates a sparse file that begins with `mark`. */
export function writeSparse(path: string, size: number, mark: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  file.writeSync(new TextEncoder().encode(mark));
  file.truncateSync(size);
}
