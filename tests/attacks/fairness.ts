/**
 * A small file beside downloads at full speed.
 * @module
 */
import { type Attackers, type Probe } from "../support/attackers.ts";
import type { Program } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";

/** The results of the small file and of the downloads. */
export interface Fairness {
  readonly probe: Probe;
  /** The throughput of all downloads together, in bytes per second. */
  readonly bytesPerSecond: number;
}

/** Runs `count` clients that download `path` again and again at full speed for `seconds`. */
export async function besideDownloads(
  attackers: Attackers,
  program: Program,
  path: string,
  count: number,
  seconds: number,
): Promise<Fairness> {
  const url = `http://127.0.0.1:${program.port}${path}`;
  const load = attackers.run(["wrk", "-t1", `-c${count}`, `-d${seconds + 1}s`, "--timeout", "60s", url]);
  await sleep(500);
  const probe = await attackers.probe(program.port, seconds);
  const [, read, unit, time] = /([\d.]+)(\wB) read/.exec(await load) ?? [];
  const factor = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }[unit!] ?? 1;
  return { probe, bytesPerSecond: Number(read) * factor / (Number(time) || seconds + 1) };
}
