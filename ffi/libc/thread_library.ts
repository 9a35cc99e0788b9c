/**
 * The calls into the C library that a thread with a module of its own makes. The symbols of `libc.ts` belong to the thread
 * that opened them.
 * @module
 */

/** CLOCK_THREAD_CPUTIME_ID. Source: clock_gettime(2). */
const CLOCK_THREAD_CPUTIME = 3;
/** For setpriority(2), 0 is the calling thread, though POSIX means the process. */
const PRIO_PROCESS = 0;

/**
 * JavaScript for such a module: `cpuMs()` returns the processor time of the thread in milliseconds, `setPriority(nice)` lowers
 * its priority. It opens no file, since the library is loaded already.
 */
export const THREAD_LIBRARY: string = `
const { symbols } = Deno.dlopen("libc.so.6", {
  setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});
const time = new BigInt64Array(2);
function cpuMs() {
  symbols.clock_gettime(${CLOCK_THREAD_CPUTIME}, time);
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}
function setPriority(nice) {
  symbols.setpriority(${PRIO_PROCESS}, 0, nice);
}
`;
