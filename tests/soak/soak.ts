/**
 * The soak: the real program, a site that changes, and clients of every kind; what it is like before and afterwards.
 * @module
 */
import { memoryBytes } from "../../bench/measure.ts";
import { Program, Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { type Counts, Driver } from "./driver.ts";
import { MANY_CONNECTIONS, MANY_REQUESTS, type Mixture } from "./plans.ts";
import { CONFIGURATION, Traffic } from "./traffic.ts";
import { Writer } from "./writer.ts";

/** What is done once by the first requests: descriptors are counted after these. */
const FIRST_REQUESTS = 300;
/** The part of all requests after which memory should grow no more. */
const WARM_SHARE = 0.1;
/** The server goes on reading for some seconds from those whom it refused. */
const SETTLE_MS_MAX = 15_000;
const SAMPLES_PER_SECOND = 1;

/** What to do. */
export interface SoakOptions {
  /** Requests, or connections where `countsConnections`. */
  readonly count: number;
  readonly countsConnections: boolean;
  /** Clients at the same time. */
  readonly atOnce: number;
  /** Flags of the server. */
  readonly flags: readonly string[];
  /** Some clients wait for 408, which takes as long as that takes. */
  readonly waitsFor408: boolean;
  /** What memory may grow by after the warm-up. */
  readonly growthBytesMax: number;
  /** Hears of each sample. */
  readonly onSample?: (sample: Sample) => void;
}

/** The server at one moment. */
export interface Sample {
  readonly seconds: number;
  /** Requests or connections, as is counted. */
  readonly done: number;
  readonly memoryBytes: number;
  readonly descriptors: number;
}

/** What came out. */
export interface SoakResult {
  readonly counts: Counts;
  readonly byKind: ReadonlyMap<string, number>;
  readonly byBehaviour: ReadonlyMap<string, number>;
  readonly changes: ReadonlyMap<string, number>;
  readonly samples: readonly Sample[];
  /** After the first requests. */
  readonly baseline: Sample;
  /** When a tenth was done. */
  readonly warm: Sample;
  /** After the last client left. */
  readonly end: Sample;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Everything that is not as it should be. */
  readonly failures: readonly string[];
}

/** Runs it. */
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
  using driver = new Driver(program.port, traffic, writer, random);
  const { counts, failures } = driver;
  const startMs = performance.now();
  const done = () => options.countsConnections ? counts.connections : counts.requests;
  const take = (): Sample => ({
    seconds: (performance.now() - startMs) / 1000,
    done: done(),
    memoryBytes: memoryBytes(program.pid),
    descriptors: descriptorsOf(program.pid),
  });
  const samples: Sample[] = [];
  let warm: Sample | null = null;
  const sample = () => {
    const isWarm = warm === null && done() >= options.count * WARM_SHARE;
    const lastSeconds = samples.at(-1)?.seconds ?? -Infinity;
    if (!isWarm && (performance.now() - startMs) / 1000 < lastSeconds + SAMPLES_PER_SECOND) return;
    const sample = take();
    if (isWarm) warm = sample;
    samples.push(sample);
    options.onSample?.(sample);
  };
  const mixture: Mixture = options.countsConnections ? MANY_CONNECTIONS : MANY_REQUESTS;
  await driver.run(
    { ...mixture, silent: 0 },
    options.atOnce,
    () => counts.requests < FIRST_REQUESTS,
    () => {},
  );
  await settled(program.pid);
  const baseline = take();
  const cpuBefore = cpuSecondsOf(program.pid);
  const silent = options.waitsFor408 ? mixture.silent : 0;
  await driver.run({ ...mixture, silent }, options.atOnce, () => done() < options.count, sample);
  const cpuSeconds = cpuSecondsOf(program.pid) - cpuBefore;
  const seconds = (performance.now() - startMs) / 1000;
  await settled(program.pid, baseline.descriptors);
  const end = take();
  samples.push(end);
  program.kill("SIGTERM");
  const { code, signal, stderr } = await program.finish();
  warm ??= baseline;
  if (end.descriptors !== baseline.descriptors) {
    failures.push(`${baseline.descriptors} descriptors became ${end.descriptors}`);
  }
  const growth = end.memoryBytes - warm.memoryBytes;
  if (growth > options.growthBytesMax) failures.push(`memory grew by ${(growth / 2 ** 20).toFixed(1)} MiB`);
  if (code !== 0 || signal !== null) failures.push(`exit code ${code}, signal ${signal}`);
  if (stderr !== "") failures.push(`standard error: ${stderr.slice(0, 4000)}`);
  const { byKind, byBehaviour } = driver;
  return {
    counts,
    byKind,
    byBehaviour,
    changes: writer.changes,
    samples,
    baseline,
    warm,
    end,
    seconds,
    cpuSeconds,
    failures,
  };
}

function descriptorsOf(pid: number): number {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length;
}

/** User and system time of the process. */
function cpuSecondsOf(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Waits until the server has as many descriptors as it should have, or no longer changes. */
async function settled(pid: number, expected = -1): Promise<void> {
  const endMs = performance.now() + SETTLE_MS_MAX;
  let least = descriptorsOf(pid);
  let sameSinceMs = performance.now();
  while (performance.now() < endMs && least !== expected) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = descriptorsOf(pid);
    if (now !== least) sameSinceMs = performance.now();
    else if (expected < 0 && performance.now() > sameSinceMs + 500) return;
    least = now;
  }
}
