/**
 * Floods of connections, and of requests on a connection.
 * @module
 */
import {
  type Attackers,
  type Behaviour,
  descriptorsFall,
  type Probe,
  residentBytes,
} from "../support/attackers.ts";
import { descriptorsOf } from "../support/process.ts";
import type { Program } from "../support/program.ts";
import type { Http2Flood } from "./http2_floods.ts";

/** The ways to connect without need. */
export const CONNECTION_FLOODS = ["close", "reset", "byte", "request"] as const;

/** The results of a flood. */
export interface Flood {
  /** The number of connections, or of bytes that were sent. */
  readonly count: number;
  readonly probe: Probe;
  /** The milliseconds until its descriptors were closed. */
  readonly descriptorsMs: number;
  /** The growth of the server's memory: the most, and at the end. */
  readonly mostBytes: number;
  readonly lastBytes: number;
}

async function watch<T>(
  attackers: Attackers,
  program: Program,
  seconds: number,
  attack: () => Promise<T>,
  count: (result: T) => number,
  from?: string,
): Promise<Flood> {
  const before = residentBytes(program.pid);
  const base = descriptorsOf(program.pid);
  let most = before;
  const timer = setInterval(() => most = Math.max(most, residentBytes(program.pid)), 50);
  try {
    const attacking = attack();
    const probe = await attackers.probe(program.port, seconds, "/", from);
    const result = await attacking;
    const descriptorsMs = await descriptorsFall(program.pid, base, 20_000);
    const last = residentBytes(program.pid);
    return {
      count: count(result),
      probe,
      descriptorsMs,
      mostBytes: most - before,
      lastBytes: last - before,
    };
  } finally {
    clearInterval(timer);
  }
}

/** Connects at full speed for `seconds` from `address`. Other clients come from `other`. */
export async function connectionFlood(
  attackers: Attackers,
  program: Program,
  what: (typeof CONNECTION_FLOODS)[number],
  seconds: number,
  address?: string,
  other?: string,
): Promise<Flood> {
  const attack = () => attackers.flood(program.port, seconds, what, address);
  return await watch(attackers, program, seconds, attack, ({ connected }) => connected, other);
}

/** Runs `count` clients that send without an end, for `seconds`. */
export async function endlessFlood(
  attackers: Attackers,
  program: Program,
  behaviour: Behaviour,
  count: number,
  seconds: number,
): Promise<Flood & { readonly statuses: Readonly<Record<string, number>> }> {
  let statuses: Readonly<Record<string, number>> = {};
  const attack = async () => {
    const crowd = await attackers.crowd(program.port, count, seconds, behaviour);
    const result = await crowd.result;
    statuses = result.statuses;
    return result;
  };
  const flood = await watch(attackers, program, seconds, attack, ({ sent }) => sent);
  return { ...flood, statuses };
}

/** What a flood of HTTP/2 did. */
export interface Http2Result {
  /** The number of attackers that were sent away. */
  readonly cut: number;
  /** What others measured, by HTTP/1.1 and by HTTP/2. */
  readonly probes: readonly [Probe, Probe];
  /** The growth of the server's memory at most. */
  readonly mostBytes: number;
}

/** Runs `count` clients that send `bytes` at full speed, for `seconds`. */
export async function http2Flood(
  attackers: Attackers,
  program: Program,
  flood: Http2Flood,
  bytes: Uint8Array,
  count: number,
  seconds: number,
): Promise<Http2Result> {
  const before = residentBytes(program.pid);
  let most = before;
  const timer = setInterval(() => most = Math.max(most, residentBytes(program.pid)), 20);
  try {
    const probing = Promise.all([
      attackers.probe(program.port, seconds, "/"),
      attackers.probe(program.port, seconds, "/", "127.0.0.10", "http2"),
    ]);
    const crowd = await attackers.crowd(program.port, count, seconds, {
      send: bytes,
      read: flood.reads ? -1 : 0,
    });
    const [probes, { cut }] = await Promise.all([probing, crowd.result]);
    return { cut, probes, mostBytes: most - before };
  } finally {
    clearInterval(timer);
  }
}

const REQUEST = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/** Clients that pipeline requests without an end. */
export const PIPELINING_FLOODS: Readonly<Record<string, Behaviour>> = {
  "reading nothing": { send: REQUEST.repeat(100_000) },
  "reading slowly": { send: REQUEST.repeat(100_000), read: 1000, ms: 100, rcvbuf: 4096 },
  "reading everything": { drip: REQUEST.repeat(1000), step: 0, read: -1 },
  "requests for what is missing": { drip: REQUEST.replace("/", "/missing").repeat(1000), step: 0, read: -1 },
};
