/**
 * What a server has done since it began, and what it does now.
 *
 * A snapshot is plain data: workers send theirs to the supervisor as JSON, and several can be put together.
 * @module
 */
import type { PollerName } from "../loop/poller.ts";

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
  /** Its descriptor. */
  readonly fd: number;
  /** As the state machine calls it; `idle` ones are between two requests. */
  readonly state: string;
  /** Since it was accepted. */
  readonly ageMs: number;
  /** Bytes in memory that wait to be sent. */
  readonly queuedBytes: number;
}

/** What a cache of files has done, and holds. */
export interface CacheSnapshot {
  /** What it holds. */
  readonly bytes: number;
  /** What it may hold. */
  readonly bytesMax: number;
  /** How many. */
  readonly resources: number;
  /** Answers for which nothing had to be looked for. */
  readonly hits: number;
  /** Requests for which something had to be looked for. */
  readonly misses: number;
  /** Had to leave to make room. */
  readonly evictions: number;
  /** What inotify watches; 0 where it is not used. */
  readonly watches: number;
  /** What inotify has told. */
  readonly events: number;
  /** How often everything was forgotten, since events were lost. */
  readonly overflows: number;
}

/** Heads of requests that are known by their bytes. */
export interface HeadsSnapshot {
  /** How many. */
  readonly count: number;
  /** What they take, with what is remembered with them, and the tables that they are found by. */
  readonly bytes: number;
  /** What they may take. */
  readonly bytesMax: number;
}

/** Counters count from the start, everything else is as it is now. */
export interface Snapshot {
  /** The process. */
  readonly pid: number;
  /** Since 1970. */
  readonly startedMs: number;
  /** What waits for readiness. */
  readonly poller: PollerName;
  /** How that tells of it. */
  readonly trigger: "level" | "edge";
  /** It was told to end. */
  readonly isDraining: boolean;
  /** Of the loop. */
  readonly turns: number;
  /** Of the whole process, and only those that it makes by itself: the runtime's are not counted. */
  readonly systemCalls: number;
  /** Clients. */
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
  /** From clients. */
  readonly receivedBytes: number;
  /** To clients, given to the kernel. */
  readonly sentBytes: number;
  /**
   * From the beginning of the turn in which a request was whole (or its handler called, where that reads the body itself)
   * to the last byte given to the kernel; see {@linkcode LATENCY_BOUNDS}. All 0 where it is not measured.
   */
  readonly latencyCounts: readonly number[];
  /** All of them together. */
  readonly latencySumSeconds: number;
  /** Memory of the process that is in RAM; 0 where that is not known, as the next ones. */
  readonly residentBytes: number;
  /** Processor time of the process. */
  readonly cpuSeconds: number;
  /** Of the process. */
  readonly openDescriptors: number;
  /** Of the files in memory; null: there are none. */
  readonly cache: CacheSnapshot | null;
  /** Of the requests that come again and again. */
  readonly heads: HeadsSnapshot;
}

/** Connections that one snapshot shows one by one. */
export const SHOWN_CONNECTIONS_MAX = 512;
