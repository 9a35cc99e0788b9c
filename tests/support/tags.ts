/**
 * Files and the tags that they have to have.
 * @module
 */
import { createHash } from "node:crypto";

/** As it has to be: 128 bits of SHA-256. */
export function tagOf(bytes: Uint8Array | string): string {
  return `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
}

/** Makes a file of nothing, but that it begins with `mark`. */
export function writeSparse(path: string, size: number, mark: string): void {
  using file = Deno.openSync(path, { write: true, create: true });
  file.writeSync(new TextEncoder().encode(mark));
  file.truncateSync(size);
}
