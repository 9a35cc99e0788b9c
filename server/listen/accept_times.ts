/**
 * When clients were accepted.
 * @module
 */

/** Instants by descriptor. */
export class AcceptTimes {
  #acceptedMs = new Float64Array(1024);

  /** Sets the instant at which the client at `fd` was accepted. */
  set(fd: number, nowMs: number): void {
    if (fd >= this.#acceptedMs.length) {
      const larger = new Float64Array(Math.max(this.#acceptedMs.length * 2, fd + 1));
      larger.set(this.#acceptedMs);
      this.#acceptedMs = larger;
    }
    this.#acceptedMs[fd] = nowMs;
  }

  get(fd: number): number {
    return this.#acceptedMs[fd]!;
  }
}
