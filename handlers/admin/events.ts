/**
 * What the status page shows, as it changes: server-sent events (WHATWG HTML §9.2), for as long as somebody looks.
 * @module
 */
import { encodeUtf8 } from "../../server/http/characters.ts";
import { STATUS_INTERVAL_MS, STATUS_WATCHERS_MAX } from "../../server/limits.ts";
import { mergeSnapshots, sharesOf } from "../../server/merge_snapshots.ts";
import { LATENCY_BOUNDS, type Snapshot } from "../../server/statistics.ts";

type Watcher = ReadableStreamDefaultController<Uint8Array>;

/** Where {@linkcode Events} come from. */
export interface EventSource {
  /** One of each worker. */
  snapshots(): readonly Snapshot[] | Promise<readonly Snapshot[]>;
  isReady(): boolean;
  readonly version: string;
}

/** One clock for all who look: each event is made once, and nothing is done while nobody is there. */
export class Events {
  readonly #source: EventSource;
  readonly #watchers = new Set<Watcher>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isTelling = false;

  constructor(source: EventSource) {
    this.#source = source;
  }

  /** Somebody looks; null: too many do already. */
  watch(): ReadableStream<Uint8Array> | null {
    if (this.#watchers.size >= STATUS_WATCHERS_MAX) return null;
    let watcher: Watcher;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#watchers.add(watcher = controller);
        this.#tellIn(0);
      },
      cancel: () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size > 0 || this.#timer === null) return;
        clearTimeout(this.#timer);
        this.#timer = null;
      },
    });
  }

  #tellIn(delayMs: number): void {
    if (this.#watchers.size === 0 || this.#timer !== null || this.#isTelling) return;
    this.#timer = setTimeout(() => this.#tell(), delayMs);
  }

  async #tell(): Promise<void> {
    this.#timer = null;
    this.#isTelling = true;
    try {
      const event = `retry: 1000\ndata: ${eventText(await this.#source.snapshots(), this.#source)}\n\n`;
      const bytes = encodeUtf8(event);
      for (const watcher of this.#watchers) {
        if ((watcher.desiredSize ?? 0) > 0) watcher.enqueue(bytes); // else it has not taken the last one yet
      }
    } catch (error) {
      for (const watcher of this.#watchers) watcher.error(error);
      this.#watchers.clear();
    }
    this.#isTelling = false;
    this.#tellIn(STATUS_INTERVAL_MS);
  }
}

/**
 * Everything that the page shows, as JSON. Bounded, however many connections there are: they are counted by state, and
 * those that are shown one by one are rows of worker, descriptor, state, age in milliseconds, and bytes queued.
 */
export function eventText(
  snapshots: readonly Snapshot[],
  { version, isReady }: Omit<EventSource, "snapshots">,
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
