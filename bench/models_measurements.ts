/**
 * The measurements of the I/O models, one function each.
 * @module
 */
import { type IdleBytes, idleBytesOf, IdleConnections, pause, shortMessage } from "./idle.ts";
import { load, measure, medianSample, type Sample } from "./measure.ts";
import { ECHO_MESSAGE, ECHO_SCRIPT, type Model, MODELS, ModelServer } from "./models_servers.ts";
import { Progress } from "./progress.ts";
import { makeSmallSite, type Workload, WORKLOADS, wrkScript } from "./workloads.ts";

/**
 * Numbers of idle connections. A model with a lower maximum is measured once more with that maximum, and no further.
 */
export const IDLE_COUNTS: readonly number[] = [10, 100, 500, 1000, 3000, 10_000, 18_000];
/** With fewer connections, the steps in which the heap grows would hide the result. */
export const MEMORY_CONNECTIONS = 10_000;
/** A model that cannot reach a count is measured with its maximum, when that is at least this share of the count. */
const NEARLY = 0.9;
/** The pause before a measurement, so that earlier work is finished. */
const SETTLE_MS = 200;
const WARM_SECONDS = 1;
const CROWD_SECONDS_MIN = 10;
const WATCH_MS = 100;

/** One round trip while other connections are idle. */
export interface RoundTrip {
  /** The number of idle connections that there really were. */
  readonly idle: number;
  readonly medianMicroseconds: number;
  /** CPU time of the server. */
  readonly cpuMicroseconds: number;
}

/** A sample with very many connections at once. */
export interface Crowd extends Sample {
  /** The most connections that the server had at one time. */
  readonly connections: number;
  readonly requests: number;
  readonly errors: number;
}

/** All results of one run, by the labels of the models. A measurement that was left out is null. */
export interface Results {
  readonly idleCounts: readonly number[];
  /** One entry for each of `idleCounts`; null when the model does not support that many connections. */
  roundTrips: ReadonlyMap<string, readonly (RoundTrip | null)[]> | null;
  cpu: ReadonlyMap<string, Sample> | null;
  /** Null for a model that does not support that many connections. */
  memory: ReadonlyMap<string, IdleBytes | null> | null;
  crowd: ReadonlyMap<string, Crowd> | null;
}

/** The settings of a run. */
export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  /** A directory for temporary files. */
  readonly work: string;
  readonly idleCounts: readonly number[];
  readonly progress: Progress;
}

/** The names of the measurements on the command line. */
export const MEASUREMENTS = ["round-trips", "cpu", "memory", "c10k"] as const;
export type Measurement = (typeof MEASUREMENTS)[number];

/** Returns roughly how long each measurement takes, in seconds. */
export function expectedSeconds(
  measurement: Measurement,
  { rounds, seconds, idleCounts }: Omit<Plan, "progress" | "work">,
): number {
  switch (measurement) {
    case "round-trips":
      return MODELS.length * idleCounts.reduce((sum, count) => sum + countSeconds(count, rounds, seconds), 0);
    case "cpu":
      return MODELS.length * (WARM_SECONDS + rounds * seconds);
    case "memory":
      return MODELS.length * MEMORY_SECONDS;
    case "c10k":
      return CROWD_MODELS.length * (WARM_SECONDS + Math.max(seconds, CROWD_SECONDS_MIN));
  }
}

const MEMORY_SECONDS = 9;
const CROWD_MODELS = MODELS.filter(({ poller }) => poller === "epoll-edge");

/**
 * Returns the seconds for one count: wrk takes 0.1 s more than its argument, and the connections have to be opened.
 */
function countSeconds(count: number, rounds: number, seconds: number): number {
  return rounds * (seconds + 0.1) + count / 4000 + 0.3;
}

/** Measures one round trip of an echo against the number of other connections that are idle. */
export async function measureRoundTrips(plan: Plan): Promise<Results["roundTrips"]> {
  const script = `${plan.work}/echo.lua`;
  Deno.writeTextFileSync(script, ECHO_SCRIPT);
  const results = new Map<string, (RoundTrip | null)[]>();
  for (const model of MODELS) {
    await using server = await ModelServer.start(model, ["--handler", "echo"]);
    const idle = new IdleConnections(server.port, shortMessage(ECHO_MESSAGE));
    const points: (RoundTrip | null)[] = [];
    results.set(model.label, points);
    try {
      for (const wanted of plan.idleCounts) {
        plan.progress.begin(
          `round trips: ${model.label}, ${wanted.toLocaleString("en")} idle`,
          countSeconds(wanted, plan.rounds, plan.seconds),
        );
        const count = Math.min(wanted, server.room);
        if (count < wanted * NEARLY) {
          points.push(null);
          continue;
        }
        await idle.grow(count);
        await idle.speak();
        await pause(SETTLE_MS);
        points.push(await measureRoundTrip(server, idle, script, plan));
      }
    } finally {
      idle.close();
    }
  }
  return results;
}

async function measureRoundTrip(
  server: ModelServer,
  idle: IdleConnections,
  script: string,
  { rounds, seconds }: Plan,
): Promise<RoundTrip> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    samples.push(await measure(server.pid, `http://127.0.0.1:${server.port}/`, 1, script, seconds, 200));
  }
  await idle.speak(); // fails if one was closed meanwhile
  const { p50Microseconds, cpuMicroseconds } = medianSample(samples);
  return { idle: idle.count, medianMicroseconds: p50Microseconds, cpuMicroseconds };
}

function workload(key: string): Workload {
  return WORKLOADS.find((each) => each.key === key)!;
}

async function startStatic(model: Model, { work }: Plan): Promise<ModelServer> {
  makeSmallSite(`${work}/site`);
  return await ModelServer.start(model, ["--root", `${work}/site`]);
}

function writeScript({ work }: Plan, asked: Workload, port: number): string {
  const script = `${work}/${asked.key}-${port}.lua`;
  Deno.writeTextFileSync(script, wrkScript(asked, port, ""));
  return script;
}

/** Measures the CPU time per request for a small file with 64 active connections, in interleaved rounds. */
export async function measureCpu(plan: Plan): Promise<Results["cpu"]> {
  const asked = workload("small");
  const samples = new Map(MODELS.map(({ label }) => [label, [] as Sample[]]));
  await using servers = new AsyncDisposableStack();
  const loads: { model: Model; run: (seconds: number) => Promise<Sample> }[] = [];
  for (const model of MODELS) {
    plan.progress.begin(`CPU: ${model.label} starts`, WARM_SECONDS);
    const server = servers.use(await startStatic(model, plan));
    const script = writeScript(plan, asked, server.port);
    const url = `http://127.0.0.1:${server.port}${asked.path}`;
    const run = async (seconds: number) => {
      server.thaw();
      try {
        return await measure(server.pid, url, asked.connections, script, seconds, 200);
      } finally {
        server.freeze();
      }
    };
    await run(WARM_SECONDS);
    loads.push({ model, run });
  }
  for (let round = 1; round <= plan.rounds; round++) {
    for (const { model, run } of loads) {
      plan.progress.begin(`CPU: ${model.label}, round ${round}/${plan.rounds}`, plan.seconds);
      samples.get(model.label)!.push(await run(plan.seconds));
    }
  }
  return new Map(Array.from(samples, ([label, list]) => [label, medianSample(list)]));
}

/** Measures the memory of each of ten thousand idle connections to an echo. */
export async function measureMemory(plan: Plan): Promise<Results["memory"]> {
  const results = new Map<string, IdleBytes | null>();
  for (const model of MODELS) {
    plan.progress.begin(`memory: ${model.label}`, MEMORY_SECONDS);
    await using server = await ModelServer.start(model, ["--handler", "echo"]);
    results.set(
      model.label,
      server.room < MEMORY_CONNECTIONS
        ? null
        : await idleBytesOf(server.pid, server.port, shortMessage(ECHO_MESSAGE), MEMORY_CONNECTIONS),
    );
  }
  return results;
}

/** Measures C10K: ten thousand connections, each of which sends its next request as soon as it has its response. */
export async function measureCrowd(plan: Plan): Promise<Results["crowd"]> {
  const asked = workload("10000");
  const seconds = Math.max(plan.seconds, CROWD_SECONDS_MIN);
  const results = new Map<string, Crowd>();
  for (const model of CROWD_MODELS) {
    plan.progress.begin(`C10K: ${model.label}`, WARM_SECONDS + seconds);
    await using server = await startStatic(model, plan);
    const script = writeScript(plan, asked, server.port);
    const url = `http://127.0.0.1:${server.port}${asked.path}`;
    await load(server.pid, url, asked.connections, script, WARM_SECONDS);
    let connections = 0;
    const watch = setInterval(() => connections = Math.max(connections, server.clients), WATCH_MS);
    try {
      const sample = await load(server.pid, url, asked.connections, script, seconds);
      results.set(model.label, { ...sample, connections, errors: sample.refused + sample.failures });
    } finally {
      clearInterval(watch);
    }
  }
  return results;
}
