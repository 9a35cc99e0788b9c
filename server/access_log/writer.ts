/**
 * Lines on their way into a file, a pipe or a terminal, many with one call. Nobody waits for whoever reads them, nor for
 * a disk with room: what finds no place in memory meanwhile is lost, line by line, and counted.
 * @module
 */
import { LOG_BUFFER_BYTES_MAX, LOG_LINE_BYTES_MAX } from "../limits.ts";

const LF = 0x0a;

type Bytes = Uint8Array<ArrayBuffer>;

/** Where the lines go. */
export interface LogTarget {
  /** Writes the first `length` bytes, or as many as can be taken at once: how many, or −errno. */
  write(bytes: Uint8Array<ArrayBuffer>, length: number): number;
}

/** Buffers lines and writes many with one call. */
export class LogWriter {
  /** Where lines are put together, in front of {@linkcode at}. */
  readonly bytes: Bytes = new Uint8Array(LOG_BUFFER_BYTES_MAX + LOG_LINE_BYTES_MAX);
  /** What stands there already. */
  at = 0;
  /** Lines that were lost, and not yet told of. */
  #lost = 0;
  #status = 0;
  target: LogTarget;

  constructor(target: LogTarget) {
    this.target = target;
  }

  /** True when a line may be put behind the others: of LOG_LINE_BYTES_MAX at most. Otherwise it counts as lost. */
  makeRoom(): boolean {
    if (this.at < LOG_BUFFER_BYTES_MAX) return true;
    this.flush();
    if (this.at < LOG_BUFFER_BYTES_MAX) return true;
    this.#lost++;
    return false;
  }

  /** Writes as much as the target takes without waiting. */
  flush(): void {
    let written = 0;
    while (written < this.at) {
      const rest = written === 0 ? this.bytes : this.bytes.subarray(written, this.at);
      this.#status = this.target.write(rest, this.at - written);
      if (!(this.#status > 0)) break; // a target may be an embedder's own: what it returns need not be a number
      written += Math.min(this.#status, this.at - written);
    }
    if (written > 0 && written < this.at) this.bytes.copyWithin(0, written, this.at);
    this.at -= written;
  }

  /** What stands here is lost. */
  giveUp(): void {
    for (let i = 0; i < this.at; i++) if (this.bytes[i] === LF) this.#lost++;
    this.at = 0;
  }

  /** Lines that were lost since this was last asked, and −errno (0: nobody reads) of the last that was tried. */
  takeLost(): { lines: number; status: number } | null {
    if (this.#lost === 0) return null;
    const lines = this.#lost;
    this.#lost = 0;
    return { lines, status: Math.min(this.#status, 0) };
  }
}
