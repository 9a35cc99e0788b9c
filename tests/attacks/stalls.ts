/**
 * Clients that stall, many of each kind: when each is cut off, what they cost, and how other clients are served.
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
  /** The number of timeouts after which it has to be cut off at the latest, plus a second. */
  readonly timeouts: number;
  /** The status that it gets; null when no response can reach it. */
  readonly status: number | null;
}

const HEAD = "GET / HTTP/1.1\r\nHost: x\r\n";
const POST = "POST / HTTP/1.1\r\nHost: x\r\n";
const BIG = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";

/** Returns every way to stall. Dripping clients send once a second, unless the test is shorter. */
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
      // Its buffer takes enough at once for the average of the first timeout.
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

/** The results of a stall. */
export interface Stalled {
  /** The milliseconds from the last connection until the server had closed all of them. */
  readonly lastCutMs: number;
  /** CPU usage while they stalled, in per cent, above that for the other client alone. */
  readonly percent: number;
  /** The results of another client while they arrived, and afterwards. */
  readonly arrival: Probe;
  readonly probe: Probe;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Runs `count` clients that stall, with deadlines of `timeoutMs`. */
export async function stall(
  attackers: Attackers,
  program: Program,
  { behaviour, timeouts }: Stall,
  count: number,
  timeoutMs: number,
): Promise<Stalled> {
  await attackers.probe(program.port, 0.5, "/big"); // work that is done only once is done
  const quiet = new Usage(program.pid);
  await attackers.probe(program.port, 1);
  const quietPercent = quiet.percent;
  const base = descriptorsOf(program.pid);
  const seconds = timeouts * timeoutMs / 1000 + 8;
  const coming = attackers.probe(program.port, 1);
  const crowd = await attackers.crowd(program.port, count, seconds, behaviour);
  for (let i = 0; i < 200 && descriptorsOf(program.pid) < base + count; i++) {
    await sleep(10); // with TCP_DEFER_ACCEPT the kernel shows a silent client only after a second
  }
  const startMs = performance.now();
  const arrival = await coming;
  const probing = attackers.probe(program.port, timeouts * timeoutMs / 1000 + 1);
  const usage = new Usage(program.pid);
  await sleep(timeoutMs * 0.6);
  const percent = usage.percent - quietPercent;
  await descriptorsFall(program.pid, base + 3, seconds * 1000); // a probe has up to two connections
  const lastCutMs = performance.now() - startMs;
  const probe = await probing;
  const isRead = behaviour.read !== undefined;
  if (!isRead) crowd.kill(); // the clients themselves do not notice the end
  const statuses = isRead ? (await crowd.result).statuses : {};
  await crowd.result.catch(() => null);
  return { lastCutMs, percent, arrival, probe, statuses };
}
