/**
 * Files that grow all the time, as logs do: what is made of them is out of date before it is ready.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import { GROWING_DIGEST_INTERVAL_MS, GROWING_FILES_MAX, GROWING_FROM_BYTES } from "../../../server/limits.ts";

/** One that grows twice in a row, each time within the interval, is taken for such a file. */
const GROWTHS_MIN = 2;

interface Grown {
  size: number;
  digestedMs: number;
  growths: number;
}

/** Tells files that grow all the time from others. To be asked before something is made of a file that has just changed. */
export class Growth {
  readonly #files = new Map<string, Grown>();

  /** True: not now, it was done less than a second ago. False: it is done now. */
  isTooFast(status: FileStatus, nowMs: number = performance.now()): boolean {
    const { size } = status;
    if (size < GROWING_FROM_BYTES) return false;
    const key = status.fileIdentity;
    const known = this.#files.get(key);
    if (known === undefined) {
      this.#files.set(key, { size, digestedMs: nowMs, growths: 0 });
      this.#limit();
      return false;
    }
    const isSoon = nowMs - known.digestedMs < GROWING_DIGEST_INTERVAL_MS;
    if (known.growths >= GROWTHS_MIN && isSoon && size >= known.size) return true;
    if (size < known.size) known.growths = 0;
    else if (size > known.size) known.growths++;
    known.size = size;
    known.digestedMs = nowMs;
    return false;
  }

  #limit(): void {
    if (this.#files.size <= GROWING_FILES_MAX) return;
    for (const oldest of this.#files.keys()) {
      this.#files.delete(oldest);
      return;
    }
  }
}
