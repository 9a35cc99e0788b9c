/**
 * Recognizes files that grow all the time, such as logs. A tag or a compressed form of such a file is out of date before
 * it is ready.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import { GROWING_DIGEST_INTERVAL_MS, GROWING_FILES_MAX, GROWING_FROM_BYTES } from "../../../server/limits.ts";

/** How often in a row a file has to grow, each time within the interval. */
const GROWTHS_MIN = 2;

interface Grown {
  size: number;
  digestedMs: number;
  growths: number;
}

/** The growth of files that have just changed. Ask before making something of such a file. */
export class Growth {
  readonly #files = new Map<string, Grown>();

  /** True for a growing file of which something was made less than a second ago. False counts as making it now. */
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
