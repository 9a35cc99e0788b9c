/**
 * What a server has done since it began, and what it does now.
 *
 * A snapshot is plain data: workers send theirs to the supervisor as JSON, and several can be put together.
 * @module
 */
import type { PollerName } from "./poller.ts";

/** Upper bounds of the buckets of latency, in seconds; what is slower is counted in one more. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.00005,
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** What is known of one connection. */
export interface ConnectionSnapshot {
  readonly fd: number;
  /** As the state machine calls it; `resting` ones are between two requests. */
  readonly state: string;
  readonly ageMs: number;
  /** Bytes in memory that wait to be sent. */
  readonly queuedBytes: number;
}

/** What a cache of files has done, and holds. */
export interface CacheSnapshot {
  readonly bytes: number;
  readonly bytesMax: number;
  readonly resources: number;
  /** Answers for which nothing had to be looked for. */
  readonly hits: number;
  readonly misses: number;
  /** Had to leave to make room. */
  readonly evictions: number;
  /** What inotify watches; 0 where it is not used. */
  readonly watches: number;
  readonly events: number;
  readonly overflows: number;
}

/** Counters count from the start, everything else is as it is now. */
export interface Snapshot {
  readonly pid: number;
  /** Since 1970. */
  readonly startedMs: number;
  readonly poller: PollerName;
  readonly trigger: "level" | "edge";
  readonly isDraining: boolean;
  readonly turns: number;
  /** Of the whole process, and only those that it makes by itself: the runtime's are not counted. */
  readonly systemCalls: number;
  readonly accepted: number;
  /** Told that there is no room, or not taken by the poller. */
  readonly refused: number;
  /** Connections by state. */
  readonly states: Readonly<Record<string, number>>;
  /** Some of them, at most {@linkcode SHOWN_CONNECTIONS_MAX}. */
  readonly connections: readonly ConnectionSnapshot[];
  /** Those that were answered, and those whose clients left before. */
  readonly requests: number;
  /** Responses by status. */
  readonly responses: Readonly<Record<string, number>>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /**
   * From the beginning of the turn in which a request was whole (or its handler called, where that reads the body itself)
   * to the last byte given to the kernel; see {@linkcode LATENCY_BOUNDS}. All 0 where it is not measured.
   */
  readonly latencyCounts: readonly number[];
  readonly latencySumSeconds: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly openDescriptors: number;
  readonly cache: CacheSnapshot | null;
}

/** Connections that one snapshot shows one by one. */
export const SHOWN_CONNECTIONS_MAX = 512;
