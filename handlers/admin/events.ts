/**
 * What the status page shows, as it changes: server-sent events (WHATWG HTML §9.2), for as long as somebody looks.
 * @module
 */
import { encodeUtf8 } from "../../server/http/characters.ts";
import { STATUS_INTERVAL_MS, STATUS_WATCHERS_MAX } from "../../server/limits.ts";
import { mergeSnapshots, sharesOf } from "../../server/metrics/merge_snapshots.ts";
import { LATENCY_BOUNDS, type Snapshot } from "../../server/metrics/statistics.ts";

/** Who knows what there is to tell. */
export interface StatusSource {
  /** One of each worker, in an order that stays; none while they begin. Asked for only when somebody wants to know. */
  snapshots(): readonly Snapshot[] | Promise<readonly Snapshot[]>;
  /** False while it drains. */
  isReady(): boolean;
  /** The program's. */
  readonly version: string;
}

/** Each event is made once for all who look, and nothing is done while nobody does. */
export class Events {
  readonly #source: StatusSource;
  #watchers = 0;
  /** The last one, and since when it is that. */
  #latest: Promise<Uint8Array> | null = null;
  #latestMs = -Infinity;

  constructor(source: StatusSource) {
    this.#source = source;
  }

  /** Somebody looks, and asks for event after event; null: too many do already. */
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
      ? ": nobody serves yet"
      : `data: ${eventText(snapshots, this.#source)}`;
    return encodeUtf8(`${text}\n\n`);
  }
}

/**
 * Everything that the page shows, as JSON. Bounded, however many connections there are: they are counted by state, and
 * those that are shown one by one are rows of worker, descriptor, state, age in milliseconds, and bytes queued.
 */
export function eventText(
  snapshots: readonly Snapshot[],
  { version, isReady }: Omit<StatusSource, "snapshots">,
): string {
  const { connections: _, pid: __, ...total } = mergeSnapshots(snapshots);
  const connections = sharesOf(snapshots).flatMap((shown, worker) =>
    shown.map(({ fd, state, ageMs, queuedBytes }) => [worker, fd, state, Math.round(ageMs), queuedBytes])
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
    workers,
    connections,
  });
}
