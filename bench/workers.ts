/**
 * `deno task bench:workers [SECONDS] [ROUNDS]`: the gain of a second worker on two processors.
 *
 * The load needs a processor, too. So the request has to cost the server many times what it costs the client: a
 * listing of a large directory, which is made again for each request. A small file is measured beside it, where the
 * client needs nearly as much as the server. Rounds with one worker and with two alternate.
 * @module
 */
import { processTree } from "./measure.ts";
import { median, Program } from "./program.ts";

const [seconds = 4, rounds = 5] = Deno.args.map(Number);
const NAMES = 900; // fewer than the cache remembers between two requests

/** The result of one round. */
interface Round {
  readonly requestsPerSecond: number;
  /** The number of processors that the client kept busy. */
  readonly client: number;
}

const decoder = new TextDecoder();

function makeSite(): string {
  const root = Deno.makeTempDirSync({ prefix: "epollet-bench-" });
  Deno.mkdirSync(`${root}/many`);
  for (let i = 0; i < NAMES; i++) Deno.writeTextFileSync(`${root}/many/file-${i}.txt`, "");
  Deno.writeTextFileSync(`${root}/small.html`, "x".repeat(612));
  return root;
}

/** Starts the program, loads it, and ends it. */
async function round(root: string, workers: number, path: string): Promise<Round> {
  await using program = await Program.start(root, ["--browse", "--workers", String(workers)]);
  const url = program.url + path;
  await wrk(url, 1); // V8 compiles hot code first
  const startMs = performance.now();
  const { requests, cpuSeconds } = await wrk(url, seconds);
  const elapsed = (performance.now() - startMs) / 1000;
  if (processTree(program.pid).length !== workers + 1) throw new Error("a worker is missing");
  return { requestsPerSecond: requests / elapsed, client: cpuSeconds / elapsed };
}

/** Loads `url`. The shell reports user and system time of the client. */
async function wrk(url: string, forSeconds: number): Promise<{ requests: number; cpuSeconds: number }> {
  const command = `wrk -t1 -c64 -d${forSeconds}s ${url}; times`;
  const { stdout } = await new Deno.Command("bash", { args: ["-c", command] }).output();
  const text = decoder.decode(stdout);
  const [, requests] = /(\d+) requests in/.exec(text) ?? [];
  if (requests === undefined || /Non-2xx|Socket errors/.test(text)) throw new Error(text);
  const times = [...text.matchAll(/(\d+)m([\d.]+)s/g)].slice(-2);
  const cpuSeconds = times.reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0);
  return { requests: Number(requests), cpuSeconds };
}

if (import.meta.main) {
  const root = makeSite();
  try {
    for (const [name, path] of [["a listing of 900 names", "/many/"], ["a file of 612 B", "/small.html"]]) {
      const found: Record<number, Round[]> = { 1: [], 2: [] };
      for (let i = 0; i < rounds; i++) {
        for (const workers of [1, 2]) found[workers]!.push(await round(root, workers, path!));
      }
      const rate = (workers: number) =>
        median(found[workers]!.map(({ requestsPerSecond }) => requestsPerSecond));
      const client = (workers: number) => median(found[workers]!.map(({ client }) => client)).toFixed(2);
      console.log(
        `${name}: ${Math.round(rate(1))}/s with one worker, ${Math.round(rate(2))}/s with two: ` +
          `${(rate(2) / rate(1)).toFixed(2)} times as much (client: ${client(1)} and ${
            client(2)
          } processors)`,
      );
    }
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}
