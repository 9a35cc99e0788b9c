/**
 * The program's own executable, and where it ends in its file: what was put behind it there can be read in place.
 * Source: proc_pid_exe(5), elf(5).
 * @module
 */
import { AT_FDCWD, F_DUPFD_CLOEXEC, O_CLOEXEC, O_RDONLY } from "../libc/constants.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { ELF64_EHDR } from "../libc/structs.ts";

/** `\x7fELF`, 64 bits, the least significant byte first. */
const IDENT = [0x7f, 0x45, 0x4c, 0x46, 2, 1];

/** Opens it for reading: descriptor or −errno. While it runs nobody can write to it (ETXTBSY). */
export function openExecutable(): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString("/proc/self/exe"), O_RDONLY | O_CLOEXEC, 0));
}

/** A second descriptor for what is open as `fd`: descriptor or −errno. */
export function duplicate(fd: number): number {
  return result(libc.fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/** What the first bytes of an executable say. */
export interface ElfHeader {
  /** EM_X86_64 or EM_AARCH64, or another one. */
  readonly machine: number;
  /** The offset of its first byte behind the table of sections, which linkers write last. */
  readonly end: number;
}

/** Reads ELF64_EHDR.size bytes or more; null for what is no executable of 64 bits, or has no table of sections. */
export function readElfHeader(bytes: Uint8Array): ElfHeader | null {
  if (bytes.length < ELF64_EHDR.size || IDENT.some((byte, i) => bytes[i] !== byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, ELF64_EHDR.size);
  const sections = Number(view.getBigUint64(ELF64_EHDR.shoff, true));
  if (sections === 0) return null;
  const sectionBytes = view.getUint16(ELF64_EHDR.shentsize, true);
  const end = sections + sectionBytes * view.getUint16(ELF64_EHDR.shnum, true);
  return { machine: view.getUint16(ELF64_EHDR.machine, true), end };
}
