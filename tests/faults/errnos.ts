/**
 * Every system call that the server makes through the C library, with every error that its man page names. Sources:
 * section 2 of the Linux man-pages; accept(2) for pending network errors; tcp(7) and socket(7) for errors of a
 * connection. EINTR is added for calls that can wait. Names are those of the kernel, as in strace(1).
 * @module
 */
import { ERRNO } from "./errno_numbers.ts";

/** The name of an errno. */
export type ErrnoName = keyof typeof ERRNO;

/** accept(2): "already-pending network errors on the new socket", and the error of a firewall. */
const PENDING: readonly ErrnoName[] = [
  "ENETDOWN",
  "EPROTO",
  "ENOPROTOOPT",
  "EHOSTDOWN",
  "ENONET",
  "EHOSTUNREACH",
  "EOPNOTSUPP",
  "ENETUNREACH",
  "EPERM",
  "ETIMEDOUT",
];

/** tcp(7), ip(7), socket(7): errors of a connection. */
const BROKEN: readonly ErrnoName[] = ["ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"];

/** open(2). */
const OPEN: readonly ErrnoName[] = [
  "EACCES",
  "EBADF",
  "EBUSY",
  "EDQUOT",
  "EEXIST",
  "EFAULT",
  "EFBIG",
  "EINTR",
  "EINVAL",
  "EISDIR",
  "ELOOP",
  "EMFILE",
  "ENAMETOOLONG",
  "ENFILE",
  "ENODEV",
  "ENOENT",
  "ENOMEM",
  "ENOSPC",
  "ENOTDIR",
  "ENXIO",
  "EOPNOTSUPP",
  "EOVERFLOW",
  "EPERM",
  "EROFS",
  "ETXTBSY",
  "EAGAIN",
  "EIO",
];

const EPOLL_CTL: readonly ErrnoName[] = [
  "EBADF",
  "EEXIST",
  "EINVAL",
  "ELOOP",
  "ENOENT",
  "ENOMEM",
  "ENOSPC",
  "EPERM",
];

const READ: readonly ErrnoName[] = ["EBADF", "EFAULT", "EINTR", "EINVAL", "EIO", "EISDIR"];

/** The calls of a server that serves. */
export const SERVING = {
  accept4: [
    "EAGAIN",
    "EBADF",
    "ECONNABORTED",
    "EFAULT",
    "EINTR",
    "EINVAL",
    "EMFILE",
    "ENFILE",
    "ENOBUFS",
    "ENOMEM",
    "ENOTSOCK",
    "ENOSR",
    "ESOCKTNOSUPPORT",
    "EPROTONOSUPPORT",
    ...PENDING,
  ],
  recvfrom: [
    "EAGAIN",
    "EBADF",
    "ECONNREFUSED",
    "EFAULT",
    "EINTR",
    "EINVAL",
    "ENOMEM",
    "ENOTCONN",
    "ENOTSOCK",
    ...BROKEN,
  ],
  sendto: [
    "EACCES",
    "EAGAIN",
    "EALREADY",
    "EBADF",
    "EDESTADDRREQ",
    "EFAULT",
    "EINTR",
    "EINVAL",
    "EISCONN",
    "EMSGSIZE",
    "ENOBUFS",
    "ENOMEM",
    "ENOTCONN",
    "ENOTSOCK",
    "EOPNOTSUPP",
    ...BROKEN,
  ],
  sendfile: [
    "EAGAIN",
    "EBADF",
    "EFAULT",
    "EINTR",
    "EINVAL",
    "EIO",
    "ENOBUFS",
    "ENOMEM",
    "EOVERFLOW",
    "ESPIPE",
    ...BROKEN,
  ],
  shutdown: ["EBADF", "EINVAL", "ENOBUFS", "ENOTCONN", "ENOTSOCK"],
  epoll_ctl: EPOLL_CTL,
  openat: OPEN,
  openat2: [...OPEN, "E2BIG", "EXDEV"],
  statx: [
    "EACCES",
    "EBADF",
    "EFAULT",
    "EINTR",
    "EINVAL",
    "EIO",
    "ELOOP",
    "ENAMETOOLONG",
    "ENOENT",
    "ENOMEM",
    "ENOTDIR",
  ],
  read: READ, // inotify's queue; EAGAIN would mean that it is empty
  pread64: [...READ, "EAGAIN", "ENOMEM", "ENXIO", "EOVERFLOW", "ESPIPE"],
  getdents64: ["EBADF", "EFAULT", "EINTR", "EINVAL", "EIO", "ENOENT", "ENOMEM", "ENOTDIR"],
  fstatfs: [
    "EACCES",
    "EBADF",
    "EFAULT",
    "EINTR",
    "EIO",
    "ELOOP",
    "ENAMETOOLONG",
    "ENOENT",
    "ENOMEM",
    "ENOSYS",
    "ENOTDIR",
    "EOVERFLOW",
  ],
  ioctl: ["EBADF", "EFAULT", "EINTR", "EINVAL", "EIO", "ENOTTY"],
  inotify_init1: ["EINVAL", "EMFILE", "ENFILE", "ENOMEM"],
  inotify_add_watch: [
    "EACCES",
    "EBADF",
    "EEXIST",
    "EFAULT",
    "EINVAL",
    "ENAMETOOLONG",
    "ENOENT",
    "ENOMEM",
    "ENOSPC",
    "ENOTDIR",
  ],
  inotify_rm_watch: ["EBADF", "EINVAL"],
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

/**
 * Calls that wait, or wake a waiting thread. Deno makes these itself, too, so they have to be told apart in another
 * way.
 */
export const WAITING = {
  epoll_wait: ["EBADF", "EFAULT", "EINTR", "EINVAL"],
  poll: ["EFAULT", "EINTR", "EINVAL", "ENOMEM"],
  select: ["EBADF", "EINTR", "EINVAL", "ENOMEM"],
  io_uring_enter: ["EAGAIN", "EBADF", "EBADR", "EBUSY", "EFAULT", "EINTR", "EINVAL", "ENOMEM"],
  write: ["EINTR"], // eventfd(2): EAGAIN means that a wake-up is already pending
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

/** close(2): on Linux the descriptor is closed even so. */
export const CLOSING = {
  close: ["EBADF", "EDQUOT", "EINTR", "EIO", "ENOSPC"],
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

/** The calls that only a starting server makes. */
export const STARTING = {
  socket: ["EACCES", "EAFNOSUPPORT", "EINVAL", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPROTONOSUPPORT"],
  setsockopt: ["EBADF", "EFAULT", "EINVAL", "ENOMEM", "ENOPROTOOPT", "ENOTSOCK"],
  bind: [
    "EACCES",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "EBADF",
    "EFAULT",
    "EINVAL",
    "ELOOP",
    "ENAMETOOLONG",
    "ENOENT",
    "ENOMEM",
    "ENOTDIR",
    "ENOTSOCK",
    "EROFS",
  ],
  listen: ["EADDRINUSE", "EBADF", "ENOTSOCK", "EOPNOTSUPP"],
  getsockname: ["EBADF", "EFAULT", "EINVAL", "ENOBUFS", "ENOTSOCK"],
  epoll_create1: ["EINVAL", "EMFILE", "ENFILE", "ENOMEM"],
  io_uring_setup: ["EFAULT", "EMFILE", "ENFILE", "ENOMEM", "ENOSYS", "EPERM"],
  io_uring_register: ["EACCES", "EBADF", "EBUSY", "EFAULT", "EINVAL", "ENOMEM", "EPERM"],
  mmap: ["EACCES", "EAGAIN", "EBADF", "EINVAL", "ENFILE", "ENODEV", "ENOMEM", "EPERM"],
  eventfd: ["EINVAL", "EMFILE", "ENFILE", "ENODEV", "ENOMEM"],
  getrlimit: ["EFAULT", "EINVAL", "EPERM"],
  setrlimit: ["EFAULT", "EINVAL", "EPERM"],
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

/** A call that fails once, or with `"1+"` from the first time on. */
export interface Fault {
  readonly call: string;
  readonly errno: ErrnoName;
  /** The number of the call, from 1. */
  readonly when: number | `${number}+`;
}

/** Formats a fault: `sendto 2: ENOMEM`. */
export function describeFault({ call, errno, when }: Fault): string {
  return `${call} ${when}: ${errno}`;
}

/** Describes the failure that `faults` caused. */
export function describeFailure(faults: readonly Fault[], error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`${faults.map(describeFault).join(", ")}: ${message}`, { cause: error });
}
