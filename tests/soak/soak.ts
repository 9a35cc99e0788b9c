/**
 * The soak: the real program, a site that changes, and clients of every kind. Memory and descriptors are compared
 * before and after.
 * @module
 */
import { memoryBytes } from "../../bench/measure.ts";
import { Program, Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { type Counts, Driver } from "./driver.ts";
import {
  FILLING_REQUESTS,
  fillingPlan,
  MANY_CONNECTIONS,
  MANY_REQUESTS,
  type Mixture,
  nextHttp2Plan,
  nextPlan,
} from "./plans.ts";
import { CONFIGURATION, Traffic } from "./traffic.ts";
import { Writer } from "./writer.ts";
import { sleep } from "../support/sleep.ts";

/** Some descriptors are opened once and stay open, so descriptors are counted after this many requests. */
const FIRST_COUNT = 300;
/** After this share of all requests, memory should not grow any more. */
const WARM_SHARE = 0.1;
/** How long the server may go on reading from refused clients, in milliseconds. */
const SETTLE_MS_MAX = 15_000;
const STDERR_CHARACTERS_MAX = 4000;
const SECONDS_PER_SAMPLE = 1;
/**
 * The garbage collector runs after the server was idle for this long. Memory is stable when it stays the same for
 * this long.
 */
const REST_MS = 12_000;
const REST_BYTES = 2 ** 20;

/** The options of a soak. */
export interface SoakOptions {
  /** The number of requests, or of connections with `countsConnections`. */
  readonly count: number;
  readonly countsConnections: boolean;
  /** The number of clients at the same time. */
  readonly atOnce: number;
  /** True for clients that speak HTTP/2. */
  readonly speaksHttp2?: boolean;
  /** Flags of the server. */
  readonly flags: readonly string[];
  /** True to have some clients wait for 408, which takes that timeout. */
  readonly waitsFor408: boolean;
  /** The number of heads that fill the server's cache of heads before the measurement. */
  readonly fillingHeads: number;
  /** The most bytes by which memory may grow after the warm-up, measured when idle. */
  readonly growthBytesMax: number;
  /** The longest wait for stable memory, in milliseconds. */
  readonly restMsMax: number;
  /** Returns true to end the soak early. */
  readonly isStopped?: () => boolean;
  /** Called with each sample. */
  readonly onSample?: (sample: Sample) => void;
}

/** A measurement of the server at one time. */
export interface Sample {
  readonly seconds: number;
  /** Requests or connections so far, as is counted. */
  readonly done: number;
  readonly memoryBytes: number;
  readonly descriptors: number;
}

/** The result of a soak. */
export interface SoakResult {
  readonly counts: Counts;
  readonly byKind: ReadonlyMap<string, number>;
  readonly byBehaviour: ReadonlyMap<string, number>;
  readonly changes: ReadonlyMap<string, number>;
  readonly samples: readonly Sample[];
  /** The sample after the first requests. */
  readonly baseline: Sample;
  /** The sample after a tenth of the requests, when idle. */
  readonly warm: Sample;
  /** The sample after the last client left, when idle. */
  readonly end: Sample;
  readonly seconds: number;
  /** User and system time of the server per request. */
  readonly cpuMicroseconds: number;
  /** All failures that were found. */
  readonly failures: readonly string[];
}

/** Runs the soak. @throws {Error} when the server ends early */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  using site = new Site();
  using place = new Site({ "epollet.json": JSON.stringify(CONFIGURATION) });
  const random = new Random(SEED);
  const writer = new Writer(site.root, random);
  await using program = await Program.start(site.root, [
    "--config",
    place.path("epollet.json"),
    ...options.flags,
  ]);
  const traffic = new Traffic(writer, random);
  using driver = new Driver(program.port, writer, random, options.speaksHttp2 === true);
  const { failures, counts, byKind, byBehaviour } = driver;
  try {
    const measured = await load(program.pid, driver, traffic, options);
    program.kill("SIGTERM");
    const { code, signal, stderr } = await program.finish();
    if (code !== 0 || signal !== null) failures.push(`exit code ${code}, signal ${signal}`);
    if (stderr !== "") failures.push(`standard error: ${stderr.slice(0, STDERR_CHARACTERS_MAX)}`);
    return { ...measured, counts, byKind, byBehaviour, changes: writer.changes, failures };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // the process's directory in /proc
    const { code, signal, stderr } = await program.finish();
    throw new Error(
      `EPOLLET_SEED=${SEED}, request ${counts.requests}: the server ended (${code}, ${signal}): ${stderr}`,
    );
  }
}

/** The measured part of the result. */
type Measured = Pick<SoakResult, "samples" | "baseline" | "warm" | "end" | "seconds" | "cpuMicroseconds">;

async function load(
  pid: number,
  driver: Driver,
  traffic: Traffic,
  options: SoakOptions,
): Promise<Measured> {
  const { counts, failures } = driver;
  const { count, atOnce, countsConnections, restMsMax } = options;
  const startMs = performance.now();
  const secondsSinceStart = () => (performance.now() - startMs) / 1000;
  const total = () => countsConnections ? counts.connections : counts.requests;
  let before = 0;
  const done = () => total() - before;
  const take = (): Sample => ({
    seconds: secondsSinceStart(),
    done: done(),
    memoryBytes: memoryBytes(pid),
    descriptors: descriptorsOf(pid),
  });
  const samples: Sample[] = [];
  const sample = () => {
    if (secondsSinceStart() < (samples.at(-1)?.seconds ?? -Infinity) + SECONDS_PER_SAMPLE) return;
    const sample = take();
    samples.push(sample);
    options.onSample?.(sample);
  };
  const mixture: Mixture = countsConnections ? MANY_CONNECTIONS : MANY_REQUESTS;
  const { requestsPerChange } = mixture;
  const runTo = (target: number, waitsFor408: boolean) => {
    const plans = (allowsSilent: boolean) =>
      options.speaksHttp2 === true
        ? nextHttp2Plan(traffic, driver.random)
        : nextPlan(traffic, driver.random, waitsFor408 && allowsSilent ? mixture : { ...mixture, silent: 0 });
    return driver.run(
      plans,
      requestsPerChange,
      atOnce,
      () => done() < target && !options.isStopped?.(),
      sample,
    );
  };
  let filled = 0;
  const fill = () => {
    filled += FILLING_REQUESTS / 2;
    return fillingPlan(traffic, filled);
  };
  await driver.run(fill, Infinity, atOnce, () => filled < options.fillingHeads, () => {});
  before = total();
  const cpuBefore = cpuSecondsOf(pid);
  const requestsBefore = counts.requests;
  await runTo(FIRST_COUNT, false);
  await settled(pid);
  const baseline = take();
  await runTo(count * WARM_SHARE, false);
  await rest(pid, restMsMax);
  const warm = take();
  samples.push(warm);
  await runTo(count, options.waitsFor408);
  const seconds = secondsSinceStart();
  const cpuMicroseconds = (cpuSecondsOf(pid) - cpuBefore) * 1e6 / (counts.requests - requestsBefore);
  await settled(pid, baseline.descriptors);
  await rest(pid, restMsMax);
  const end = take();
  samples.push(end);
  if (end.descriptors !== baseline.descriptors) {
    failures.push(`${baseline.descriptors} descriptors became ${end.descriptors}`);
  }
  const growth = end.memoryBytes - warm.memoryBytes;
  if (growth > options.growthBytesMax) failures.push(`memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB`);
  return { samples, baseline, warm, end, seconds, cpuMicroseconds };
}

function descriptorsOf(pid: number): number {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length;
}

/** Returns user and system time of the process, in seconds. */
function cpuSecondsOf(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Waits until the server has the expected number of descriptors, or the number does not change any more. */
async function settled(pid: number, expected = -1): Promise<void> {
  const endMs = performance.now() + SETTLE_MS_MAX;
  let least = descriptorsOf(pid);
  let sameSinceMs = performance.now();
  while (performance.now() < endMs && least !== expected) {
    await sleep(50);
    const now = descriptorsOf(pid);
    if (now !== least) sameSinceMs = performance.now();
    else if (expected < 0 && performance.now() > sameSinceMs + 500) return;
    least = now;
  }
}

/** Waits until memory does not change any more. */
async function rest(pid: number, msMax: number): Promise<void> {
  const endMs = performance.now() + msMax;
  let before = memoryBytes(pid);
  let sameSinceMs = performance.now();
  while (performance.now() < Math.min(endMs, sameSinceMs + REST_MS)) {
    await sleep(200);
    const now = memoryBytes(pid);
    if (Math.abs(now - before) < REST_BYTES) continue;
    before = now;
    sameSinceMs = performance.now();
  }
}
