/**
 * The functions of the C library, and errno. This is the only `Deno.dlopen` of the project.
 *
 * Parameter types are chosen for the cost of a call. `buffer` takes a `Uint8Array` without conversion. A number
 * passed to `u64` or `usize` costs as much again as a cheap system call, and an `isize` result arrives as a bigint.
 * So some parameters are declared narrower than in C. This is safe for these reasons:
 *
 * - **`size_t`, `nfds_t` and `unsigned long` as `u32`** (`read`, `write`, `recv`, `send`, `sendfile`, `pread`,
 *   `getcwd`, `poll`, `ioctl`, `setgroups`, `sched_getaffinity`, `malloc_trim`, the sizes of `openat2` and Landlock).
 *   The ABIs leave the upper half of the register undefined for a 32-bit argument. The runtime fills it with zeros in
 *   interpreted calls, in compiled calls and in calls on another thread (`tests/ffi/ffi_abi_test.ts`). The runtime
 *   rejects or truncates a number of more than 32 bits, so callers split larger requests (`file.ts`, `output.ts`).
 * - **`ssize_t` as `i32`**: the kernel moves at most 0x7ffff000 bytes per call (`MAX_RW_COUNT`).
 * - **`long` as `i32`**, for `syscall`: its number, and its result, which is 0, −1 or a descriptor. The kernel
 *   truncates those arguments of `syscall` that are `int` in the kernel (such as AT_FDCWD) or flags of 32 bits.
 * - **`int` in a variadic call** (`openat`, `fcntl`, `ioctl`, `syscall`): on both architectures it takes the same
 *   registers as a named parameter. On x86-64, AL counts floating-point arguments only, so it need not be set.
 * - `mode_t`, `uid_t`, `gid_t`, `socklen_t` are `u32`, `pid_t` and `clockid_t` `i32`, as in C. `off_t` and the
 *   arguments of `prctl` have 64 bits.
 * @module
 */

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },

  // sockets
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getifaddrs: { parameters: ["buffer"], result: "i32" },
  freeifaddrs: { parameters: ["pointer"], result: "void" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  sendfile: { parameters: ["i32", "i32", "buffer", "u32"], result: "i32" },
  inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "pointer" },
  getaddrinfo: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32" },
  freeaddrinfo: { parameters: ["pointer"], result: "void" },

  // Multiplexers. A call with `_parked` in its name runs on another thread, so errno cannot be read after it.
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  epoll_wait_parked: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  poll: { parameters: ["buffer", "u32", "i32"], result: "i32" },
  poll_parked: { name: "poll", parameters: ["buffer", "u32", "i32"], result: "i32", nonblocking: true },
  select: { parameters: ["i32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  select_parked: {
    name: "select",
    parameters: ["i32", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },

  // files
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  syscall_openat2: { name: "syscall", parameters: ["i32", "i32", "buffer", "buffer", "u32"], result: "i32" },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  syscall_newfstatat: {
    name: "syscall",
    parameters: ["i32", "i32", "buffer", "buffer", "i32"],
    result: "i32",
  },
  getdents64: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  ioctl: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  ioctl_int: { name: "ioctl", parameters: ["i32", "u32", "i32"], result: "i32" },
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  inotify_rm_watch: { parameters: ["i32", "i32"], result: "i32" },
  fchownat: { parameters: ["i32", "buffer", "u32", "u32", "i32"], result: "i32" },
  syscall_renameat2: {
    name: "syscall",
    parameters: ["i32", "i32", "buffer", "i32", "buffer", "u32"],
    result: "i32",
  },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  fsync: { parameters: ["i32"], result: "i32" },
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  renameat: { parameters: ["i32", "buffer", "i32", "buffer"], result: "i32" },
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  symlinkat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
  futimens: { parameters: ["i32", "buffer"], result: "i32" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  syncfs: { parameters: ["i32"], result: "i32" },
  umask: { parameters: ["u32"], result: "u32" },
  pread: { parameters: ["i32", "buffer", "u32", "i64"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },

  // process
  memcpy: { parameters: ["pointer", "buffer", "u32"], result: "pointer" },
  getpid: { parameters: [], result: "i32" },
  getpagesize: { parameters: [], result: "i32" },
  isatty: { parameters: ["i32"], result: "i32" },
  getenv: { parameters: ["buffer"], result: "pointer" },
  secure_getenv: { parameters: ["buffer"], result: "pointer" },
  getauxval: { parameters: ["u64"], result: "u64" },
  getcwd: { parameters: ["buffer", "u32"], result: "pointer" },
  signal: { parameters: ["i32", "u64"], result: "u64" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  mmap: { parameters: ["u64", "u64", "i32", "i32", "i32", "i64"], result: "i64" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  getrusage: { parameters: ["i32", "buffer"], result: "i32" },
  mallopt: { parameters: ["i32", "i32"], result: "i32", optional: true },
  malloc_trim: { parameters: ["u32"], result: "i32", optional: true },

  // children
  posix_spawn: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  sigprocmask: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  signalfd: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  sched_getaffinity: { parameters: ["i32", "u32", "buffer"], result: "i32" },

  // Privileges. The set… calls of glibc change every thread of the process; prctl and Landlock change the calling
  // thread.
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  capget: { parameters: ["buffer", "buffer"], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  getpwnam: { parameters: ["buffer"], result: "pointer" },
  getpwuid: { parameters: ["u32"], result: "pointer" },
  getgrnam: { parameters: ["buffer"], result: "pointer" },
  initgroups: { parameters: ["buffer", "u32"], result: "i32" },
  setgroups: { parameters: ["u32", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  getresgid: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  getresuid: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  faccessat: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  readlinkat: { parameters: ["i32", "buffer", "buffer", "u32"], result: "i32" },
  syscall_pidfd_open: { name: "syscall", parameters: ["i32", "i32", "u32"], result: "i32" },
  syscall_landlock_create_ruleset: {
    name: "syscall",
    parameters: ["i32", "buffer", "u32", "u32"],
    result: "i32",
  },
  syscall_landlock_add_rule: {
    name: "syscall",
    parameters: ["i32", "i32", "u32", "buffer", "u32"],
    result: "i32",
  },
  syscall_landlock_restrict_self: { name: "syscall", parameters: ["i32", "i32", "u32"], result: "i32" },

  // for the tests, which need both ends of a pipe as descriptors
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * The functions of the C library. `libc` is undefined until {@linkcode loadLibc} has run. Every function of `ffi/`
 * that makes a descriptor calls {@linkcode loadLibc} first, so code that has a descriptor may use `libc` directly.
 */
export let libc: Libc = undefined as unknown as Libc;

let errnoOfThread: Int32Array = new Int32Array(1);

/**
 * Opens the C library on the first call. Needs `--allow-ffi` without a scope.
 * @throws {Deno.errors.NotCapable} without that permission
 * @throws {Error} on a system that is not Linux, or has no glibc
 */
export function loadLibc(): void {
  if (libc !== undefined) return;
  if (Deno.build.os !== "linux") throw new Error(`epollet needs Linux; this is ${Deno.build.os}`);
  const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
  // The address belongs to the thread and never changes (errno(3)), so one view is enough.
  const address = symbols.__errno_location();
  if (address === null) throw new Error("__errno_location returned NULL");
  errnoOfThread = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
  libc = symbols;
}

/**
 * The number of calls whose result went through {@linkcode result}, in the only element. An array, because V8
 * allocates an object for each new value of a large number variable.
 */
export const callCount: Float64Array<ArrayBuffer> = new Float64Array(1);

/**
 * Returns the result of a call: `value` if it is ≥ 0, else −errno. The call must be the argument itself
 * (`result(libc.recv(…))`), because an `await` in between lets other calls change errno. It cannot be used for
 * `_parked` calls, which set the errno of another thread.
 */
export function result(value: number): number {
  callCount[0]!++;
  return value < 0 ? -errnoOfThread[0]! : value;
}

/**
 * Receives each call of the C library after it has returned, with the name of the function in `SYMBOLS`. A negative number
 * that the function has returned is replaced by −errno. Calls on another thread have a promise as their outcome.
 */
export type CallObserver = (name: string, args: readonly unknown[], outcome: unknown) => void;

/**
 * Reports all further calls to `observer`, for `epollet learn`. It wraps the functions themselves, so a program that does not
 * call this pays nothing for it.
 */
export function observeCalls(observer: CallObserver): void {
  loadLibc();
  const observed = Object.entries(libc).map(([name, call]) => {
    if (typeof call !== "function") return [name, call]; // an optional function that this C library does not have
    const original = call as (...args: unknown[]) => unknown;
    return [name, (...args: unknown[]) => {
      const value = original(...args);
      const errno = errnoOfThread[0]!;
      observer(name, args, typeof value === "number" && value < 0 ? -errno : value);
      errnoOfThread[0] = errno; // `result` reads it next
      return value;
    }];
  });
  libc = Object.fromEntries(observed) as Libc;
}

const encoder = new TextEncoder();

/**
 * Returns `text` as a NUL-terminated string in UTF-8.
 * @throws {TypeError} when `text` contains a NUL, at which C would silently end the string
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(`${JSON.stringify(text)} has a NUL in it: no name of the system can`);
  }
  return encoder.encode(text + "\0") as Uint8Array<ArrayBuffer>; // never shared, unlike Deno 2.4 says
}
