/**
 * `deno task completion [ROUNDS] [SECONDS]`: completion (io_uring) beside readiness (epoll), in C and in TypeScript.
 *
 * One processor for the servers, one for the load, as in `deno task bench`. Rounds are interleaved. CPU time is user
 * plus system time of the server, divided by the requests that wrk counted. Then each server runs once more under
 * strace, which counts its system calls. The program is there for comparison: it does more for each connection than
 * the others. `examples/completion/` and `bench/readiness.ts` do the same work, one by completion, one by readiness.
 * @module
 */
import { lateShutdowns } from "./late_lookup.ts";
import { exchange, load, measure, median, processTree } from "./measure.ts";
import { ECHO_MESSAGE, ECHO_SCRIPT } from "./models/servers.ts";
import { type Contestant, has, run, start, stop, waitFor } from "./process.ts";

const here = new URL(".", import.meta.url).pathname;
const CONNECTIONS = 64;
const WARM_SECONDS = 2;
/** The system calls of requests; others are of the start, of V8 and of files. */
const CALLS = [
  ...["epoll_wait", "epoll_ctl", "io_uring_enter", "accept4", "getpeername", "recvfrom", "sendto", "sendmsg"],
  ...["poll", "write", "shutdown", "close"],
];

/** One load, and the handler that it is for. */
interface Work {
  readonly name: string;
  readonly handler: string;
  /** What clients of the echo send and get back; null for an HTTP request. */
  readonly message: string | null;
}

const LARGE = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 612\r\n\r\n${"x".repeat(612)}`;
const WORKS: readonly Work[] = [
  { name: `echo of ${ECHO_MESSAGE.length} B`, handler: "echo", message: ECHO_MESSAGE },
  { name: `echo of ${LARGE.length} B`, handler: "echo", message: LARGE },
  { name: "hello, a connection each", handler: "hello", message: null },
];

/** A server, and its command line for a port and a handler. The floors send the file `response` for each read. */
interface Kind {
  readonly name: string;
  readonly command: (port: number, handler: string) => readonly string[];
  /** The name of the server on epoll that it is compared with. */
  readonly epoll: string;
}

const C_EPOLL = "C, epoll";
const TS_EPOLL = "TypeScript, epoll";

function kindsIn(work: string): readonly Kind[] {
  const deno = [Deno.execPath(), "run", "--no-prompt", "--allow-ffi"];
  const program = [...deno, `${here}../main.ts`, "-q", "-a", "127.0.0.1", "--poller", "epoll-edge"];
  const floor = (name: string, ...mode: string[]) => (port: number) => [
    ...[`${work}/${name}`, `${port}`, `${work}/response`, ...mode],
  ];
  return [
    { name: C_EPOLL, epoll: C_EPOLL, command: floor("floor") },
    { name: "C, io_uring, readiness", epoll: C_EPOLL, command: floor("floor_uring", "readiness") },
    { name: "C, io_uring, completion", epoll: C_EPOLL, command: floor("floor_uring", "completion") },
    { name: "the same, direct descriptors", epoll: C_EPOLL, command: floor("floor_uring", "direct") },
    {
      name: TS_EPOLL,
      epoll: TS_EPOLL,
      command: (port, handler) => [...deno, `${here}readiness.ts`, `${port}`, handler],
    },
    {
      name: "TypeScript, io_uring, completion",
      epoll: TS_EPOLL,
      command: (port, handler) => [...deno, `${here}../examples/completion/main.ts`, `${port}`, handler],
    },
    {
      name: "epollet, epoll-edge",
      epoll: TS_EPOLL,
      command: (port, handler) => [...program, "--port", `${port}`, "--handler", handler],
    },
  ];
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

function contestant({ name, command }: Kind, handler: string, before: readonly string[] = []): Contestant {
  const port = freePort();
  return { name, port, version: "", command: [...before, ...command(port, handler)] };
}

/** Writes what the floors send, and returns the script for wrk. */
async function prepare(work: string, { handler, message }: Work, hello: Kind): Promise<string> {
  let response = new TextEncoder().encode(message ?? "");
  if (message === null) {
    const server = contestant(hello, handler);
    const process = start(server);
    await waitFor(server.port);
    response = await exchange(server.port, "/", "", false);
    await stop(process);
  }
  Deno.writeFileSync(`${work}/response`, response);
  const script = `${work}/load.lua`;
  const echo = ECHO_SCRIPT.replace(JSON.stringify(ECHO_MESSAGE), JSON.stringify(message));
  Deno.writeTextFileSync(script, message === null ? "" : echo);
  return script;
}

/** Measures all servers, in interleaved rounds, and returns the CPU times per request. */
async function measureCpu(
  kinds: readonly Kind[],
  work: Work,
  script: string,
  rounds: number,
  seconds: number,
): Promise<Map<string, number[]>> {
  const running: { server: Contestant; process: Deno.ChildProcess }[] = [];
  const times = new Map<string, number[]>(kinds.map(({ name }) => [name, []]));
  try {
    for (const kind of kinds) {
      const server = contestant(kind, work.handler);
      const process = start(server);
      running.push({ server, process });
      await waitFor(server.port);
    }
    for (let round = 0; round <= rounds; round++) { // the first is not counted: code is compiled
      for (const { server, process } of running) {
        const url = `http://127.0.0.1:${server.port}/`;
        const duration = round === 0 ? WARM_SECONDS : seconds;
        const take = () => measure(process.pid, url, CONNECTIONS, script, duration, 200);
        // Other programs may leave the server no time for a whole second: no response is no sample.
        const sample = await take().catch(take);
        if (round > 0) times.get(server.name)!.push(sample.cpuMicroseconds);
      }
      if (round > 0) console.error(`completion: ${work.name}, round ${round}/${rounds}`);
    }
  } finally {
    for (const { process } of running) await stop(process);
  }
  return times;
}

/** Returns the system calls for each request, counted by strace: the name of each, and its share. */
async function countCalls(kind: Kind, work: Work, script: string, file: string): Promise<string> {
  const server = contestant(kind, work.handler, ["strace", "-f", "-c", "-e", `trace=${CALLS}`, "-o", file]);
  const process = start(server);
  let requests = NaN;
  try {
    await waitFor(server.port);
    ({ requests } = await load(process.pid, `http://127.0.0.1:${server.port}/`, CONNECTIONS, script, 2));
  } finally {
    // strace writes its counts when the process that it traces has ended.
    for (const traced of processTree(process.pid).slice(1)) Deno.kill(traced, "SIGKILL");
    await process.status;
  }
  const calls: [name: string, each: number][] = [];
  for (const line of Deno.readTextFileSync(file).split("\n")) {
    const [, count, name] = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/.exec(line) ?? [];
    if (name === undefined || name === "total" || Number(count) / requests < 0.01) continue;
    calls.push([name, Number(count) / requests]);
  }
  const all = calls.reduce((sum, [, each]) => sum + each, 0);
  return `${all.toFixed(2)}: ${calls.map(([name, each]) => `${name} ${each.toFixed(2)}`).join(", ")}`;
}

/** Returns the median of the ratios of each round, with the quarter of them below, and above. */
function ratioOf(list: readonly number[], epoll: readonly number[]): string {
  const ratios = list.map((each, i) => each / epoll[i]!).toSorted((a, b) => a - b);
  const at = (share: number) => ratios[Math.floor(share * (ratios.length - 1))]!.toFixed(2);
  return list === epoll ? "1" : `${median(ratios).toFixed(2)} (${at(0.25)} to ${at(0.75)})`;
}

async function main(): Promise<void> {
  const [rounds = 7, seconds = 1] = Deno.args.map(Number);
  const missing = ["wrk", "taskset", "cc"].filter((program) => !has(program));
  if (missing.length > 0 || !(rounds >= 1) || !(seconds >= 1)) {
    console.error(
      missing.length > 0
        ? `completion: not installed: ${missing.join(", ")}`
        : "usage: deno task completion [ROUNDS] [SECONDS]",
    );
    Deno.exit(2);
  }
  const work = Deno.makeTempDirSync({ prefix: "epollet-completion-" });
  try {
    for (const name of ["floor", "floor_uring"]) {
      run("cc", ["-O2", "-Wall", "-o", `${work}/${name}`, `${here}${name}.c`]);
    }
    const kinds = kindsIn(work);
    for (const each of WORKS) {
      const script = await prepare(work, each, kinds.at(-1)!);
      const times = await measureCpu(kinds, each, script, rounds, seconds);
      console.log(`\n| ${each.name} | CPU µs, median | of epoll | system calls |\n| - | -: | -: | - |`);
      for (const kind of kinds) {
        const list = times.get(kind.name)!;
        const calls = has("strace") ? await countCalls(kind, each, script, `${work}/calls`) : "";
        const ratio = ratioOf(list, times.get(kind.epoll)!);
        console.log(`| ${kind.name} | ${median(list).toFixed(2)} | ${ratio} | ${calls} |`);
      }
    }
    const { rounds: shutdowns, others, none } = lateShutdowns();
    console.log(
      `\n${shutdowns} shutdowns before a close: ${others} ended another socket, ${none} found no file`,
    );
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}

if (import.meta.main) await main();
