/**
 * Buffered writing of lines to a file, a pipe or a terminal. The server never waits for a reader, or for space on a
 * disk. Lines that do not fit in memory meanwhile are lost and counted.
 * @module
 */
import { LOG_BUFFER_BYTES_MAX, LOG_LINE_BYTES_MAX } from "../limits.ts";

const LF = 0x0a;

type Bytes = Uint8Array<ArrayBuffer>;

/** The destination of log lines. */
export interface LogTarget {
  /** Writes the first `length` bytes, or as many as possible without waiting. Returns the bytes written, or −errno. */
  write(bytes: Uint8Array<ArrayBuffer>, length: number): number;
}

/** Buffers lines, and writes many with one call. */
export class LogWriter {
  /** The buffer. Lines are in front of {@linkcode at}. */
  readonly bytes: Bytes = new Uint8Array(LOG_BUFFER_BYTES_MAX + LOG_LINE_BYTES_MAX);
  /** The number of bytes in the buffer. */
  at = 0;
  /** The number of lost lines that were not reported yet. */
  #lost = 0;
  #status = 0;
  target: LogTarget;

  constructor(target: LogTarget) {
    this.target = target;
  }

  /** Returns true if there is room for a line of at most LOG_LINE_BYTES_MAX. Otherwise the line counts as lost. */
  makeRoom(): boolean {
    if (this.at < LOG_BUFFER_BYTES_MAX) return true;
    this.flush();
    if (this.at < LOG_BUFFER_BYTES_MAX) return true;
    this.#lost++;
    return false;
  }

  /** Writes as much as the target accepts without waiting. */
  flush(): void {
    let written = 0;
    while (written < this.at) {
      const rest = written === 0 ? this.bytes : this.bytes.subarray(written, this.at);
      this.#status = this.target.write(rest, this.at - written);
      if (!(this.#status > 0)) break; // an embedder's target need not return a number
      written += Math.min(this.#status, this.at - written);
    }
    if (written > 0 && written < this.at) this.bytes.copyWithin(0, written, this.at);
    this.at -= written;
  }

  /** Drops the lines in the buffer, which count as lost. */
  giveUp(): void {
    for (let i = 0; i < this.at; i++) if (this.bytes[i] === LF) this.#lost++;
    this.at = 0;
  }

  /**
   * Returns the lines that were lost since the last call, and the −errno of the last write (0: there was no reader).
   * Returns null if no line was lost.
   */
  takeLost(): { lines: number; status: number } | null {
    if (this.#lost === 0) return null;
    const lines = this.#lost;
    this.#lost = 0;
    return { lines, status: Math.min(this.#status, 0) };
  }
}
