/**
 * `deno task bench`: this server and the C floor side by side, one processor for the server and one for the load.
 *
 * Rounds are interleaved, because a shared machine drifts; what counts is the ratio of the medians. CPU is user plus
 * system time of the server's process (/proc/PID/stat, ticks of 10 ms) divided by the requests that wrk counted.
 *
 *   deno task bench [ROUNDS] [SECONDS]
 * @module
 */

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly start: () => Deno.ChildProcess;
}

interface Sample {
  readonly cpuMicroseconds: number;
  readonly requestsPerSecond: number;
}

const CONNECTIONS = 64;
const BODY_BYTES = 612;
const TICKS_PER_SECOND = 100;
const here = new URL(".", import.meta.url).pathname;

function has(program: string): boolean {
  return new Deno.Command("which", { args: [program], stdout: "null", stderr: "null" }).outputSync().success;
}

function start(program: string, args: string[]): Deno.ChildProcess {
  return new Deno.Command("taskset", { args: ["-c", "0", program, ...args], stdout: "null" }).spawn();
}

function run(program: string, args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, { args, stdout: "piped", stderr: "piped" })
    .outputSync();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** User and system time of a process, in ticks. */
function cpuTicks(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function waitForPort(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** The exact bytes of this server's answer, for the floor to send. */
async function capture(port: number, path: string): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode("GET /index.html HTTP/1.1\r\nHost: bench\r\n\r\n"));
  const bytes = new Uint8Array(65536);
  let length = 0;
  while (!new TextDecoder().decode(bytes.subarray(0, length)).includes("\r\n\r\n" + "x".repeat(BODY_BYTES))) {
    length += await connection.read(bytes.subarray(length)) ?? 0;
  }
  connection.close();
  Deno.writeFileSync(path, bytes.subarray(0, length));
}

function measure(port: number, pid: number, seconds: number): Sample {
  const before = cpuTicks(pid);
  const output = run("taskset", [
    ...["-c", "1", "wrk", "-t1", `-c${CONNECTIONS}`, `-d${seconds}s`],
    `http://127.0.0.1:${port}/index.html`,
  ]);
  const requests = Number(/(\d+) requests in/.exec(output)?.[1]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`wrk saw errors:\n${output}`);
  return {
    cpuMicroseconds: (cpuTicks(pid) - before) * (1e6 / TICKS_PER_SECOND) / requests,
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
  };
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

async function main(rounds: number, seconds: number): Promise<void> {
  const missing = ["wrk", "taskset", "cc"].filter((program) => !has(program));
  if (missing.length > 0) {
    console.error(`bench: not installed: ${missing.join(", ")} (Debian: apt-get install wrk util-linux gcc)`);
    Deno.exit(1);
  }
  const work = Deno.makeTempDirSync({ prefix: "epollet-bench-" });
  Deno.writeTextFileSync(`${work}/index.html`, "x".repeat(BODY_BYTES));
  Deno.utimeSync(`${work}/index.html`, new Date(0), new Date(0));
  run("cc", ["-O2", "-Wall", "-o", `${work}/floor`, `${here}floor.c`]);
  await new Promise((resolve) => setTimeout(resolve, 2500)); // a file just written is not kept in memory
  const contestants: Contestant[] = [
    {
      name: "epollet",
      port: 7896,
      start: () =>
        start(Deno.execPath(), [
          "run",
          "--no-prompt",
          "--allow-ffi",
          `${here}../main.ts`,
          "-q",
          "7896",
          work,
        ]),
    },
    { name: "C floor", port: 7897, start: () => start(`${work}/floor`, ["7897", `${work}/response`]) },
  ];
  const running: Deno.ChildProcess[] = [];
  const samples = new Map<string, Sample[]>(contestants.map(({ name }) => [name, []]));
  try {
    for (const contestant of contestants) {
      running.push(contestant.start());
      await waitForPort(contestant.port);
      if (contestant.name === "epollet") await capture(contestant.port, `${work}/response`);
      measure(contestant.port, running.at(-1)!.pid, 2); // warm
    }
    for (let round = 0; round < rounds; round++) {
      for (const [position, { name, port }] of contestants.entries()) {
        const sample = measure(port, running[position].pid, seconds);
        samples.get(name)!.push(sample);
        console.log(
          `round ${round + 1}/${rounds}  ${name.padEnd(8)} ${
            sample.cpuMicroseconds.toFixed(2)
          } µs/request  ` +
            `${Math.round(sample.requestsPerSecond)} requests/s`,
        );
      }
    }
  } finally {
    for (const process of running) process.kill("SIGKILL");
    await Promise.all(running.map((process) => process.status));
    Deno.removeSync(work, { recursive: true });
  }
  const cpu = (name: string) => median(samples.get(name)!.map((sample) => sample.cpuMicroseconds));
  const rate = (name: string) => median(samples.get(name)!.map((sample) => sample.requestsPerSecond));
  console.log(
    `\n${BODY_BYTES} bytes, ${CONNECTIONS} keep-alive connections, Deno ${Deno.version.deno}, medians`,
  );
  console.log("| server | CPU µs/request | × floor | requests/s |");
  console.log("| --- | --- | --- | --- |");
  for (const { name } of contestants) {
    const ratio = (cpu(name) / cpu("C floor")).toFixed(2);
    console.log(`| ${name} | ${cpu(name).toFixed(2)} | ${ratio} | ${Math.round(rate(name))} |`);
  }
}

if (import.meta.main) await main(Number(Deno.args[0] ?? 5), Number(Deno.args[1] ?? 4));
