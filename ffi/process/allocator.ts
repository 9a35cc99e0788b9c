/**
 * Settings of the C library's allocator, so that freed memory returns to the system.
 *
 * glibc maps large blocks one by one, and unmaps them when they are freed. But freeing such a block raises the size
 * from which on blocks are mapped to that block's size, up to 32 MiB; smaller blocks then stay with the process. After
 * files and compressed forms of many sizes, a third of the process's memory was holes. Source: mallopt(3),
 * malloc_trim(3).
 * @module
 */
import { M_MMAP_MAX, M_MMAP_THRESHOLD } from "../libc/constants.ts";
import { libc, loadLibc } from "../libc/libc.ts";

/**
 * Blocks of at least this size are mapped, and return to the system when freed. A mapped block costs 5 µs, and its
 * pages 0.1 µs per KiB.
 */
const MAPPED_BYTES_MIN = 64 * 1024;
/** The greatest number of mapped blocks. A process may have 65,530 mappings, and the runtime needs some of them. */
const MAPPED_BLOCKS_MAX = 32 * 1024;

/**
 * Makes the process return large freed blocks to the system. Does nothing for a C library without mallopt.
 */
export function returnFreedMemory(): void {
  loadLibc();
  libc.mallopt?.(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
  libc.mallopt?.(M_MMAP_MAX, MAPPED_BLOCKS_MAX);
  libc.malloc_trim?.(0);
}
