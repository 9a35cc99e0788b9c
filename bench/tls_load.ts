/**
 * The load of HTTPS that wrk cannot make: handshakes, and idle connections. It is made by `tls_client.c`.
 * @module
 */
import {
  anonymousBytes,
  cpuTicks,
  memoryBytes,
  processTree,
  type Sample,
  TICKS_PER_SECOND,
} from "./measure.ts";
import { type Contestant, DESCRIPTORS, start, stop, waitFor } from "./process.ts";
import type { Figure } from "./extremes.ts";
import { pause } from "./idle.ts";

const IDLE_CONNECTIONS = 10_000;
/** Connections that are opened and closed beforehand, so that one-time allocations are not counted. */
const WARM_CONNECTIONS = 1000;
/** Long enough for the garbage collector to have run. */
const SETTLE_MS = 3000;

/** Makes connections to the server `pid` for some seconds, each with one request. `program` is the client. */
export async function measureHandshakes(
  program: string,
  pid: number,
  port: number,
  kind: "full" | "resumed",
  seconds: number,
): Promise<Sample> {
  const pids = processTree(pid);
  const before = cpuTicks(pids);
  const args = ["-c", "1", program, `${port}`, kind, `${seconds}`];
  const { success, stdout, stderr } = await new Deno.Command("taskset", { args, stderr: "piped" }).output();
  const ticks = cpuTicks(pids) - before;
  const output = new TextDecoder().decode(stdout);
  const [, made, resumed] = /^(\d+) connections, (\d+) resumed/.exec(output) ?? [];
  if (!success || made === undefined) {
    throw new Error(`tls_client failed: ${new TextDecoder().decode(stderr)}`);
  }
  const count = Number(made);
  if (kind === "resumed" && Number(resumed) < count * 0.9) {
    throw new Error(`the server on port ${port} has resumed ${resumed} of ${made} sessions`);
  }
  return {
    cpuMicroseconds: ticks * (1e6 / TICKS_PER_SECOND) / count,
    requestsPerSecond: count / seconds,
    p50Microseconds: 0,
    p99Microseconds: 0,
    memoryMiB: memoryBytes(pid) / 2 ** 20,
  };
}

/** Measures the server's own memory for each of 10,000 idle connections with TLS, in bytes. */
export async function idleSecureBytes(program: string, server: Contestant): Promise<Figure> {
  const process = start(server);
  try {
    await waitFor(server.port);
    await (await hold(program, server.port, WARM_CONNECTIONS))();
    await pause(SETTLE_MS);
    const before = anonymousBytes(process.pid);
    const release = await hold(program, server.port, IDLE_CONNECTIONS);
    await pause(SETTLE_MS);
    const value = (anonymousBytes(process.pid) - before) / IDLE_CONNECTIONS;
    await release();
    console.log(`idle TLS  ${server.name.padEnd(23)} ${Math.round(value)} bytes for each connection`);
    return { name: server.name, value };
  } finally {
    await stop(process);
  }
}

/** Opens connections, and returns a function that closes them. */
async function hold(program: string, port: number, count: number): Promise<() => Promise<void>> {
  const command = `ulimit -n ${DESCRIPTORS}; exec '${program}' ${port} hold ${count}`;
  const client = new Deno.Command("taskset", {
    args: ["-c", "1", "sh", "-c", command],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const { value = new Uint8Array(0) } = await client.stdout.getReader().read();
  if (new TextDecoder().decode(value) !== "ready\n") {
    throw new Error("tls_client has opened too few connections");
  }
  return async () => {
    await client.stdin.close();
    await client.status;
  };
}
