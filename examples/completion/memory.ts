/**
 * Memory that never moves and is never given back, so that the kernel can use it at any time.
 *
 * Source: mmap(2).
 * @module
 */
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "../../ffi/libc/constants.ts";
import { orThrow } from "../../ffi/libc/errno.ts";
import { libc, result } from "../../ffi/libc/libc.ts";

/** Memory, and where it is. */
export interface Memory {
  readonly address: number;
  readonly buffer: ArrayBuffer;
}

/** Returns `bytes` of memory, which begins at a page and is all zeros. */
export function mapMemory(bytes: number): Memory {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const address = libc.mmap(0n, BigInt(bytes), PROT_READ | PROT_WRITE, flags, -1, 0n);
  orThrow(address === -1n ? result(-1) : 0, "map memory", "mmap");
  const buffer = Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(address)!, bytes);
  return { address: Number(address), buffer };
}
