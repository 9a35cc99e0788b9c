/**
 * Connection objects for reuse.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import { POOLED_CONNECTIONS_MAX } from "../limits.ts";

/** Objects of connections that have ended or become idle. */
export class ConnectionPool {
  /** The first {@linkcode ConnectionPool.#count} elements count. An array that shrinks and grows costs more. */
  readonly #objects: (Connection | null)[] = Array(POOLED_CONNECTIONS_MAX).fill(null);
  #count = 0;

  /** Returns an object; null if there is none. */
  take(): Connection | null {
    return this.#count === 0 ? null : this.#objects[--this.#count]!;
  }

  /** Takes an object back, if nothing else may refer to it and there is room. */
  put(connection: Connection): void {
    if (connection.isReusable && !connection.isQueued && this.#count < POOLED_CONNECTIONS_MAX) {
      this.#objects[this.#count++] = connection;
    }
  }
}
