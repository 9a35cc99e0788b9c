/**
 * Connections between two requests. They have no objects, only entries in a few arrays indexed by descriptor; those of
 * HTTP/2 keep theirs.
 *
 * They are in a linked list, in the order in which they became idle. All have the same timeout, so this is also the order
 * of their deadlines, and the order in which they are evicted when there is no room for a new client.
 * @module
 */
import type { Connection } from "../connection/connection.ts";
import { EVICT_AFTER_MS, EVICT_LOOKS_MAX, EXPIRATIONS_PER_TURN_MAX } from "../limits.ts";
import type { Interest } from "../loop/poller.ts";

/** No descriptor. */
const NONE = -1;

/** The list of idle connections. Times are those of the reactor's clock. */
export class IdleConnections {
  /** The number of connections in the list. */
  count = 0;
  // By descriptor: neighbours in the list, the start of idling, and the interest of the poller.
  #older = new Int32Array(1024);
  #newer = new Int32Array(1024);
  #sinceMs = new Float64Array(1024);
  #interests = new Uint8Array(1024);
  #oldest = NONE;
  #newest = NONE;
  /** Connections in the list that have kept their objects. */
  readonly #kept = new Map<number, Connection>();

  /** Makes room for `fd`, before it is added for the first time. */
  reserve(fd: number): void {
    if (fd < this.#older.length) return;
    const length = Math.max(this.#older.length * 2, fd + 1);
    const grown = <T extends Int32Array | Float64Array | Uint8Array>(larger: T, old: T) => {
      larger.set(old);
      return larger;
    };
    this.#older = grown(new Int32Array(length), this.#older);
    this.#newer = grown(new Int32Array(length), this.#newer);
    this.#sinceMs = grown(new Float64Array(length), this.#sinceMs);
    this.#interests = grown(new Uint8Array(length), this.#interests);
  }

  /** Adds `fd`, which is idle from now on. The poller watches it for `interest`. `kept` is its object; null if it has none. */
  add(fd: number, interest: Interest, nowMs: number, kept: Connection | null = null): void {
    this.count++;
    if (kept !== null) this.#kept.set(fd, kept);
    this.#link(fd, interest, nowMs);
  }

  #link(fd: number, interest: Interest, nowMs: number): void {
    this.#older[fd] = this.#newest;
    this.#newer[fd] = NONE;
    this.#sinceMs[fd] = nowMs;
    this.#interests[fd] = interest;
    if (this.#newest === NONE) this.#oldest = fd;
    else this.#newer[this.#newest] = fd;
    this.#newest = fd;
  }

  /** Removes `fd`. Returns the interest of the poller. */
  remove(fd: number): Interest {
    this.count--;
    if (this.#kept.size > 0) this.#kept.delete(fd);
    this.#unlink(fd);
    return this.#interests[fd]!;
  }

  #unlink(fd: number): void {
    const older = this.#older[fd]!;
    const newer = this.#newer[fd]!;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  /** Lets a connection that is in the list with its object be idle from now on. Returns false for any other. */
  renew(connection: Connection, nowMs: number): boolean {
    const { fd, interest } = connection;
    if (this.#kept.get(fd) !== connection) return false;
    this.#unlink(fd);
    this.#link(fd, interest, nowMs);
    return true;
  }

  /** Removes a connection that has kept its object, if it is in the list. */
  removeKept(connection: Connection): void {
    if (this.#kept.get(connection.fd) === connection) this.remove(connection.fd);
  }

  /** Returns the object of `fd`; undefined if it has none. */
  keptAt(fd: number): Connection | undefined {
    return this.#kept.get(fd);
  }

  /** Returns the readiness for which the poller watches `fd`. */
  interestOf(fd: number): Interest {
    return this.#interests[fd]!;
  }

  /** Returns the instant since which `fd` is idle. */
  sinceMs(fd: number): number {
    return this.#sinceMs[fd]!;
  }

  /** Iterates over the descriptors, the one that is idle longest first. The list must not change meanwhile. */
  *[Symbol.iterator](): Generator<number> {
    for (let fd = this.#oldest; fd !== NONE; fd = this.#newer[fd]!) yield fd;
  }

  /** Returns the descriptor that is idle longest; −1 if there is none. */
  get oldest(): number {
    return this.#oldest;
  }

  /**
   * Calls `close` for connections that are idle for `timeoutMs`; it has to remove them. Returns the instant at which the
   * next timeout passes; Infinity if none is idle. The number of calls has a bound, so more may be due at once.
   */
  expire(nowMs: number, timeoutMs: number, close: (fd: number) => void): number {
    for (let budget = EXPIRATIONS_PER_TURN_MAX; this.#oldest !== NONE && budget > 0; budget--) {
      const deadlineMs = this.#sinceMs[this.#oldest]! + timeoutMs;
      if (deadlineMs > nowMs) return deadlineMs;
      close(this.#oldest);
    }
    return this.#oldest === NONE ? Infinity : nowMs + 1;
  }

  /**
   * Returns the connection to close for a new client: the one that is idle longest and whose next request has not arrived
   * (`hasInput`). −1 if it is not idle for long enough.
   */
  evictable(nowMs: number, hasInput: (fd: number) => boolean): number {
    let fd = this.#oldest;
    for (let looks = 0; looks < EVICT_LOOKS_MAX && fd !== NONE; looks++) {
      if (nowMs - this.#sinceMs[fd]! < EVICT_AFTER_MS) return NONE;
      if (!hasInput(fd)) return fd;
      fd = this.#newer[fd]!;
    }
    return NONE;
  }
}
