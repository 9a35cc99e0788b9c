/**
 * Descriptors that the program's own code did not open: those inherited from the parent, and those of the runtime.
 *
 * Inherited descriptors lack FD_CLOEXEC, because they have survived execve(2). The runtime opens all of its own with
 * O_CLOEXEC.
 *
 * Source: proc_pid_fd(5), fcntl(2), dup(2), memfd_create(2), mmap(2), proc_pid_maps(5).
 * @module
 */
import * as C from "../libc/constants.ts";
import { listNames } from "../file/directory.ts";
import { orThrow } from "../libc/errno.ts";
import { FileStatus } from "../file/file_status.ts";
import { cString, libc, loadLibc, result } from "../libc/libc.ts";
import { pathOf } from "../file/path_walk.ts";
import { readProcFile } from "../file/proc_file.ts";

/** The first descriptor after standard input, output and error. */
const FIRST = 3;
/**
 * The greatest number of descriptors (fs.nr_open). All are tried if /proc cannot be read, as in an executable with file
 * capabilities.
 */
const DESCRIPTORS_MAX = 1 << 20;

/** Returns the descriptors from 3 on that are, or may be, open. */
function candidates(): number[] {
  const path = "/proc/self/fd";
  const fd = result(libc.openat(C.AT_FDCWD, cString(path), C.O_RDONLY | C.O_DIRECTORY | C.O_CLOEXEC, 0));
  const names = fd < 0 ? null : listNames(fd, DESCRIPTORS_MAX);
  if (fd >= 0) libc.close(fd);
  const all = names === null ? Array.from({ length: DESCRIPTORS_MAX }, (_, i) => i) : [...names].map(Number);
  return all.filter((candidate) => candidate >= FIRST && candidate !== fd);
}

/** Closes inherited descriptors, except for standard input, output and error, and `named`. */
export function closeInherited(named: readonly number[]): void {
  loadLibc();
  const kept = new Set(named);
  for (const fd of candidates()) {
    if (!kept.has(fd) && result(libc.fcntl(fd, C.F_GETFD, 0)) === 0) libc.close(fd);
  }
}

/**
 * Takes away from this process the regular files that are open for writing, except for standard input, output and
 * error. These are databases in which the runtime caches compiled code for all programs of this user. No file of the
 * program's own may be open for writing at the time of the call.
 *
 * Each descriptor then refers to an empty file in memory that cannot grow. Each shared mapping of such a file is
 * replaced by private memory of zeros. SQLite takes this for an unreadable database, and the runtime continues without
 * its cache.
 * @throws {SystemError} `Cannot give up /root/.cache/deno/v8_code_cache_v2: …`
 */
export function giveUpWritableFiles(): void {
  loadLibc();
  const standard = [0, 1, 2].map(statusOf);
  const files = candidates().filter((fd) => {
    const flags = result(libc.fcntl(fd, C.F_GETFL, 0));
    if (flags < 0 || (flags & C.O_PATH) !== 0 || (flags & C.O_ACCMODE) === C.O_RDONLY) return false;
    const status = statusOf(fd);
    return status.isFile && !standard.some((other) => other.isSameFile(status));
  });
  if (files.length === 0) return;
  const paths = new Map(files.map((fd) => [fd, pathOf(fd)]));
  const intentOf = (fd: number) => `give up ${paths.get(fd)}`;
  unmapShared(new Set(paths.values()));
  const empty = emptyFile(intentOf(files[0]!));
  try {
    for (const fd of files) orThrow(result(libc.dup3(empty, fd, C.O_CLOEXEC)), intentOf(fd), "dup3");
  } finally {
    libc.close(empty);
  }
}

function statusOf(fd: number): FileStatus {
  const status = new FileStatus();
  status.readDescriptor(fd);
  return status;
}

/**
 * Returns the descriptor of an empty file in memory, which cannot be written to.
 * @throws {SystemError} if the kernel refuses it
 */
function emptyFile(intent: string): number {
  const flags = C.MFD_CLOEXEC | C.MFD_ALLOW_SEALING;
  const fd = orThrow(result(libc.memfd_create(cString("epollet: given up"), flags)), intent, "memfd_create");
  const seals = C.F_SEAL_SEAL | C.F_SEAL_SHRINK | C.F_SEAL_GROW | C.F_SEAL_WRITE;
  orThrow(result(libc.fcntl(fd, C.F_ADD_SEALS, seals)), intent, "fcntl F_ADD_SEALS");
  return fd;
}

/** A line of a shared mapping, such as `7f00c000-7f00d000 rw-s 00000000 08:01 1234    /path`. */
const SHARED = /^([0-9a-f]+)-([0-9a-f]+) [r-][w-][x-]s \S+ \S+ \d+ +(\/.*)$/gm;

/**
 * Replaces each shared mapping of the files at `paths` by private memory of zeros.
 * @throws {SystemError} if the kernel refuses it
 */
function unmapShared(paths: ReadonlySet<string>): void {
  let maps: string;
  try {
    maps = new TextDecoder().decode(readProcFile("/proc/self/maps"));
  } catch {
    return; // an executable with file capabilities may not read it
  }
  for (const [, from, to, path] of maps.matchAll(SHARED)) {
    if (!paths.has(path!)) continue;
    const [start, end] = [from, to].map((digits) => BigInt(`0x${digits}`)) as [bigint, bigint];
    const flags = C.MAP_PRIVATE | C.MAP_ANONYMOUS | C.MAP_FIXED;
    const address = libc.mmap(start, end - start, C.PROT_READ | C.PROT_WRITE, flags, -1, 0n);
    orThrow(address === -1n ? result(-1) : 0, `give up ${path}`, "mmap");
  }
}
