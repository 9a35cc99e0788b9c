/**
 * Error numbers, their names and meanings, and the error that set-up code throws.
 *
 * Calls on the path of a request return ≥ 0 or −errno and never throw. Only set-up code (opening, binding) throws.
 *
 * Source: errno(3), `asm-generic/errno.h`. The numbers are the same on x86-64 and aarch64.
 * @module
 */

export const EPERM = 1;
export const ENOENT = 2;
/** A signal interrupted the call. The caller repeats it. */
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const EBADF = 9;
/** Nothing can be read or written at present. The caller waits for readiness. */
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const EXDEV = 18;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOTTY = 25;
export const ENOSPC = 28;
export const EMLINK = 31;
export const EPIPE = 32;
export const ENAMETOOLONG = 36;
export const ENOSYS = 38;
export const ELOOP = 40;
/** io_uring has lost completions for lack of memory. */
export const EBADR = 53;
/** The timeout of io_uring_enter(2) is over. */
export const ETIME = 62;
export const ENONET = 64;
export const EPROTO = 71;
export const ENOTSOCK = 88;
export const EPROTOTYPE = 91;
export const ENOPROTOOPT = 92;
export const EOPNOTSUPP = 95;
export const EADDRINUSE = 98;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const ENOTCONN = 107;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
/** The operation has started and continues in the background. */
export const EINPROGRESS = 115;
export const EHOSTDOWN = 112;
export const EHOSTUNREACH = 113;

/** Error number → name and meaning, for the errors that a user of this program can meet. */
const ERRORS = new Map<number, readonly [name: string, meaning: string]>([
  [EPERM, ["EPERM", "operation not permitted"]],
  [ENOENT, ["ENOENT", "no such file or directory"]],
  [EINTR, ["EINTR", "interrupted by a signal"]],
  [EIO, ["EIO", "input/output error"]],
  [ENXIO, ["ENXIO", "no such device or address"]],
  [EBADF, ["EBADF", "bad file descriptor"]],
  [EAGAIN, ["EAGAIN", "resource temporarily unavailable"]],
  [ENOMEM, ["ENOMEM", "out of memory"]],
  [EACCES, ["EACCES", "permission denied"]],
  [14, ["EFAULT", "bad address"]],
  [EBUSY, ["EBUSY", "device or resource busy"]],
  [EEXIST, ["EEXIST", "already exists"]],
  [EXDEV, ["EXDEV", "leads outside of the directory"]],
  [ENODEV, ["ENODEV", "no such device"]],
  [ENOTDIR, ["ENOTDIR", "not a directory"]],
  [EISDIR, ["EISDIR", "is a directory"]],
  [EINVAL, ["EINVAL", "invalid argument"]],
  [ENFILE, ["ENFILE", "too many open files in the system"]],
  [EMFILE, ["EMFILE", "too many open files"]],
  [ENOTTY, ["ENOTTY", "not a terminal"]],
  [ENOSPC, ["ENOSPC", "no space left, or a limit of the user's reached"]],
  [30, ["EROFS", "read-only file system"]],
  [EMLINK, ["EMLINK", "more than one link"]],
  [EPIPE, ["EPIPE", "broken pipe"]],
  [ENAMETOOLONG, ["ENAMETOOLONG", "file name too long"]],
  [ENOSYS, ["ENOSYS", "not implemented by this kernel"]],
  [ELOOP, ["ELOOP", "too many symbolic links"]],
  [EBADR, ["EBADR", "completions were lost"]],
  [ETIME, ["ETIME", "timer expired"]],
  [ENONET, ["ENONET", "not on the network"]],
  [EPROTO, ["EPROTO", "protocol error"]],
  [75, ["EOVERFLOW", "value too large"]],
  [ENOTSOCK, ["ENOTSOCK", "not a socket"]],
  [EPROTOTYPE, ["EPROTOTYPE", "a socket of another kind"]],
  [ENOPROTOOPT, ["ENOPROTOOPT", "protocol not available"]],
  [94, ["ESOCKTNOSUPPORT", "socket type not supported"]],
  [EOPNOTSUPP, ["EOPNOTSUPP", "operation not supported"]],
  [97, ["EAFNOSUPPORT", "address family not supported"]],
  [EADDRINUSE, ["EADDRINUSE", "address already in use"]],
  [99, ["EADDRNOTAVAIL", "address not available on this machine"]],
  [ENETDOWN, ["ENETDOWN", "network is down"]],
  [ENETUNREACH, ["ENETUNREACH", "network is unreachable"]],
  [ECONNABORTED, ["ECONNABORTED", "connection aborted"]],
  [ECONNRESET, ["ECONNRESET", "connection reset by peer"]],
  [ENOBUFS, ["ENOBUFS", "no buffer space available"]],
  [ENOTCONN, ["ENOTCONN", "not connected"]],
  [ETIMEDOUT, ["ETIMEDOUT", "timed out"]],
  [ECONNREFUSED, ["ECONNREFUSED", "connection refused"]],
  [EHOSTDOWN, ["EHOSTDOWN", "host is down"]],
  [EHOSTUNREACH, ["EHOSTUNREACH", "no route to host"]],
  [EINPROGRESS, ["EINPROGRESS", "not connected yet"]],
]);

/** Returns the C name of an error number, e.g. `"EACCES"`. A number without an entry reads `"errno 250"`. */
export function errnoName(errno: number): string {
  return ERRORS.get(errno)?.[0] ?? `errno ${errno}`;
}

/** Returns name and meaning of an error number for messages: `"EACCES (permission denied)"`. */
export function describeErrno(errno: number): string {
  const entry = ERRORS.get(errno);
  return entry === undefined ? `errno ${errno}` : `${entry[0]} (${entry[1]})`;
}

/**
 * The error of a system call that failed in set-up code. Its `message` reads `Cannot listen on 0.0.0.0:80: EACCES
 * (permission denied)`.
 */
export class SystemError extends Error {
  /** Always `"SystemError"`. */
  override readonly name = "SystemError";
  /** The name of the call that failed, e.g. `bind`. */
  readonly call: string;
  /** The error number, positive. */
  readonly errno: number;
  /** The C name of the error number, e.g. `EACCES`. */
  readonly code: string;

  /**
   * `intent` completes the sentence "Cannot …", e.g. `listen on 0.0.0.0:80`. `advice` tells the user what to do; ""
   * adds nothing.
   */
  constructor(intent: string, call: string, errno: number, advice: string = "") {
    super(`Cannot ${intent}: ${describeErrno(errno)}${advice === "" ? "" : `: ${advice}`}`);
    this.call = call;
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

/**
 * Returns `value` if it is ≥ 0. For set-up code only.
 * @throws {SystemError} when `value` is −errno
 */
export function orThrow(value: number, intent: string, call: string): number {
  if (value < 0) throw new SystemError(intent, call, -value);
  return value;
}
