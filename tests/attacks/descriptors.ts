/**
 * Far more clients than descriptors.
 * @module
 */
import { type Attackers, startProgram, Usage } from "../support/attackers.ts";
import { programCommand } from "../support/program.ts";
import { get, Wire } from "../support/wire.ts";
import { sleep } from "../support/sleep.ts";

/** The results. */
export interface Shortage {
  /** The statuses of the clients that got a response. */
  readonly statuses: Readonly<Record<string, number>>;
  /** CPU usage while clients waited, in per cent. */
  readonly percent: number;
  /** The milliseconds from the end of the attack to the first correct response, and to the tenth in a row. */
  readonly serviceMs: number;
  readonly stderr: readonly string[];
  readonly code: number;
}

/** Runs `count` clients for two seconds against a server with `files` descriptors. */
export async function shortage(
  attackers: Attackers,
  root: string,
  args: readonly string[],
  send: string,
  { count = 1000, files = 256, isEcho = false } = {},
): Promise<Shortage> {
  const program = await startProgram(
    programCommand(["--port", "0", ...(isEcho ? [] : ["--root", root]), ...args]),
    files,
  );
  try {
    const crowd = await attackers.crowd(program.port, count, 2.5, { send, rcvbuf: 4096 });
    await sleep(500);
    const usage = new Usage(program.pid);
    await sleep(1500);
    const { percent } = usage;
    const { statuses } = await crowd.result;
    const startMs = performance.now();
    for (let good = 0; good < 10 && performance.now() - startMs < 5000;) {
      good = await isServed(program.port, isEcho) ? good + 1 : 0;
      if (good === 0) await sleep(20);
    }
    const serviceMs = performance.now() - startMs;
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    const lines = stderr.split("\n").filter((line) => line.startsWith("epollet:"));
    return { statuses, percent, serviceMs, stderr: lines, code };
  } finally {
    await program[Symbol.asyncDispose]();
  }
}

async function isServed(port: number, isEcho: boolean): Promise<boolean> {
  try {
    using client = await Wire.connect(port);
    await client.send(isEcho ? "hello" : get("/"));
    if (!isEcho) return (await client.read())?.text === "hello";
    return new TextDecoder().decode(await client.some() ?? new Uint8Array(0)) === "hello";
  } catch {
    return false;
  }
}
