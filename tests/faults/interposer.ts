/**
 * Makes this process's own calls of the C library fail: only those of `ffi/`. This is for calls that Deno makes on
 * the same thread, too, for close(2), which closes even when it fails, and for machines without strace.
 * @module
 */
import { libc, loadLibc } from "../../ffi/libc/libc.ts";
import type { Fault } from "./errnos.ts";
import { ERRNO } from "./errno_numbers.ts";

loadLibc();

type Call = (...args: unknown[]) => unknown;

/** Symbols of the C library that differ from the names of the system calls. */
const SYMBOLS: Readonly<Record<string, string>> = {
  recvfrom: "recv",
  sendto: "send",
  openat2: "syscall_openat2",
  pread64: "pread",
  io_uring_setup: "syscall_io_uring_setup",
  io_uring_enter: "syscall_io_uring_enter",
  io_uring_register: "syscall_io_uring_register",
};

/** Makes calls fail until it is disposed of; `using` restores everything. */
export class Interposer {
  /** The number of calls that failed since {@linkcode expect}. */
  injected = 0;
  readonly #table = libc as unknown as Record<string, Call>;
  readonly #real = new Map<string, Call>();
  readonly #errno: Int32Array;
  readonly #counts = new Map<string, number>();
  #faults: readonly Fault[] = [];

  constructor() {
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, 4));
    for (const [symbol, real] of Object.entries(this.#table)) {
      // The symbol runs on another thread.
      if (!Object.getOwnPropertyDescriptor(this.#table, symbol)!.writable) continue;
      this.#real.set(symbol, real);
      this.#table[symbol] = (...args) => this.#called(symbol, real, args);
    }
  }

  /** Makes each of these calls fail once from now on. */
  expect(faults: readonly Fault[]): void {
    this.#faults = faults;
    this.#counts.clear();
    this.injected = 0;
  }

  /** Returns how often a system call was made since `expect`. */
  countOf(call: string): number {
    return this.#counts.get(SYMBOLS[call] ?? call) ?? 0;
  }

  #called(symbol: string, real: Call, args: unknown[]): unknown {
    const count = (this.#counts.get(symbol) ?? 0) + 1;
    this.#counts.set(symbol, count);
    const fault = this.#faults.find(({ call, when }) => (SYMBOLS[call] ?? call) === symbol && when === count);
    if (fault === undefined) return real(...args);
    this.injected++;
    if (symbol === "close") real(...args); // close(2) closes the descriptor even when it fails
    this.#errno[0] = ERRNO[fault.errno];
    return symbol === "mmap" ? -1n : -1;
  }

  [Symbol.dispose](): void {
    for (const [symbol, real] of this.#real) this.#table[symbol] = real;
  }
}
