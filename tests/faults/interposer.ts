/**
 * Makes this process's own calls of the C library fail: those of `ffi/`, and nobody else's. That is for the calls that
 * Deno makes on the same thread, too, for close(2), which closes also when it fails, and for machines without strace.
 * @module
 */
import { libc, loadLibc } from "../../ffi/libc/libc.ts";
import type { Fault } from "./errnos.ts";
import { ERRNO } from "./errno_numbers.ts";

loadLibc();

type Call = (...args: unknown[]) => unknown;

/** Names in the C library where they differ from those of the system calls. */
const SYMBOLS: Readonly<Record<string, string>> = {
  recvfrom: "recv",
  sendto: "send",
  openat2: "syscall_openat2",
  pread64: "pread",
};

/** `using` puts everything back. */
export class Interposer {
  /** How many calls failed since {@linkcode expect}. */
  injected = 0;
  readonly #table = libc as unknown as Record<string, Call>;
  readonly #real = new Map<string, Call>();
  readonly #errno: Int32Array;
  readonly #counts = new Map<string, number>();
  #faults: readonly Fault[] = [];

  constructor() {
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(libc.__errno_location()!, 4));
    for (const [symbol, real] of Object.entries(this.#table)) {
      if (!Object.getOwnPropertyDescriptor(this.#table, symbol)!.writable) continue; // runs on another thread
      this.#real.set(symbol, real);
      this.#table[symbol] = (...args) => this.#called(symbol, real, args);
    }
  }

  /** From now on these calls fail, each once. */
  expect(faults: readonly Fault[]): void {
    this.#faults = faults;
    this.#counts.clear();
    this.injected = 0;
  }

  /** How often a system call was made since then. */
  countOf(call: string): number {
    return this.#counts.get(SYMBOLS[call] ?? call) ?? 0;
  }

  #called(symbol: string, real: Call, args: unknown[]): unknown {
    const count = (this.#counts.get(symbol) ?? 0) + 1;
    this.#counts.set(symbol, count);
    const fault = this.#faults.find(({ call, when }) => (SYMBOLS[call] ?? call) === symbol && when === count);
    if (fault === undefined) return real(...args);
    this.injected++;
    if (symbol === "close") real(...args); // close(2): whatever it says
    this.#errno[0] = ERRNO[fault.errno];
    return -1;
  }

  [Symbol.dispose](): void {
    for (const [symbol, real] of this.#real) this.#table[symbol] = real;
  }
}
