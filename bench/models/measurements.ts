/**
 * The measurements of the I/O models, one function each.
 * @module
 */
import { type IdleBytes, idleBytesOf, IdleConnections, pause, SETTLE_MS, shortMessage } from "../idle.ts";
import { load, measure, medianSample, type Sample } from "../measure.ts";
import { Progress } from "../progress.ts";
import { type Workload, WORKLOADS, wrkScript } from "../workloads.ts";
import type { Bound, Model } from "./models.ts";
import { roomOf } from "./room.ts";
import { ECHO_MESSAGE, ECHO_SCRIPT, ModelServer } from "./servers.ts";

/**
 * Numbers of idle connections. A model with a lower maximum is measured once more with that maximum, and no further.
 */
export const IDLE_COUNTS: readonly number[] = [10, 100, 1000, 3000, 10_000, 18_000];
/** With fewer connections, the steps in which the heap grows would hide the result. */
export const MEMORY_CONNECTIONS = 10_000;
/** A model that cannot reach a count is measured with its maximum, when that is at least this share of the count. */
const NEARLY = 0.9;
/** The pause before a round trip, so that earlier work is finished. */
const ROUND_TRIP_SETTLE_MS = 200;
/** Programs in C and in Python free memory at once. */
const PROMPT_SETTLE_MS = 500;
const WARM_SECONDS = 1;
const CROWD_SECONDS_MIN = 10;
const CROWD_CONNECTIONS = 10_000;
/** On a busy machine, wrk may use all its time for opening the connections. */
const CROWD_TRIES = 3;
const DEPARTURE_MS_MAX = 10_000;
/** Descriptors that a server opens with its first client, and keeps, are not told from clients. */
const DEPARTED_MAX = 10;
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

/** The memory of an idle connection. */
export interface Idle extends IdleBytes {
  /** The number of connections that there were. */
  readonly connections: number;
}

/** The clients that a model can have here, and what bounds them. */
export interface Room {
  readonly bound: Bound;
  readonly clients: number;
}

/** All results of one run, by the labels of the models. A measurement that was left out is null. */
export interface Results {
  readonly idleCounts: readonly number[];
  /** The models that cannot have as many clients as the measurements ask for. */
  readonly rooms: ReadonlyMap<string, Room>;
  /** One entry for each of `idleCounts`; null when the model does not support that many connections. */
  roundTrips: ReadonlyMap<string, readonly (RoundTrip | null)[]> | null;
  cpu: ReadonlyMap<string, Sample> | null;
  /** Null for a model that does not support that many connections. */
  memory: ReadonlyMap<string, Idle | null> | null;
  /** Null for a model that does not support that many connections. */
  crowd: ReadonlyMap<string, Crowd | null> | null;
}

/** The settings of a run. */
export interface Plan {
  readonly models: readonly Model[];
  readonly rounds: number;
  readonly seconds: number;
  /** The directory that `prepare` has filled. */
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
  { models, rounds, seconds, idleCounts }: Omit<Plan, "progress" | "work">,
): number {
  const sum = (some: readonly Model[], secondsOf: (model: Model) => number) =>
    some.reduce((total, model) => total + secondsOf(model), 0);
  switch (measurement) {
    case "round-trips":
      return sum(models, (model) =>
        idleCounts.filter((count) => count * NEARLY <= roomOf(model, 0))
          .reduce((total, count) => total + countSeconds(count, rounds, seconds), 0));
    case "cpu":
      return models.length * (WARM_SECONDS + rounds * seconds);
    case "memory":
      return sum(models, memorySeconds);
    case "c10k":
      return sum(models.filter(canCrowd), () => WARM_SECONDS + Math.max(seconds, CROWD_SECONDS_MIN));
  }
}

const OPENING_SECONDS = 3;

/** Returns the seconds for the memory of a model. */
function memorySeconds({ kind, bound }: Model): number {
  if (bound === "select") return 1;
  return OPENING_SECONDS + 2 * settleMs(kind) / 1000;
}

function settleMs(kind: Model["kind"]): number {
  return kind === "callback" || kind === "coroutine" ? SETTLE_MS : PROMPT_SETTLE_MS;
}

function canCrowd(model: Model): boolean {
  return model.isInCrowd && roomOf(model, 0) >= CROWD_CONNECTIONS;
}

/**
 * Returns the seconds for one count: wrk takes 0.1 s more than its argument, and the connections have to be opened.
 */
function countSeconds(count: number, rounds: number, seconds: number): number {
  return rounds * (seconds + 0.1) + count / 4000 + 0.3;
}

/** Returns the models that have less room than the measurements ask for. */
export function narrowRooms({ models, idleCounts }: Pick<Plan, "models" | "idleCounts">): Map<string, Room> {
  const most = Math.max(MEMORY_CONNECTIONS, idleCounts.at(-1) ?? 0);
  return new Map(
    models.map((model) => [model.label, { bound: model.bound, clients: roomOf(model, 0) }] as const)
      .filter(([, { clients }]) => clients < most),
  );
}

/** Measures one round trip of an echo against the number of other connections that are idle. */
export async function measureRoundTrips(plan: Plan): Promise<Results["roundTrips"]> {
  const script = `${plan.work}/echo.lua`;
  Deno.writeTextFileSync(script, ECHO_SCRIPT);
  const results = new Map<string, (RoundTrip | null)[]>();
  for (const model of plan.models) {
    await using server = await ModelServer.start(model, "echo", plan.work);
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
        await pause(ROUND_TRIP_SETTLE_MS);
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

function writeScript({ work }: Plan, asked: Workload, port: number): string {
  const script = `${work}/${asked.key}-${port}.lua`;
  Deno.writeTextFileSync(script, wrkScript(asked, port, ""));
  return script;
}

/** Measures the CPU time per request for a small file with 64 active connections, in interleaved rounds. */
export async function measureCpu(plan: Plan): Promise<Results["cpu"]> {
  const asked = workload("small");
  const samples = new Map(plan.models.map(({ label }) => [label, [] as Sample[]]));
  await using servers = new AsyncDisposableStack();
  const loads: { model: Model; run: (seconds: number) => Promise<Sample> }[] = [];
  for (const model of plan.models) {
    plan.progress.begin(`CPU: ${model.label} starts`, WARM_SECONDS);
    const server = servers.use(await ModelServer.start(model, "static", plan.work));
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

/**
 * Measures the memory of each of ten thousand idle connections to an echo. A process for each client is measured with
 * as many as there may be.
 */
export async function measureMemory(plan: Plan): Promise<Results["memory"]> {
  const results = new Map<string, Idle | null>();
  for (const model of plan.models) {
    plan.progress.begin(`memory: ${model.label}`, memorySeconds(model));
    await using server = await ModelServer.start(model, "echo", plan.work);
    const connections = Math.min(server.room, MEMORY_CONNECTIONS);
    if (connections < MEMORY_CONNECTIONS && model.bound !== "processes") {
      results.set(model.label, null);
      continue;
    }
    const message = shortMessage(ECHO_MESSAGE);
    const bytes = await idleBytesOf(server.pid, server.port, message, connections, settleMs(model.kind));
    results.set(model.label, { ...bytes, connections });
  }
  return results;
}

/** Measures C10K: ten thousand connections, each of which sends its next request as soon as it has its response. */
export async function measureCrowd(plan: Plan): Promise<Results["crowd"]> {
  const results = new Map<string, Crowd | null>();
  for (const model of plan.models.filter(({ isInCrowd }) => isInCrowd)) {
    results.set(model.label, canCrowd(model) ? await measureOneCrowd(model, plan) : null);
  }
  return results;
}

async function measureOneCrowd(model: Model, plan: Plan): Promise<Crowd> {
  const asked = workload("10000");
  const seconds = Math.max(plan.seconds, CROWD_SECONDS_MIN);
  plan.progress.begin(`C10K: ${model.label}`, WARM_SECONDS + seconds);
  await using server = await ModelServer.start(model, "static", plan.work);
  const script = writeScript(plan, asked, server.port);
  const url = `http://127.0.0.1:${server.port}${asked.path}`;
  await load(server.pid, url, asked.connections, script, WARM_SECONDS);
  for (let tries = 1;; tries++) {
    await waitForDepartures(server);
    const crowd = await loadCrowd(server, url, script, seconds);
    if (crowd.requests > 0) return crowd;
    if (tries === CROWD_TRIES) throw new Error(`${model.label} answers none of ten thousand clients`);
  }
}

/** Waits until the clients of an earlier load have left: a server that is busy with their ends accepts no new ones. */
async function waitForDepartures(server: ModelServer): Promise<void> {
  const end = performance.now() + DEPARTURE_MS_MAX;
  while (server.clients > DEPARTED_MAX && performance.now() < end) await pause(WATCH_MS);
}

async function loadCrowd(server: ModelServer, url: string, script: string, seconds: number): Promise<Crowd> {
  let connections = 0;
  const watch = setInterval(() => connections = Math.max(connections, server.clients), WATCH_MS);
  try {
    const sample = await load(server.pid, url, CROWD_CONNECTIONS, script, seconds);
    return { ...sample, connections, errors: sample.refused + sample.failures };
  } finally {
    clearInterval(watch);
  }
}
