/**
 * Every system call that the server makes through the C library, with every error that its man page names: section 2
 * of the Linux man-pages, and what accept(2) says of the network's pending errors, tcp(7) and socket(7) of a
 * connection's, and EINTR for whatever can wait. Names are those of the kernel, as strace(1) has them.
 * @module
 */
import { ERRNO } from "./errno_numbers.ts";

/** The name of an errno. */
export type ErrnoName = keyof typeof ERRNO;

/** accept(2): "already-pending network errors on the new socket", and a firewall's. */
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

/** tcp(7), ip(7), socket(7): what befalls a connection. */
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

/** What serving calls. */
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
  read: READ, // inotify's queue; EAGAIN would say that it is empty
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

/** What waits, and wakes the wait. Deno calls these for itself, too: they need another way to be told apart. */
export const WAITING = {
  epoll_wait: ["EBADF", "EFAULT", "EINTR", "EINVAL"],
  poll: ["EFAULT", "EINTR", "EINVAL", "ENOMEM"],
  select: ["EBADF", "EINTR", "EINVAL", "ENOMEM"],
  write: ["EINTR"], // eventfd(2): EAGAIN means that the wait is woken already
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

/** close(2): on Linux the descriptor is closed all the same. */
export const CLOSING = {
  close: ["EBADF", "EDQUOT", "EINTR", "EIO", "ENOSPC"],
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

/** What only a server that starts calls. */
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
  eventfd: ["EINVAL", "EMFILE", "ENFILE", "ENODEV", "ENOMEM"],
  getrlimit: ["EFAULT", "EINVAL", "EPERM"],
  setrlimit: ["EFAULT", "EINVAL", "EPERM"],
} as const satisfies Readonly<Record<string, readonly ErrnoName[]>>;

/** One call that is to fail once, or, by `"1+"`, from the first on. */
export interface Fault {
  readonly call: string;
  readonly errno: ErrnoName;
  /** Which of them, from 1. */
  readonly when: number | `${number}+`;
}

/** `sendto 2: ENOMEM` */
export function describeFault({ call, errno, when }: Fault): string {
  return `${call} ${when}: ${errno}`;
}

/** What went wrong with `faults`. */
export function describeFailure(faults: readonly Fault[], error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`${faults.map(describeFault).join(", ")}: ${message}`, { cause: error });
}
