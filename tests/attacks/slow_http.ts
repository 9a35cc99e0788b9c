/**
 * slowhttptest, a well-known tool for slow attacks, in each of its modes.
 * @module
 */
import { type Attackers, type Probe } from "../support/attackers.ts";
import type { Program } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";

/** The modes by name, with their arguments. */
export const MODES: Readonly<Record<string, readonly string[]>> = {
  "slow heads (slowloris, -H)": ["-H", "-i", "1", "-u", "/"],
  "slow bodies (-B)": ["-B", "-i", "1", "-s", "8192", "-x", "10", "-u", "/"],
  "slow reading (-X)": ["-X", "-u", "/big", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "3"],
};

/** The results of slowhttptest and of another client. */
export interface SlowHttpTest {
  /** The largest number of connections that it had at the same time. */
  readonly connected: number;
  readonly closed: number;
  readonly probe: Probe;
}

/** Runs `count` connections of one mode for `seconds`, while other clients are served. */
export async function slowHttpTest(
  attackers: Attackers,
  program: Program,
  mode: readonly string[],
  count: number,
  seconds: number,
): Promise<SlowHttpTest> {
  const directory = Deno.makeTempDirSync({ prefix: "epollet-attack-" });
  try {
    const output = `${directory}/statistics`;
    const [, target] = mode.slice(mode.indexOf("-u"));
    const flags = mode.filter((word) => word !== "-u" && word !== target);
    const url = `http://127.0.0.1:${program.port}${target}`;
    const numbers = ["-c", count, "-r", count, "-l", seconds, "-p", 3].map(String);
    const attack = attackers.run(["slowhttptest", ...flags, ...numbers, "-g", "-o", output, "-u", url]);
    await sleep(500);
    const probe = await attackers.probe(program.port, seconds - 1);
    await attack;
    // Seconds,Closed,Pending,Connected,Service Available
    const rows = Deno.readTextFileSync(`${output}.csv`).trim().split("\n").slice(1)
      .map((line) => line.split(",").map(Number));
    const most = (column: number) => Math.max(...rows.map((row) => row[column]!));
    return { connected: most(3), closed: most(1), probe };
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}
