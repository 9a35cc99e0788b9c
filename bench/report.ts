/**
 * Formats the results of the benchmark as tables.
 * @module
 */
import type { Figure } from "./extremes.ts";
import type { Sample } from "./measure.ts";
import { type Contestant, run } from "./process.ts";
import type { Workload } from "./workloads.ts";

/** All results of one run. */
export interface Measured {
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: string;
  readonly servers: readonly Contestant[];
  readonly works: { readonly workload: Workload; readonly samples: ReadonlyMap<string, Sample> }[];
  readonly idle: Figure[];
  /** Idle connections with TLS. */
  readonly idleSecure: Figure[];
  /** Idle connections with an HTTP/2 session, without TLS. */
  readonly idleHttp2: Figure[];
  readonly start: Figure[];
}

/** A goal for this server: at most `ratio` times the figure of the best of `rivals`. */
interface Goal {
  readonly key: string;
  readonly ratio: number;
  readonly rivals: readonly string[];
  readonly pick?: "p50Microseconds";
}

const OURS = "epollet";
const FLOOR = "C floor";
/** The servers that speak HTTPS here. */
const PEERS = ["h2o", "nginx", "lighttpd", "Caddy"];
/** The servers that speak HTTP/2 here. */
const HTTP2_PEERS = [...PEERS, "nghttpd", "Deno.serve"];

const GOALS: readonly Goal[] = [
  { key: "small", ratio: 1.08, rivals: [FLOOR] },
  { key: "small", ratio: 0.9, rivals: ["h2o"] },
  { key: "15k", ratio: 0.95, rivals: ["h2o"] },
  { key: "100k", ratio: 0.95, rivals: ["h2o"] },
  { key: "10m", ratio: 1, rivals: ["nginx", "nginx + open_file_cache", "lighttpd", "h2o", "Caddy"] },
  { key: "pipelined", ratio: 0.45, rivals: [FLOOR] },
  { key: "close", ratio: 1, rivals: ["h2o"] },
  { key: "1000", ratio: 1.1, rivals: [FLOOR] },
  { key: "10000", ratio: 1.1, rivals: [FLOOR] },
  { key: "304", ratio: 0.95, rivals: ["lighttpd"] },
  { key: "random", ratio: 0.9, rivals: ["lighttpd"] },
  { key: "one", ratio: 1.05, rivals: [FLOOR], pick: "p50Microseconds" },
  { key: "https", ratio: 1.1, rivals: [FLOOR] },
  { key: "https", ratio: 1, rivals: ["h2o"] },
  { key: "https-15k", ratio: 0.95, rivals: PEERS },
  { key: "https-100k", ratio: 1, rivals: PEERS },
  { key: "https-10m", ratio: 1, rivals: PEERS },
  { key: "https-full", ratio: 1, rivals: PEERS },
  { key: "https-resumed", ratio: 1, rivals: PEERS },
  { key: "h2c", ratio: 0.6, rivals: ["h2o"] },
  { key: "h2c-one", ratio: 0.85, rivals: ["h2o"] },
  { key: "h2c-100k", ratio: 0.9, rivals: HTTP2_PEERS },
  { key: "h2", ratio: 0.7, rivals: ["h2o"] },
  { key: "h2-100k", ratio: 1, rivals: HTTP2_PEERS },
];
const IDLE_BYTES_GOAL = 450;
const START_MS_GOAL = 150;

/** Describes the machine: model of the processor, memory, kernel. */
export function machine(): string {
  const cpu = /model name\s*: (.*)/.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  const kib = Number(/MemTotal:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/meminfo"))?.[1]);
  const kernel = run("uname", ["-r"]).trim().split("-")[0];
  return `${cpu}, ${navigator.hardwareConcurrency} processors, ${
    Math.round(kib / 2 ** 20)
  } GiB, Linux ${kernel}`;
}

export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function rows(header: readonly string[], lines: readonly (readonly string[])[]): string {
  return [header, header.map(() => "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function byServer(measured: Measured, show: (sample: Sample) => string): string {
  const names = [
    ...new Set([
      ...measured.servers.map(({ name }) => name),
      ...measured.works.flatMap(({ samples }) => [...samples.keys()]),
    ]),
  ];
  return rows(
    ["work", ...names],
    measured.works.map(({ workload, samples }) => [
      workload.name,
      ...names.map((name) => samples.has(name) ? show(samples.get(name)!) : "–"),
    ]),
  );
}

/** Returns the table of the goals, with how far each was reached. */
function goals(measured: Measured): string {
  const lines: string[][] = [];
  for (const { key, ratio, rivals, pick = "cpuMicroseconds" } of GOALS) {
    const work = measured.works.find(({ workload }) => workload.key === key);
    const ours = work?.samples.get(OURS)?.[pick];
    const present = rivals.filter((name) => work?.samples.has(name));
    if (work === undefined || ours === undefined || present.length === 0) continue;
    const best = present.toSorted((a, b) => work.samples.get(a)![pick] - work.samples.get(b)![pick])[0]!;
    const reached = ours / work.samples.get(best)![pick];
    const what = pick === "p50Microseconds" ? `${work.workload.name}, median latency` : work.workload.name;
    lines.push([what, `≤ ${ratio} × ${best}`, `${reached.toFixed(2)} ×`, verdict(reached, ratio)]);
  }
  const absolute = (what: string, figures: readonly Figure[], goal: number, unit: string) => {
    const value = figures.find(({ name }) => name === OURS)?.value;
    if (value === undefined) return;
    lines.push([what, `≤ ${goal} ${unit}`, `${Math.round(value)} ${unit}`, verdict(value, goal)]);
  };
  absolute("an idle connection", measured.idle, IDLE_BYTES_GOAL, "bytes");
  const asH2o = (what: string, figures: readonly Figure[]) => {
    const goal = figures.find(({ name }) => name === "h2o")?.value;
    if (goal !== undefined) absolute(what, figures, Math.round(goal), "bytes");
  };
  asH2o("an idle connection with TLS", measured.idleSecure);
  asH2o("an idle connection with HTTP/2", measured.idleHttp2);
  absolute("start to first response", measured.start, START_MS_GOAL, "ms");
  return rows(["work", "goal", "measured", ""], lines);
}

function verdict(value: number, goal: number): string {
  return Number(value.toFixed(2)) <= goal ? "reached" : "missed";
}

/** Returns the tables for the terminal: CPU, and ratios. */
export function table(measured: Measured): string {
  const cpu = byServer(measured, ({ cpuMicroseconds }) => digits(cpuMicroseconds));
  return `CPU µs/request\n${cpu}\n\n${goals(measured)}`;
}

/** Returns the text of docs/benchmarks.md. */
export function markdown(measured: Measured): string {
  const { rounds, seconds, servers } = measured;
  const figures = (list: readonly Figure[], unit: string) =>
    rows(["server", unit], list.map(({ name, value }) => [name, Math.round(value).toLocaleString("en")]));
  return `# Benchmarks

<!-- Written by \`deno task bench\`; decisions.md explains the figures. -->

Measured by \`deno task bench ${rounds} ${seconds}\` on ${measured.machine}. The servers run on one processor, wrk on the
other. Figures are medians of ${rounds} interleaved rounds of ${seconds} seconds. The machine is virtual and shared: ratios within a
table mean something, absolute times do not. [decisions.md](decisions.md#choices-that-were-measured) explains the goals
that were missed.

Servers: ${
    servers.map(({ name, version }) => `${name} (${version})`).join(", ")
  }. Configurations: \`bench/servers.ts\`. "C floor" answers every
read with the same prepared bytes and does nothing else, so it shows the kernel's part of the cost, and for HTTPS that of
OpenSSL, too (\`bench/floor_tls.c\`). HTTPS is TLS 1.3 with a key on the curve P-256. The load of HTTP/2 is h2load: 16
connections of 32 streams, or as the name says. Servers differ in
when they notice that a file has changed: Deno.serve answers from memory and never does; nginx with open_file_cache, h2o
and lighttpd may serve the old contents for a second or more; Caddy and plain nginx check the file for each request.

![CPU time per request](benchmarks.svg)

## Goals

${goals(measured)}

## CPU, µs per request

${byServer(measured, ({ cpuMicroseconds }) => digits(cpuMicroseconds))}

## Requests per second

Here the load on the other processor is often the limit, not the server: CPU time says more.

${byServer(measured, ({ requestsPerSecond }) => Math.round(requestsPerSecond).toLocaleString("en"))}

## 99th percentile of latency, µs

A dash: wrk reports no latency for some pipelined runs.

${byServer(measured, ({ p99Microseconds: p99 }) => p99 > 0 ? Math.round(p99).toLocaleString("en") : "–")}

## Resident memory after the load, MiB

${byServer(measured, ({ memoryMiB }) => memoryMiB.toFixed(0))}

## Memory per idle connection, of 10,000

${figures(measured.idle, "bytes")}

## Memory per idle connection with TLS, of 10,000

${figures(measured.idleSecure, "bytes")}

## Memory per idle connection with HTTP/2, of 10,000

${figures(measured.idleHttp2, "bytes")}

## Time from start to first response

${figures(measured.start, "ms")}
`;
}
