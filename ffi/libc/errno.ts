/**
 * Error numbers: names and meanings, and the error that set-up code throws.
 *
 * Calls on the way of a request return ≥ 0 or −errno and never throw; only set-up code (opening, binding) throws.
 * Source: errno(3), `asm-generic/errno.h`; the numbers are equal on x86-64 and aarch64.
 * @module
 */

export const EPERM = 1;
export const ENOENT = 2;
/** A signal came first: the call is to be made again. */
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const EBADF = 9;
/** Nothing is there at present, or nothing fits: wait for readiness. */
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
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
/** It has begun, and goes on by itself. */
export const EINPROGRESS = 115;
export const EHOSTDOWN = 112;
export const EHOSTUNREACH = 113;

/** number → [name, meaning] of the errors that a user of this program can meet. */
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
  [107, ["ENOTCONN", "not connected"]],
  [ETIMEDOUT, ["ETIMEDOUT", "timed out"]],
  [ECONNREFUSED, ["ECONNREFUSED", "connection refused"]],
  [EHOSTDOWN, ["EHOSTDOWN", "host is down"]],
  [EHOSTUNREACH, ["EHOSTUNREACH", "no route to host"]],
  [EINPROGRESS, ["EINPROGRESS", "not connected yet"]],
]);

/** The C name of an error number, e.g. `"EACCES"`; `"errno 250"` for one that has no entry here. */
export function errnoName(errno: number): string {
  return ERRORS.get(errno)?.[0] ?? `errno ${errno}`;
}

/** Name and meaning for people: `"EACCES (permission denied)"`. */
export function describeErrno(errno: number): string {
  const entry = ERRORS.get(errno);
  return entry === undefined ? `errno ${errno}` : `${entry[0]} (${entry[1]})`;
}

/**
 * A system call of set-up code that failed. `message` reads
 * `Cannot listen on 0.0.0.0:80: EACCES (permission denied)`; `call` names the call, `errno` is positive.
 */
export class SystemError extends Error {
  /** For those who look at names. */
  override readonly name = "SystemError";
  /** The call that failed, e.g. `bind`. */
  readonly call: string;
  /** Its error number, positive. */
  readonly errno: number;
  /** The same by its C name, e.g. `EACCES`. */
  readonly code: string;

  /** `intent` completes "Cannot …", e.g. `listen on 0.0.0.0:80`; `advice` says what to do, where that is known. */
  constructor(intent: string, call: string, errno: number, advice: string = "") {
    super(`Cannot ${intent}: ${describeErrno(errno)}${advice === "" ? "" : `: ${advice}`}`);
    this.call = call;
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

/** `value` when it is ≥ 0; throws {@linkcode SystemError} when it is −errno. For set-up code only. */
export function orThrow(value: number, intent: string, call: string): number {
  if (value < 0) throw new SystemError(intent, call, -value);
  return value;
}
