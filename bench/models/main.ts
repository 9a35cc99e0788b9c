/**
 * `deno task models`: compares the I/O models: this server with each poller, with callbacks and with coroutines, and
 * small programs in C and in Python.
 *
 * - `round-trips`: the time of one round trip while 10 to 18,000 other connections are idle
 * - `cpu`: the CPU time of one request under 64 active connections
 * - `memory`: the memory of one idle connection
 * - `c10k`: ten thousand active connections at once
 *
 * One processor for the server, one for the load; this program shares the latter.
 *
 *   deno task models [ROUNDS] [SECONDS] [MEASUREMENT...]
 *
 * Without names it measures everything, and writes the measured sections and the pictures of docs/io-models.md and of
 * its Chinese version. Text outside of the sections' markers stays as it is.
 * @module
 */
import { Progress } from "../progress.ts";
import { has, run } from "../process.ts";
import { machine } from "../report.ts";
import { pictures } from "./chart.ts";
import { FIVE_MODELS, fiveModels } from "./five_models.ts";
import {
  expectedSeconds,
  IDLE_COUNTS,
  measureCpu,
  measureCrowd,
  measureMemory,
  type Measurement,
  MEASUREMENTS,
  measureRoundTrips,
  MEMORY_CONNECTIONS,
  narrowRooms,
  type Plan,
  type Results,
} from "./measurements.ts";
import { prepare } from "./programs.ts";
import { DOCUMENTS, pictureName, replaceMeasured, type Report, sections, summary } from "./report.ts";
import { descriptorLimit, RESERVE } from "./room.ts";
import { killAll } from "./servers.ts";
import type { Language } from "./words.ts";

const docs = new URL("../../docs/", import.meta.url).pathname;
const repository = new URL("../..", import.meta.url).pathname;

const ROUNDS = 3;
const SECONDS = 1;
const MANY_DESCRIPTORS = MEMORY_CONNECTIONS + RESERVE;
/**
 * A run that takes this many times the expected time is ended, because a server that hangs would block it for good.
 */
const PATIENCE = 3;
const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

function fail(message: string, status: number): never {
  killAll();
  console.error(`models: ${message}`);
  Deno.exit(status);
}

function parseCount(text: string | undefined, standard: number): [count: number, isGiven: boolean] {
  if (text === undefined || !/^\d+$/.test(text)) return [standard, false];
  if (Number(text) === 0) fail(`bad number "${text}": expected 1 or more`, EXIT_USAGE);
  return [Number(text), true];
}

/** Reads ROUNDS, SECONDS and names from the command line. Each number may be left out. */
function parseArguments(args: readonly string[]): { rounds: number; seconds: number; wanted: Measurement[] } {
  const [rounds, hasRounds] = parseCount(args[0], ROUNDS);
  const [seconds, hasSeconds] = parseCount(hasRounds ? args[1] : undefined, SECONDS);
  const names = args.slice(Number(hasRounds) + Number(hasSeconds));
  const known: readonly string[] = MEASUREMENTS;
  for (const name of names) {
    if (!known.includes(name)) {
      fail(`unknown measurement "${name}": expected some of ${known.join(", ")}`, EXIT_USAGE);
    }
  }
  return {
    rounds,
    seconds,
    wanted: MEASUREMENTS.filter((each) => names.length === 0 || names.includes(each)),
  };
}

/** Returns why a measurement is impossible on this machine, or undefined. */
function obstacle(measurement: Measurement, idleCounts: readonly number[]): string | undefined {
  if (measurement !== "memory" && !has("wrk")) return "wrk is not installed";
  if ((measurement === "c10k" || measurement === "memory") && descriptorLimit() < MANY_DESCRIPTORS) {
    return `a process may open ${descriptorLimit()} descriptors only, not ${MANY_DESCRIPTORS}`;
  }
  if (measurement === "round-trips" && idleCounts.length === 0) {
    return `a process may open ${descriptorLimit()} descriptors only`;
  }
  return undefined;
}

/** Returns the commit that is measured, or "" when it is unknown. */
function commit(): string {
  try {
    const git = (...args: string[]) => run("git", ["-C", repository, ...args]).trim();
    const changed = git("status", "--porcelain", "--", "main.ts", "ffi", "server", "handlers", "bench");
    return git("rev-parse", "--short=7", "HEAD") + (changed === "" ? "" : " (with changes)");
  } catch {
    return "";
  }
}

async function measureAll(wanted: readonly Measurement[], plan: Plan): Promise<Results> {
  const results: Results = {
    idleCounts: plan.idleCounts,
    rooms: narrowRooms(plan),
    roundTrips: null,
    cpu: null,
    memory: null,
    crowd: null,
  };
  if (wanted.includes("round-trips")) results.roundTrips = await measureRoundTrips(plan);
  if (wanted.includes("cpu")) results.cpu = await measureCpu(plan);
  if (wanted.includes("memory")) results.memory = await measureMemory(plan);
  if (wanted.includes("c10k")) results.crowd = await measureCrowd(plan);
  return results;
}

function write(report: Report): void {
  const written: string[] = [];
  for (const language of Object.keys(DOCUMENTS) as Language[]) {
    const path = docs + DOCUMENTS[language];
    Deno.writeTextFileSync(
      path,
      replaceMeasured(Deno.readTextFileSync(path), sections(report, language)),
    );
    written.push(path);
    for (const [measurement, picture] of pictures(report.results, language)) {
      Deno.writeTextFileSync(docs + pictureName(measurement, language), picture);
      written.push(docs + pictureName(measurement, language));
    }
    const drawing = docs + pictureName(FIVE_MODELS, language);
    Deno.writeTextFileSync(drawing, fiveModels(language));
    written.push(drawing);
  }
  run(Deno.execPath(), ["fmt", "--quiet", ...written]);
  console.log(
    `\nwrote ${written.map((path) => path.slice(repository.length)).join(", ")}`,
  );
}

/** Returns the counts of idle connections that this machine allows, with a message about the others. */
function possibleCounts(): number[] {
  const idleCounts = IDLE_COUNTS.filter((count) => count <= descriptorLimit() - RESERVE);
  if (idleCounts.length < IDLE_COUNTS.length) {
    const left = IDLE_COUNTS.slice(idleCounts.length).map((count) => count.toLocaleString("en")).join(", ");
    console.error(
      `models: left out: ${left} idle connections: the limit is ${descriptorLimit()} descriptors`,
    );
  }
  return idleCounts;
}

/** Returns why measurements are impossible here, with a message about each. */
function missingMeasurements(
  wanted: readonly Measurement[],
  idleCounts: readonly number[],
): Map<Measurement, string> {
  const missing = new Map<Measurement, string>();
  for (const measurement of wanted) {
    const why = obstacle(measurement, idleCounts);
    if (why === undefined) continue;
    missing.set(measurement, why);
    console.error(`models: left out: ${measurement}: ${why}`);
  }
  return missing;
}

async function main(args: readonly string[]): Promise<void> {
  const { rounds, seconds, wanted } = parseArguments(args);
  if (!has("taskset")) fail("taskset is not installed (Debian: apt-get install util-linux)", EXIT_USAGE);
  if (navigator.hardwareConcurrency < 2) fail("two processors are needed: server and load", EXIT_USAGE);
  const idleCounts = possibleCounts();
  const missing = missingMeasurements(wanted, idleCounts);
  const possible = wanted.filter((measurement) => !missing.has(measurement));
  if (possible.length === 0) fail("nothing can be measured here", EXIT_FAILURE);
  const described = machine();
  run("taskset", ["-a", "-c", "-p", "1", String(Deno.pid)]); // on the processor of the load, not on the server's
  const work = Deno.makeTempDirSync({ prefix: "epollet-models-" });
  Deno.chmodSync(work, 0o755);
  let progress: Progress | null = null;
  const end = (message: string, status: number): never => {
    progress?.end();
    Deno.removeSync(work, { recursive: true });
    fail(message, status);
  };
  const endByError = (error: unknown) =>
    end(error instanceof Error ? error.message : String(error), EXIT_FAILURE);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => end("interrupted", EXIT_INTERRUPTED));
  }
  const { models, leftOut } = await prepare(work).catch(endByError);
  for (const [label, reason] of leftOut) console.error(`models: left out: ${label}: ${reason.en}`);
  const total = possible.reduce(
    (sum, measurement) => sum + expectedSeconds(measurement, { models, rounds, seconds, idleCounts }),
    0,
  );
  console.error(`models: ${models.length} models, some ${Math.ceil(total / 60)} min`);
  progress = new Progress(total);
  const timer = setTimeout(
    () => end("a server does not answer any more", EXIT_FAILURE),
    total * PATIENCE * 1000,
  );
  const results = await measureAll(possible, { models, rounds, seconds, work, idleCounts, progress })
    .catch(endByError);
  clearTimeout(timer);
  progress.end();
  Deno.removeSync(work, { recursive: true });
  const report: Report = {
    command: `deno task models ${rounds} ${seconds}`,
    machine: described,
    commit: commit(),
    rounds,
    seconds,
    results,
    missing,
    leftOut,
  };
  const skipped = MEASUREMENTS.filter((measurement) => !wanted.includes(measurement));
  console.log(
    summary({
      ...report,
      missing: new Map([...missing, ...skipped.map((each) => [each, "not asked for"] as const)]),
    }),
  );
  if (skipped.length === 0) write(report);
  Deno.exit(0);
}

if (import.meta.main) await main(Deno.args);
