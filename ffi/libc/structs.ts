/**
 * Layouts of the C structures that cross the FFI: sizes and offsets in bytes.
 *
 * `tests/ffi/ffi_structs_test.ts` compares each with `sizeof` and `offsetof` of the machine's C compiler.
 * Source: the man page named at each.
 * @module
 */
import { IS_AARCH64 } from "./constants.ts";

/** epoll_event, epoll_ctl(2): packed on x86-64, naturally aligned on aarch64. */
export const EPOLL_EVENT: { readonly size: number; readonly events: number; readonly data: number } =
  IS_AARCH64 ? { size: 16, events: 0, data: 8 } : { size: 12, events: 0, data: 4 };

/** pollfd, poll(2). */
export const POLLFD = { size: 8, fd: 0, events: 4, revents: 6 } as const;

/** sockaddr_in, ip(7); port and address in network byte order. */
export const SOCKADDR_IN = { size: 16, family: 0, port: 2, addr: 4 } as const;

/** sockaddr_in6, ipv6(7). */
export const SOCKADDR_IN6 = { size: 28, family: 0, port: 2, flowinfo: 4, addr: 8, scope_id: 24 } as const;

/** sockaddr_un, unix(7). The path occupies the rest of the structure. */
export const SOCKADDR_UN = { size: 110, family: 0, path: 2 } as const;

/** iovec, readv(2). */
export const IOVEC = { size: 16, base: 0, len: 8 } as const;

/** msghdr, sendmsg(2). */
export const MSGHDR = {
  size: 56,
  name: 0,
  namelen: 8,
  iov: 16,
  iovlen: 24,
  control: 32,
  controllen: 40,
  flags: 48,
} as const;

/** cmsghdr, cmsg(3). The data follow. */
export const CMSGHDR = { size: 16, len: 0, level: 8, type: 12 } as const;

/** tls12_crypto_info_aes_gcm_128, linux/tls.h. */
export const TLS12_CRYPTO_INFO_AES_GCM_128 = {
  size: 40,
  version: 0,
  cipher_type: 2,
  iv: 4,
  key: 12,
  salt: 28,
  rec_seq: 32,
} as const;

/** tls12_crypto_info_aes_gcm_256, linux/tls.h. */
export const TLS12_CRYPTO_INFO_AES_GCM_256 = {
  size: 56,
  version: 0,
  cipher_type: 2,
  iv: 4,
  key: 12,
  salt: 44,
  rec_seq: 48,
} as const;

/** tls12_crypto_info_chacha20_poly1305, linux/tls.h. Its salt has no bytes. */
export const TLS12_CRYPTO_INFO_CHACHA20_POLY1305 = {
  size: 56,
  version: 0,
  cipher_type: 2,
  iv: 4,
  key: 16,
  rec_seq: 48,
} as const;

/** timeval, select(2). */
export const TIMEVAL = { size: 16, sec: 0, usec: 8 } as const;

/** open_how, openat2(2). */
export const OPEN_HOW = { size: 24, flags: 0, mode: 8, resolve: 16 } as const;

/** inotify_event, inotify(7). The name follows, padded with NULs to `len` bytes. */
export const INOTIFY_EVENT = { size: 16, wd: 0, mask: 4, len: 12 } as const;

/** dirent64, getdents64(2). An entry is `reclen` bytes long; `size` is the length of the longest. */
export const DIRENT64 = { size: 280, reclen: 16, type: 18, name: 19 } as const;

/** statfs, fstatfs(2). */
export const STATFS = { size: 120, type: 0 } as const;

/** sigset_t, sigprocmask(2): bit n − 1 stands for signal n. */
export const SIGSET = { size: 128 } as const;

/** signalfd_siginfo, signalfd(2). */
export const SIGNALFD_SIGINFO = { size: 128 } as const;

/** rlimit, getrlimit(2). */
export const RLIMIT = { size: 16, cur: 0, max: 8 } as const;

/** timespec, clock_gettime(2). */
export const TIMESPEC = { size: 16, sec: 0, nsec: 8 } as const;

/** rusage, getrusage(2): two struct timeval, then counters. */
export const RUSAGE = { size: 144, utime: 0, stime: 16 } as const;

/** passwd, getpwnam(3). */
export const PASSWD = { size: 48, name: 0, uid: 16, gid: 20 } as const;

/** group, getgrnam(3). */
export const GROUP = { size: 32, gid: 16 } as const;

/** ifaddrs, getifaddrs(3). */
export const IFADDRS = { size: 56, next: 0, flags: 16, addr: 24 } as const;

/** landlock_path_beneath_attr, landlock_add_rule(2): packed. */
export const LANDLOCK_PATH_BENEATH_ATTR = { size: 12, allowed_access: 0, parent_fd: 8 } as const;

/** Elf64_Ehdr, elf(5). */
export const ELF64_EHDR = { size: 64, machine: 18, shoff: 40, shentsize: 58, shnum: 60 } as const;

/** struct stat, stat(2). */
export const STAT = {
  size: (IS_AARCH64 ? 128 : 144) as number,
  dev: 0,
  ino: 8,
  nlink: (IS_AARCH64 ? 20 : 16) as number,
  mode: (IS_AARCH64 ? 16 : 24) as number,
  file_size: 48,
  mtime_sec: 88,
  mtime_nsec: 96,
  ctime_sec: 104,
  ctime_nsec: 112,
} as const;

/** statx(2): one layout on every architecture. */
export const STATX = {
  size: 256,
  mask: 0,
  nlink: 16,
  uid: 20,
  mode: 28,
  ino: 32,
  file_size: 40,
  ctime_sec: 96,
  ctime_nsec: 104,
  mtime_sec: 112,
  mtime_nsec: 120,
  dev_major: 136,
  dev_minor: 140,
  mnt_id: 144,
} as const;

/** struct addrinfo, getaddrinfo(3). */
export const ADDRINFO = { size: 48, family: 4, socktype: 8, addr: 24, next: 40 } as const;

/** io_uring_params, io_uring_setup(2). `sq_off` and `cq_off` are the two structures below. */
export const IO_URING_PARAMS = {
  size: 120,
  sq_entries: 0,
  cq_entries: 4,
  flags: 8,
  features: 20,
  sq_off: 40,
  cq_off: 80,
} as const;

/** io_sqring_offsets, io_uring_setup(2): where the submission queue's words are in the mapped memory. */
export const IO_SQRING_OFFSETS = { size: 40, head: 0, tail: 4, ring_mask: 8, array: 24 } as const;

/** io_cqring_offsets, io_uring_setup(2): where the completion queue's words are in the mapped memory. */
export const IO_CQRING_OFFSETS = { size: 40, head: 0, tail: 4, ring_mask: 8, cqes: 20 } as const;

/** io_uring_sqe, io_uring_enter(2): a request. The meaning of most fields depends on the operation. */
export const IO_URING_SQE = {
  size: 64,
  opcode: 0,
  flags: 1,
  ioprio: 2,
  fd: 4,
  off: 8,
  addr: 16,
  len: 24,
  op_flags: 28,
  user_data: 32,
  buf_group: 40,
} as const;

/** io_uring_cqe, io_uring_enter(2): a completion. */
export const IO_URING_CQE = { size: 16, user_data: 0, res: 8, flags: 12 } as const;

/** io_uring_getevents_arg, io_uring_enter(2): the argument with IORING_ENTER_EXT_ARG. */
export const IO_URING_GETEVENTS_ARG = { size: 24, sigmask: 0, sigmask_sz: 8, ts: 16 } as const;

/** io_uring_restriction, io_uring_register(2). */
export const IO_URING_RESTRICTION = { size: 16, opcode: 0, operand: 2 } as const;
