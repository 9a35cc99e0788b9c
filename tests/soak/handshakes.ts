/**
 * The soak of TLS: handshakes with the real program, full and resumed, with both versions, some of them aborted or
 * damaged at a random byte. Memory and descriptors are compared before and after.
 * @module
 */
import { memoryBytes } from "../../bench/measure.ts";
import type { Input } from "../fuzz/fuzz_target.ts";
import { HANDSHAKES, HandshakeTarget } from "../fuzz/handshakes.ts";
import { descriptorsOf } from "../support/process.ts";
import { Random, SEED } from "../support/random.ts";
import { sleep } from "../support/sleep.ts";

/** The number of connections between two looks at the descriptors. */
const BATCH = 500;
/** How long the garbage collector and closed connections get before memory is compared. */
const REST_MS = 1500;
const MIB = 2 ** 20;
/** The most bytes that may stay for each handshake. A leak is more. */
const BYTES_PER_HANDSHAKE_MAX = 50;
/** By so much the memory of the C library, which is where OpenSSL's is, and all memory vary besides. */
const HEAP_VARIATION_BYTES = 2 * MIB;
const VARIATION_BYTES = 8 * MIB;

/** The server at one time. */
export interface HandshakeSample {
  readonly done: number;
  readonly descriptors: number;
  readonly memoryBytes: number;
  /** The memory that malloc(3) has on the main thread. */
  readonly heapBytes: number;
}

/** The result of a soak. */
export interface HandshakeSoak {
  /** Complete handshakes, resumed ones among them, and connections that were aborted or damaged. */
  readonly complete: number;
  readonly resumed: number;
  readonly disturbed: number;
  readonly warm: HandshakeSample;
  readonly end: HandshakeSample;
  readonly seconds: number;
  /** All failures that were found. */
  readonly failures: readonly string[];
}

/** Returns the resident bytes of the segment that malloc(3) extends by brk(2). */
function heapBytes(pid: number): number {
  const [, kib = "0"] = /\[heap\]\n[^]*?Rss:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/smaps`)) ??
    [];
  return Number(kib) * 1024;
}

/** Returns a client as it comes, or that ends early or sends a wrong byte. `bytes` is how many it would send. */
export function randomInput(random: Random, bytes: number): Input {
  const kind = random.pick(HANDSHAKES);
  const at = random.below(bytes);
  switch (random.below(16)) {
    case 0:
      return [kind, `end ${at} fin`];
    case 1:
      return [kind, `end ${at} rst`];
    case 2:
      return [kind, `xor ${at} 01;end ${at + 1} fin`];
    default:
      return [kind, ""];
  }
}

/** Makes `count` connections. Memory is compared after `warmCount` of them, and at the end. */
export async function soakHandshakes(
  count: number,
  warmCount: number,
  onBatch: (sample: HandshakeSample) => void = () => {},
): Promise<HandshakeSoak> {
  const random = new Random(SEED);
  const target = new HandshakeTarget("epoll-edge");
  const failures: string[] = [];
  const startMs = performance.now();
  let [done, complete, resumed, disturbed] = [0, 0, 0, 0];
  try {
    const { bytes } = await target.sent("1.3 full");
    const pid = await target.pid();
    const sample = (): HandshakeSample => ({
      done,
      descriptors: descriptorsOf(pid),
      memoryBytes: memoryBytes(pid),
      heapBytes: heapBytes(pid),
    });
    const runTo = async (end: number): Promise<HandshakeSample> => {
      while (done < end) {
        const inputs = Array.from({ length: Math.min(BATCH, end - done) }, () => randomInput(random, bytes));
        const heard = await target.play(inputs, SEED, done);
        done += inputs.length;
        for (const [i, { isOpen, isResumed }] of heard.entries()) {
          if (inputs[i]![1] !== "") disturbed++;
          if (isOpen) complete++;
          if (isOpen && isResumed) resumed++;
        }
        onBatch(sample());
      }
      await sleep(REST_MS);
      return sample();
    };
    const warm = await runTo(warmCount);
    const end = await runTo(count);
    const handshakes = count - warmCount;
    const heapGrowth = end.heapBytes - warm.heapBytes;
    if (heapGrowth > handshakes * BYTES_PER_HANDSHAKE_MAX + HEAP_VARIATION_BYTES) {
      failures.push(`OpenSSL's memory grew by ${heapGrowth} bytes in ${handshakes} handshakes`);
    }
    const growth = end.memoryBytes - warm.memoryBytes;
    if (growth > handshakes * BYTES_PER_HANDSHAKE_MAX + VARIATION_BYTES) {
      failures.push(`memory grew by ${growth} bytes in ${handshakes} handshakes`);
    }
    if (end.descriptors > warm.descriptors) {
      failures.push(`${warm.descriptors} descriptors became ${end.descriptors}`);
    }
    const seconds = (performance.now() - startMs) / 1000;
    return { complete, resumed, disturbed, warm, end, seconds, failures };
  } finally {
    await target.close();
  }
}

/** Returns the result as text. */
export function reportHandshakes(result: HandshakeSoak): string {
  const { complete, resumed, disturbed, warm, end, seconds, failures } = result;
  const mib = (bytes: number) => (bytes / MIB).toFixed(2);
  const number = (value: number) => value.toLocaleString("en");
  return [
    `${number(complete)} handshakes in ${seconds.toFixed(0)} s, ${number(resumed)} of them resumed; ` +
    `${number(disturbed)} connections were aborted or damaged`,
    `descriptors: ${warm.descriptors} after ${number(warm.done)} connections, ${end.descriptors} at the end`,
    `OpenSSL's memory: ${mib(warm.heapBytes)} MiB, ${mib(end.heapBytes)} at the end`,
    `all memory: ${mib(warm.memoryBytes)} MiB, ${mib(end.memoryBytes)} at the end`,
    failures.length === 0 ? "nothing is wrong" : `${failures.length} FAILURES\n${failures.join("\n")}`,
  ].join("\n");
}
