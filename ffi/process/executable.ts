/**
 * The program's own executable, and where the ELF file ends. Data that was appended behind that end can be read in
 * place. Source: proc_pid_exe(5), elf(5).
 * @module
 */
import { AT_FDCWD, F_DUPFD_CLOEXEC, O_CLOEXEC, O_RDONLY } from "../libc/constants.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { ELF64_EHDR } from "../libc/structs.ts";

/** The magic number `\x7fELF`, then ELFCLASS64 and ELFDATA2LSB. */
const IDENT = [0x7f, 0x45, 0x4c, 0x46, 2, 1];

/**
 * Opens the executable for reading. Returns a descriptor, or −errno. The kernel refuses writes to it while it runs
 * (ETXTBSY).
 */
export function openExecutable(): number {
  loadLibc();
  return result(libc.openat(AT_FDCWD, cString("/proc/self/exe"), O_RDONLY | O_CLOEXEC, 0));
}

/** Returns a new descriptor for the open file of `fd`, or −errno. */
export function duplicate(fd: number): number {
  return result(libc.fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/** The fields of an ELF header that are used. */
export interface ElfHeader {
  /** EM_X86_64 or EM_AARCH64, or another one. */
  readonly machine: number;
  /** The offset of the first byte behind the section header table, which linkers write last. */
  readonly end: number;
}

/**
 * Reads an ELF header from its first ELF64_EHDR.size bytes or more. Returns null if it is not a 64-bit ELF file, or has
 * no section header table.
 */
export function readElfHeader(bytes: Uint8Array): ElfHeader | null {
  if (bytes.length < ELF64_EHDR.size || IDENT.some((byte, i) => bytes[i] !== byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, ELF64_EHDR.size);
  const sections = Number(view.getBigUint64(ELF64_EHDR.shoff, true));
  if (sections === 0) return null;
  const sectionBytes = view.getUint16(ELF64_EHDR.shentsize, true);
  const end = sections + sectionBytes * view.getUint16(ELF64_EHDR.shnum, true);
  return { machine: view.getUint16(ELF64_EHDR.machine, true), end };
}
