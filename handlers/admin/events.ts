/**
 * The data of the status page, as server-sent events (WHATWG HTML §9.2). Nothing is collected while no page is open.
 * @module
 */
import { encodeUtf8 } from "../../server/http/characters.ts";
import { STATUS_INTERVAL_MS, STATUS_WATCHERS_MAX } from "../../server/limits.ts";
import { mergeSnapshots, sharesOf } from "../../server/metrics/merge_snapshots.ts";
import { type CertificateStatus, LATENCY_BOUNDS, type Snapshot } from "../../server/metrics/statistics.ts";

/** The source of what the admin handler reports. */
export interface StatusSource {
  /**
   * Returns a snapshot of each worker, always in the same order; an empty list while the workers start. Called only
   * when a client asks for metrics or events.
   */
  snapshots(): readonly Snapshot[] | Promise<readonly Snapshot[]>;
  /** Returns false while the server drains. */
  isReady(): boolean;
  /** Returns the names for which a certificate is still to be got; missing: there are none. */
  missingCertificates?(): readonly string[];
  /** Returns what is known of each name for which certificates are got; missing: there are none. */
  certificateStatuses?(): readonly CertificateStatus[];
  /** The version of the program. */
  readonly version: string;
}

/**
 * The event streams of the status page. Each event is made once for all streams, and none while there are no streams.
 */
export class Events {
  readonly #source: StatusSource;
  #watchers = 0;
  /** The latest event, and when it was made (`performance.now()`). */
  #latest: Promise<Uint8Array> | null = null;
  #latestMs = -Infinity;

  constructor(source: StatusSource) {
    this.#source = source;
  }

  /** Returns a new stream of events. Null when `STATUS_WATCHERS_MAX` streams are open already. */
  watch(): ReadableStream<Uint8Array> | null {
    if (this.#watchers >= STATUS_WATCHERS_MAX) return null;
    this.#watchers++;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          controller.enqueue(await this.#event());
        } catch (error) {
          this.#watchers--;
          this.#latest = null;
          controller.error(error);
        }
      },
      cancel: () => {
        this.#watchers--;
      },
    }, { highWaterMark: 0 });
  }

  #event(): Promise<Uint8Array> {
    const nowMs = performance.now();
    if (this.#latest !== null && nowMs - this.#latestMs < STATUS_INTERVAL_MS) return this.#latest;
    this.#latestMs = nowMs;
    return this.#latest = this.#make();
  }

  async #make(): Promise<Uint8Array> {
    const snapshots = await this.#source.snapshots();
    const text = snapshots.length === 0
      ? ": no worker serves yet"
      : `data: ${eventText(snapshots, this.#source)}`;
    return encodeUtf8(`${text}\n\n`);
  }
}

const HANDSHAKING = "handshaking";
const READING = "reading";

/** The picture has no place for handshakes: they count as reading, which comes next. */
function withoutHandshakes(states: Snapshot["states"]): Record<string, number> {
  const { [HANDSHAKING]: handshaking = 0, ...others } = states;
  if (handshaking === 0) return others;
  return { ...others, [READING]: (others[READING] ?? 0) + handshaking };
}

/**
 * Returns everything that the page shows, as JSON. Its size is bounded: connections are counted by state, and at most
 * `SHOWN_CONNECTIONS_MAX` of them are rows of worker, descriptor, state, age in milliseconds, bytes queued, and for
 * HTTP/2 the streams by state.
 */
export function eventText(
  snapshots: readonly Snapshot[],
  { version, isReady, certificateStatuses = () => [] }: Omit<StatusSource, "snapshots">,
): string {
  const { connections: _, pid: __, ...total } = mergeSnapshots(snapshots);
  const connections = sharesOf(snapshots).flatMap((shown, worker) =>
    shown.map(({ fd, state, ageMs, queuedBytes, streams }) => [
      worker,
      fd,
      state === HANDSHAKING ? READING : state,
      Math.round(ageMs),
      queuedBytes,
      ...streams === undefined ? [] : [streams],
    ])
  );
  const workers = snapshots.map((
    { pid, startedMs, isDraining, states, requests, systemCalls, cpuSeconds, residentBytes },
  ) => ({
    pid,
    startedMs,
    isDraining,
    connections: Object.values(states).reduce((sum, count) => sum + count, 0),
    requests,
    systemCalls,
    cpuSeconds,
    residentBytes,
  }));
  const nowMs = Date.now();
  return JSON.stringify({
    version,
    isReady: isReady(),
    nowMs,
    latencyBounds: LATENCY_BOUNDS,
    ...total,
    states: withoutHandshakes(total.states),
    workers,
    connections,
    names: certificateStatuses(),
  });
}
