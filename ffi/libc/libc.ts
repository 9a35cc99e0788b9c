/**
 * The C library: one symbol table, and errno. This is the only `Deno.dlopen` of the project.
 *
 * Types are chosen for the cost of a call: `buffer` takes a `Uint8Array` as it is; a number passed to `u64`/`usize` costs as
 * much again as a cheap system call, and `isize` arrives as a bigint. So some are declared narrower than C has them, and why
 * that holds is:
 *
 * - **`size_t`, `nfds_t` and `unsigned long` as `u32`** (`read`, `write`, `recv`, `send`, `sendfile`, `pread`, `getcwd`,
 *   `poll`, `ioctl`, `setgroups`, `sched_getaffinity`, `malloc_trim`, the sizes of `openat2` and Landlock). The ABIs leave the upper half of
 *   the register undefined for a 32-bit argument; the runtime fills it with zeros, in calls that it interprets, in those that
 *   it compiles, and in those on another thread (`tests/ffi/ffi_abi_test.ts`). A number of more than 32 bits is refused by the
 *   runtime, or cut: what can be as large is asked for in parts (`file.ts`, `output.ts`).
 * - **`ssize_t` as `i32`**: the kernel moves at most 0x7ffff000 bytes by one call (`MAX_RW_COUNT`), whatever it is asked for.
 * - **`long` as `i32`**, for `syscall`: its number, and 0, −1 or a descriptor. Of its arguments `int`s, such as AT_FDCWD, are
 *   cut to 32 bits by the kernel, flags that have 32 bits, too.
 * - **`int` behind `...`** (`openat`, `fcntl`, `ioctl`, `syscall`): on both architectures in the same registers as named ones;
 *   none of them is a floating-point number, so that it does not matter that AL is not set (x86-64).
 * - `mode_t`, `uid_t`, `gid_t`, `socklen_t` are `u32`, `pid_t` and `clockid_t` `i32`, as C has them; `off_t` and `prctl`'s
 *   arguments have 64 bits.
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
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getifaddrs: { parameters: ["buffer"], result: "i32" },
  freeifaddrs: { parameters: ["pointer"], result: "void" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  sendfile: { parameters: ["i32", "i32", "buffer", "u32"], result: "i32" },
  inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "pointer" },

  // multiplexers; those with _parked run on another thread, so errno cannot be read after them
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
  unlinkat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  umask: { parameters: ["u32"], result: "u32" },
  pread: { parameters: ["i32", "buffer", "u32", "i64"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },

  // process
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

  // privileges; the set… calls of glibc change every thread of the process, prctl and Landlock the calling one
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

  // for the tests, which need both ends of a connection as descriptors
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * The C library's functions. Undefined until {@linkcode loadLibc} ran: every function of `ffi/` that makes a
 * descriptor calls it first, and whoever holds a descriptor may use `libc` as it is.
 */
export let libc: Libc = undefined as unknown as Libc;

let errnoOfThread: Int32Array = new Int32Array(1);

/**
 * Opens the C library once. Needs `--allow-ffi`, unscoped.
 * @throws {Deno.errors.NotCapable} without that permission.
 * @throws {Error} where there is no glibc for Linux.
 */
export function loadLibc(): void {
  if (libc !== undefined) return;
  if (Deno.build.os !== "linux") throw new Error(`epollet needs Linux; this is ${Deno.build.os}`);
  const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
  // The address is the thread's own and never changes (errno(3)), so one view serves for ever.
  const address = symbols.__errno_location();
  if (address === null) throw new Error("__errno_location returned NULL");
  errnoOfThread = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
  libc = symbols;
}

/** In its only element: calls whose value went through {@linkcode result}. No number, which would be an object when it is large. */
export const callCount: Float64Array<ArrayBuffer> = new Float64Array(1);

/**
 * The value of a call: itself when ≥ 0, else −errno. It must wrap the call directly (`result(libc.recv(…))`): an
 * `await` in between lets other calls change errno, and after a `_parked` call it is another thread's.
 */
export function result(value: number): number {
  callCount[0]!++;
  return value < 0 ? -errnoOfThread[0]! : value;
}

const encoder = new TextEncoder();

/**
 * `text` in UTF-8, ended by a NUL, as C wants it.
 * @throws {TypeError} for a text with a NUL, which C would take for its end: the rest would be lost without a word
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(`${JSON.stringify(text)} has a NUL in it: no name of the system can`);
  }
  return encoder.encode(text + "\0") as Uint8Array<ArrayBuffer>; // never shared; Deno 2.4 does not know
}
