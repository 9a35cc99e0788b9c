/**
 * Clients that stall, each kind in a crowd: when each is cut off, what they cost, and what others notice.
 * @module
 */
import { type Attackers, type Behaviour, descriptorsFall, type Probe, Usage } from "../support/attackers.ts";
import { descriptorsOf } from "../support/process.ts";
import type { Program } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";

/** One way to stall. */
export interface Stall {
  readonly name: string;
  readonly behaviour: Behaviour;
  /** After how many of the timeouts it has to be cut off at the latest, beside a second. */
  readonly timeouts: number;
  /** What it is told; null: it cannot be told anything. */
  readonly status: number | null;
}

const HEAD = "GET / HTTP/1.1\r\nHost: x\r\n";
const POST = "POST / HTTP/1.1\r\nHost: x\r\n";
const BIG = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";

/** Every way to stall. What drips comes once a second, unless a test is shorter than that. */
export function stalls(dripMs = 1000): readonly Stall[] {
  const drip = { drip: "a", step: 1, ms: dripMs };
  return [
    { name: "never speaking", behaviour: { read: -1 }, timeouts: 1, status: null },
    {
      name: "silent after an answer",
      behaviour: { send: `${HEAD}\r\n`, read: -1 },
      timeouts: 1,
      status: 200,
    },
    { name: "a head that ends nowhere", behaviour: { send: "GET / HT", read: -1 }, timeouts: 1, status: 408 },
    {
      name: "a dripping head",
      behaviour: { send: `${HEAD}X: `, read: -1, ...drip },
      timeouts: 1,
      status: 408,
    },
    {
      name: "a body that does not come",
      behaviour: { send: `${POST}Content-Length: 99999\r\n\r\n`, read: -1 },
      timeouts: 1,
      status: 408,
    },
    {
      name: "a dripping body",
      behaviour: { send: `${POST}Content-Length: 99999\r\n\r\n`, read: -1, ...drip },
      timeouts: 1,
      status: 408,
    },
    {
      name: "a dripping chunk extension",
      behaviour: { send: `${POST}Transfer-Encoding: chunked\r\n\r\n1;`, read: -1, ...drip },
      timeouts: 1,
      status: 408,
    },
    { name: "not reading", behaviour: { send: BIG }, timeouts: 1, status: null },
    { name: "not reading 100 answers", behaviour: { send: BIG.repeat(100) }, timeouts: 1, status: null },
    {
      // What its buffer took at once is enough for the first timeout's average.
      name: "reading a byte now and then",
      behaviour: { send: BIG, read: 1, ms: dripMs, rcvbuf: 4096 },
      timeouts: 2,
      status: 200,
    },
    {
      name: "gone without a word, while it is sent to",
      behaviour: { send: BIG, vanish: true },
      timeouts: 1,
      status: null,
    },
    {
      name: "gone without a word, between requests",
      behaviour: { send: `${HEAD}\r\n`, vanish: true },
      timeouts: 1,
      status: null,
    },
  ];
}

/** What was measured of a stall. */
export interface Stalled {
  /** When the server had closed all of them, after the last had come. */
  readonly lastCutMs: number;
  /** Per cent of a processor while they stalled, beyond what it takes for others alone. */
  readonly percent: number;
  /** What others saw while all of them came at once, and from then on. */
  readonly arrival: Probe;
  readonly probe: Probe;
  readonly statuses: Readonly<Record<string, number>>;
}

/** `count` clients stall, with deadlines of `timeoutMs`. */
export async function stall(
  attackers: Attackers,
  program: Program,
  { behaviour, timeouts }: Stall,
  count: number,
  timeoutMs: number,
): Promise<Stalled> {
  await attackers.probe(program.port, 0.5, "/big"); // what is done once, is done
  const quiet = new Usage(program.pid);
  await attackers.probe(program.port, 1);
  const quietPercent = quiet.percent;
  const base = descriptorsOf(program.pid);
  const seconds = timeouts * timeoutMs / 1000 + 8;
  const coming = attackers.probe(program.port, 1);
  const crowd = await attackers.crowd(program.port, count, seconds, behaviour);
  for (let i = 0; i < 200 && descriptorsOf(program.pid) < base + count; i++) {
    await sleep(10); // who says nothing is shown by the kernel after a second
  }
  const startMs = performance.now();
  const arrival = await coming;
  const probing = attackers.probe(program.port, timeouts * timeoutMs / 1000 + 1);
  const usage = new Usage(program.pid);
  await sleep(timeoutMs * 0.6);
  const percent = usage.percent - quietPercent;
  await descriptorsFall(program.pid, base + 3, seconds * 1000); // a probe has up to two
  const lastCutMs = performance.now() - startMs;
  const probe = await probing;
  const isRead = behaviour.read !== undefined;
  if (!isRead) crowd.kill(); // it notices nothing
  const statuses = isRead ? (await crowd.result).statuses : {};
  await crowd.result.catch(() => null);
  return { lastCutMs, percent, arrival, probe, statuses };
}
