/**
 * `deno task bench`: compares this server with a minimal C program and all installed peers.
 *
 * One processor for the servers, one for the load. Rounds are interleaved, because the speed of a shared machine
 * drifts, and ratios of medians are compared. CPU is user plus system time of all processes of a server, divided by
 * the requests that wrk counted.
 *
 *   deno task bench [ROUNDS] [SECONDS] [WORKLOAD...]
 *
 * Without workloads it measures all of them, and writes docs/benchmarks.md and docs/benchmarks.svg.
 * @module
 */
import { chart } from "./chart.ts";
import { idleBytes, startMilliseconds } from "./extremes.ts";
import { exchange, fieldOf, measure, medianSample, type Sample } from "./measure.ts";
import { machine, markdown, type Measured, table } from "./report.ts";
import { type Contestant, has, run, start, stop, waitFor } from "./process.ts";
import { contestants, makeCertificate } from "./servers.ts";
import { idleSecureBytes, measureHandshakes } from "./tls_load.ts";
import { measureHttp2 } from "./h2_load.ts";
import { makeSite, type Workload, WORKLOADS, wrkScript } from "./workloads.ts";

const here = new URL(".", import.meta.url).pathname;
/** The load before the first round: a round is to measure what goes on, not how code is compiled. */
const WARM_SECONDS = 2;
/** The same for HTTP/2, whose code is more, and is compiled later. */
const HTTP2_WARM_SECONDS = 4;

function fail(message: string): never {
  console.error(`bench: ${message}`);
  Deno.exit(2);
}

/** Measures one workload on all servers that support it, in interleaved rounds. */
async function compare(
  work: string,
  servers: readonly Contestant[],
  workload: Workload,
  rounds: number,
  seconds: number,
): Promise<Map<string, Sample>> {
  const able = servers.filter((server) => workload.hasFloor || !server.isFloor);
  const running = new Map<string, { process: Deno.ChildProcess; script: string }>();
  const samples = new Map<string, Sample[]>();
  const { isSecure = false, handshakes, streams, connections } = workload;
  const load = (server: Contestant, duration: number): Promise<Sample> => {
    const { process, script } = running.get(server.name)!;
    if (handshakes !== undefined) {
      return measureHandshakes(`${work}/tls_client`, process.pid, server.port, handshakes, duration);
    }
    const url = `${isSecure ? "https" : "http"}://127.0.0.1:${server.port}${workload.path}`;
    if (streams !== undefined) return measureHttp2(process.pid, url, connections, streams, duration);
    return measure(process.pid, url, connections, script, duration, workload.expectsStatus ?? 200);
  };
  try {
    for (const server of able) {
      const command = server.isFloor && workload.pipelined !== undefined
        ? [...server.command, String(requestBytes(workload, server.port))]
        : server.command;
      const process = start({ ...server, command });
      running.set(server.name, { process, script: "" });
      await waitFor(server.port);
      if (streams !== undefined) {
        samples.set(server.name, []);
        await load(server, HTTP2_WARM_SECONDS);
        continue;
      }
      const whole = await exchange(server.port, workload.path, "", isSecure);
      const etag = fieldOf(whole, "etag");
      if (!server.isFloor && workload.expectsStatus === 304 && etag === "") {
        console.log(`${server.name} sends no tag: left out`);
        await stop(process);
        running.delete(server.name);
        continue;
      }
      if (server === servers[0]) { // the C floor sends the same response
        const fields = workload.field === undefined ? "" : workload.field.replace("{etag}", etag) + "\r\n";
        Deno.writeFileSync(`${work}/response`, await exchange(server.port, workload.path, fields, isSecure));
      }
      const script = `${work}/${workload.key}-${server.port}.lua`;
      Deno.writeTextFileSync(script, wrkScript(workload, server.port, etag));
      running.set(server.name, { process, script });
      samples.set(server.name, []);
      await load(server, WARM_SECONDS);
    }
    for (let round = 0; round < rounds; round++) {
      for (const server of able) {
        if (!running.has(server.name)) continue;
        const sample = await load(server, seconds);
        samples.get(server.name)!.push(sample);
        console.log(
          `${workload.key.padEnd(13)} round ${round + 1}/${rounds}  ${server.name.padEnd(23)} ` +
            `${sample.cpuMicroseconds.toFixed(2).padStart(8)} µs/request  ` +
            `${Math.round(sample.requestsPerSecond)} requests/s`,
        );
      }
    }
  } finally {
    for (const { process } of running.values()) await stop(process);
  }
  return new Map(Array.from(samples, ([name, list]) => [name, medianSample(list)]));
}

/** Returns the length of the request that wrk will send. */
function requestBytes(workload: Workload, port: number): number {
  return `GET ${workload.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`.length;
}

function parseCount(text: string | undefined, standard: number, what: string): number {
  if (text === undefined) return standard;
  if (!/^\d+$/.test(text) || Number(text) === 0) fail(`bad number of ${what} "${text}": expected 1 or more`);
  return Number(text);
}

async function main(args: readonly string[]): Promise<void> {
  const rounds = parseCount(args[0], 5, "rounds");
  const seconds = parseCount(args[1], 3, "seconds");
  const keys = args.slice(2);
  const known = [...WORKLOADS.map(({ key }) => key), "idle", "https-idle", "h2c-idle", "start"];
  for (const key of keys) {
    if (!known.includes(key)) fail(`unknown workload "${key}": expected some of ${known.join(", ")}`);
  }
  const wants = (key: string) => keys.length === 0 || keys.includes(key);
  const missing = ["wrk", "h2load", "taskset", "cc", "openssl"].filter((program) => !has(program));
  if (missing.length > 0) {
    fail(
      `not installed: ${
        missing.join(", ")
      } (Debian: apt-get install wrk nghttp2-client util-linux gcc libssl-dev openssl)`,
    );
  }
  const work = Deno.makeTempDirSync({ prefix: "epollet-bench-" });
  Deno.chmodSync(work, 0o755);
  try {
    makeSite(`${work}/site`);
    for (const name of ["floor", "floor_tls", "tls_client"]) {
      run("cc", ["-O2", "-Wall", "-o", `${work}/${name}`, `${here}${name}.c`, "-lssl", "-lcrypto"]);
    }
    const servers = contestants(work, `${work}/site`);
    const tls = makeCertificate(work);
    const secureServers = contestants(work, `${work}/site`, { tls });
    const http2Servers = contestants(work, `${work}/site`, { isHttp2: true });
    const http2SecureServers = contestants(work, `${work}/site`, { tls, isHttp2: true });
    const serversFor = ({ isSecure = false, streams }: Workload): Contestant[] => {
      if (streams === undefined) return isSecure ? secureServers : servers;
      return isSecure ? http2SecureServers : http2Servers;
    };
    console.log(`comparing ${servers.map(({ name, version }) => `${name} (${version})`).join(", ")}`);
    const measured: Measured = {
      rounds,
      seconds,
      machine: machine(),
      servers,
      works: [],
      idle: [],
      idleSecure: [],
      idleHttp2: [],
      start: [],
    };
    for (const workload of WORKLOADS.filter(({ key }) => wants(key))) {
      const samples = await compare(work, serversFor(workload), workload, rounds, seconds);
      measured.works.push({ workload, samples });
      console.log(`\n${table(measured)}\n`);
    }
    const programs = servers.filter((server) => !server.isFloor);
    if (wants("idle")) { for (const server of programs) measured.idle.push(await idleBytes(server)); }
    if (wants("https-idle")) {
      for (const server of secureServers.filter(({ isFloor }) => !isFloor)) {
        measured.idleSecure.push(await idleSecureBytes(`${work}/tls_client`, server));
      }
    }
    if (wants("h2c-idle")) {
      for (const server of http2Servers.filter(({ isFloor }) => !isFloor)) {
        measured.idleHttp2.push(await idleBytes(server, true));
      }
    }
    if (wants("start")) {
      for (const server of programs) measured.start.push(await startMilliseconds(server));
    }
    console.log(`\n${table(measured)}`);
    if (keys.length > 0) return;
    Deno.writeTextFileSync(`${here}../docs/benchmarks.md`, markdown(measured));
    Deno.writeTextFileSync(`${here}../docs/benchmarks.svg`, chart(measured));
    console.log("\nwrote docs/benchmarks.md and docs/benchmarks.svg");
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

if (import.meta.main) await main(Deno.args);
