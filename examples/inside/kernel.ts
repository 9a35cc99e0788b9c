/**
 * Calls of the C library that the other programs of this folder need and `mod.ts` does not have. Each returns −1 on
 * failure, as in C.
 * @module
 */

/** The C library: raw calls, without checks. */
export const libc = Deno.dlopen("libc.so.6", {
  dup: { parameters: ["i32"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  mmap: { parameters: ["usize", "usize", "i32", "i32", "i32", "i64"], result: "isize" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  select: { parameters: ["i32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
}).symbols;

/** Returns errno of the last call that failed. */
export function errno(): number {
  return new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;

/** Returns two connected, non-blocking sockets: what is sent on one of them arrives at the other. */
export function socketPair(): [number, number] {
  const fds = new Int32Array(32); // V8 may move smaller arrays
  if (libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, new Uint8Array(fds.buffer)) < 0) {
    throw new Error(`socketpair: errno ${errno()}`);
  }
  return [fds[0]!, fds[1]!];
}

/** Returns the error's name if `call` throws, otherwise "ok". */
export function outcome(call: () => void): string {
  try {
    call();
    return "ok";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
