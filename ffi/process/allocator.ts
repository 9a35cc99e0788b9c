/**
 * The C library's memory: what is freed goes back to the system.
 *
 * glibc takes large blocks from the system one by one, and gives them back when they are freed; but it raises the size
 * from which on it does so to that of any such block that was freed, up to 32 MiB, and then keeps them: after files and
 * compressed forms of many sizes a third of the process' memory was holes. Source: mallopt(3), malloc_trim(3).
 * @module
 */
import { M_MMAP_MAX, M_MMAP_THRESHOLD } from "../libc/constants.ts";
import { libc, loadLibc } from "../libc/libc.ts";

/** Blocks from this size on are the system's again as soon as they are freed. To get one costs 5 µs, and its pages 0.1 µs a KiB. */
const MAPPED_BYTES_MIN = 64 * 1024;
/** So many at most: the kernel lets a process have 65,530 mappings, and the runtime needs some. */
const MAPPED_BLOCKS_MAX = 32 * 1024;

/** From now on the process keeps no large block that is free. A C library without mallopt does so by itself, or not at all. */
export function returnFreedMemory(): void {
  loadLibc();
  libc.mallopt?.(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
  libc.mallopt?.(M_MMAP_MAX, MAPPED_BLOCKS_MAX);
  libc.malloc_trim?.(0);
}
