/**
 * The program of `deno task soak [COUNT] [--http2] [--connections] [--clients N] [--chart FILE] [flags of the server]`. COUNT
 * counts requests, or connections with `--connections`; see `soak.ts`. `deno task soak --handshakes [COUNT]` makes
 * connections with TLS instead, 100,000 by default; see `handshakes.ts`.
 * @module
 */
import { CACHED_HEADS_MAX } from "../../server/limits.ts";
import { SEED } from "../support/random.ts";
import { reportHandshakes, soakHandshakes } from "./handshakes.ts";
import { chart, report } from "./report.ts";
import { soak } from "./soak.ts";

const MIB = 2 ** 20;
const GROWTH_BYTES_MAX = 16 * MIB;
/** Enough heads to have filled each of the CACHED_HEADS_MAX entries. */
const FILLING_HEADS = 4 * CACHED_HEADS_MAX;
const REST_MS_MAX = 60_000;

const args = [...Deno.args];

/** Removes a flag from the arguments, and returns its value if `hasValue`. */
function take(name: string, hasValue: boolean): string | null {
  const at = args.indexOf(name);
  if (at < 0) return null;
  return args.splice(at, hasValue ? 2 : 1).at(-1)!;
}

const chartFile = take("--chart", true);
const speaksHttp2 = take("--http2", false) !== null;
const countsConnections = take("--connections", false) !== null;
const atOnce = Number(take("--clients", true) ?? 64);
const makesHandshakes = take("--handshakes", false) !== null;
const count = /^\d+$/.test(args[0] ?? "") ? Number(args.shift()) : makesHandshakes ? 100_000 : 1_000_000;

console.log(`EPOLLET_SEED=${SEED} deno task soak ${Deno.args.join(" ")}`);
if (makesHandshakes) {
  const result = await soakHandshakes(count, count / 5, ({ done, memoryBytes, heapBytes, descriptors }) => {
    if (done % 5000 !== 0) return;
    const [memory, heap] = [memoryBytes, heapBytes].map((bytes) => (bytes / MIB).toFixed(1));
    console.log(
      `${done.toLocaleString("en")}: ${memory} MiB, ${heap} of OpenSSL, ${descriptors} descriptors`,
    );
  });
  console.log(reportHandshakes(result));
  Deno.exit(result.failures.length === 0 ? 0 : 1);
}
let isStopped = false;
Deno.addSignalListener("SIGINT", () => isStopped = true); // the results so far are printed
const result = await soak({
  count,
  countsConnections,
  atOnce,
  speaksHttp2,
  flags: args,
  waitsFor408: true,
  fillingHeads: FILLING_HEADS,
  isStopped: () => isStopped,
  growthBytesMax: GROWTH_BYTES_MAX,
  restMsMax: REST_MS_MAX,
  onSample: ({ seconds, done, memoryBytes, descriptors }) => {
    if (Math.round(seconds) % 5 !== 0) return;
    const memory = (memoryBytes / MIB).toFixed(1);
    console.log(
      `${seconds.toFixed(0).padStart(5)} s ${
        done.toLocaleString("en")
      }, ${memory} MiB, ${descriptors} descriptors`,
    );
  },
});
console.log(report(result));
if (chartFile !== null) Deno.writeTextFileSync(chartFile, chart(result, countsConnections));
Deno.exit(result.failures.length === 0 ? 0 : 1);
