/**
 * Measures one round: wrk loads the server from the second processor for some seconds.
 * @module
 */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { concat } from "../server/http/bytes.ts";

/** The figures of one round. */
export interface Sample {
  /** User and system time of all processes of the server, per request. */
  readonly cpuMicroseconds: number;
  readonly requestsPerSecond: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  /** Resident memory of all processes of the server, right after the load. */
  readonly memoryMiB: number;
}

/** A sample with its errors. */
export interface Load extends Sample {
  readonly requests: number;
  /** Responses with a status other than 2xx or 3xx. */
  readonly refused: number;
  /** Failed or broken connections, and responses that came too late. */
  readonly failures: number;
  /** The output of wrk. */
  readonly output: string;
}

export const TICKS_PER_SECOND = 100;

/** Returns the ids of a process and all its descendants. */
export function processTree(pid: number): number[] {
  return [pid, ...childrenOf(pid)];
}

function childrenOf(pid: number): number[] {
  let children: string;
  try {
    children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return []; // it has just ended
    throw error;
  }
  return children.split(" ").filter((word) => word !== "").flatMap((word) => processTree(Number(word)));
}

/**
 * Returns user and system time in ticks of 10 ms, with that of children that have ended and were waited for. The kernel
 * scales both to the exact time of the scheduler.
 */
export function cpuTicks(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  }
  return ticks;
}

const ENDING_MS_MAX = 3000;
const ENDING_LOOK_MS = 10;

/**
 * Waits until a server has no more processes than `count`: one that starts a process for each client still has those
 * of clients that have just left, whose time is not in their parent's yet.
 * @throws {Error} when they do not end
 */
async function waitForEnds(pid: number, count: number): Promise<number[]> {
  const end = performance.now() + ENDING_MS_MAX;
  for (;;) {
    const pids = processTree(pid);
    if (pids.length <= count) return pids;
    if (performance.now() > end) throw new Error(`${pids.length - count} processes stay after the load`);
    await new Promise((resolve) => setTimeout(resolve, ENDING_LOOK_MS));
  }
}

/** Returns resident memory in bytes. */
export function memoryBytes(pid: number): number {
  return processTree(pid).reduce(
    (sum, each) =>
      sum + Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${each}/status`))?.[1] ?? 0),
    0,
  ) * 1024;
}

/**
 * Returns anonymous memory in bytes: without mapped files such as the executable. A page that several processes of the
 * server share is counted once.
 */
export function anonymousBytes(pid: number): number {
  return processTree(pid).reduce((sum, each) => {
    const rollup = Deno.readTextFileSync(`/proc/${each}/smaps_rollup`);
    return sum + Number(/Pss_Anon:\s+(\d+)/.exec(rollup)?.[1] ?? 0);
  }, 0) * 1024;
}

function microseconds(text: string): number {
  const [, number, unit] = /([\d.]+)(us|ms|s)/.exec(text) ?? [];
  return Number(number) * { us: 1, ms: 1000, s: 1e6 }[unit as "us" | "ms" | "s"];
}

/** Loads `url` with wrk, which runs `script`, and measures the server `pid` meanwhile. */
export async function load(
  pid: number,
  url: string,
  connections: number,
  script: string,
  seconds: number,
): Promise<Load> {
  const pids = processTree(pid);
  const before = cpuTicks(pids);
  const output = await wrk([
    ...["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "--latency", "-s", script, url],
  ]);
  const ticks = cpuTicks(await waitForEnds(pid, pids.length)) - before;
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? [];
  return {
    cpuMicroseconds: ticks * (1e6 / TICKS_PER_SECOND) / requests,
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    p50Microseconds: microseconds(/ 50%\s+(\S+)/.exec(output)?.[1] ?? ""),
    p99Microseconds: microseconds(/ 99%\s+(\S+)/.exec(output)?.[1] ?? ""),
    memoryMiB: memoryBytes(pid) / 2 ** 20,
    requests,
    refused,
    failures: errors.slice(1).reduce((sum, count) => sum + Number(count), 0),
    output,
  };
}

async function wrk(args: readonly string[]): Promise<string> {
  const command = new Deno.Command("taskset", { args: ["-c", "1", "wrk", ...args], stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`wrk failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Calls {@linkcode load} and returns its sample. @throws {Error} when wrk saw errors or no response. */
export async function measure(
  pid: number,
  url: string,
  connections: number,
  script: string,
  seconds: number,
  expectedStatus: number,
): Promise<Sample> {
  const sample = await load(pid, url, connections, script, seconds);
  if (sample.refused > 0 || sample.failures > sample.requests / 1000 || sample.requests === 0) {
    throw new Error(`wrk saw errors (expected ${expectedStatus}):\n${sample.output}`);
  }
  return sample;
}

/** Sends one request on a new connection, with TLS if `isSecure`, and returns the whole response as it arrived. */
export async function exchange(
  port: number,
  path: string,
  fields: string,
  isSecure = false,
): Promise<Uint8Array<ArrayBuffer>> {
  const where = { host: "127.0.0.1", port };
  const socket = isSecure
    ? connectTls({ ...where, servername: "localhost", rejectUnauthorized: false })
    : connect(where);
  const pieces: Uint8Array[] = [];
  try {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\n${fields}\r\n`);
    for await (const piece of socket) {
      pieces.push(piece);
      if (isWhole(concat(pieces))) break;
    }
  } finally {
    socket.destroy();
  }
  return concat(pieces);
}

function isWhole(bytes: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 4096));
  const head = text.indexOf("\r\n\r\n") + 4;
  if (head < 4) return false;
  const length = /\r\nContent-Length: (\d+)/i.exec(text)?.[1];
  return text.startsWith("HTTP/1.1 304") || bytes.length >= head + Number(length);
}

/** Returns the value of a response field, or "" when there is none. */
export function fieldOf(response: Uint8Array, name: string): string {
  const head = new TextDecoder("latin1").decode(response.subarray(0, 4096)).split("\r\n\r\n")[0]!;
  return new RegExp(`\\r\\n${name}: ([^\\r]*)`, "i").exec(head)?.[1] ?? "";
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Returns the median of each figure. */
export function medianSample(samples: readonly Sample[]): Sample {
  const middle = (pick: (sample: Sample) => number) => median(samples.map(pick));
  return {
    cpuMicroseconds: middle((sample) => sample.cpuMicroseconds),
    requestsPerSecond: middle((sample) => sample.requestsPerSecond),
    p50Microseconds: middle((sample) => sample.p50Microseconds),
    p99Microseconds: middle((sample) => sample.p99Microseconds),
    memoryMiB: middle((sample) => sample.memoryMiB),
  };
}
