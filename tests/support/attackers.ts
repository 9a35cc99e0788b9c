/**
 * Attackers that are faster than the server: small programs in C on another processor than the server, and
 * measurements of both.
 * @module
 */
import { cpuTicks, descriptorsOf } from "./process.ts";
import { Program, programCommand, REPOSITORY } from "./program.ts";
import { sleep } from "./sleep.ts";
import { awaited } from "./waiting.ts";

const SOURCES = `${REPOSITORY}tests/attacks/`;
const CAN_PIN = navigator.hardwareConcurrency > 1;
const encoder = new TextEncoder();

/** What a patient client measured, in milliseconds. */
export interface Probe {
  readonly requests: number;
  /** The number of requests without a response. */
  readonly failed: number;
  /** The number of responses with another status than 200. */
  readonly others: number;
  readonly otherStatus: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** How late the client's own sleep ended at worst: the delay that the machine itself adds. */
  readonly lateMs: number;
}

/** The results of many clients; see `tests/attacks/crowd.c`. */
export interface CrowdResult {
  readonly cut: number;
  readonly firstCutMs: number;
  readonly lastCutMs: number;
  readonly received: number;
  readonly sent: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** The behaviour of each client of a crowd. */
export interface Behaviour {
  readonly from?: string;
  readonly send?: string | Uint8Array;
  /** Sent afterwards in a loop, `step` bytes every `ms`; 0: as fast as possible. */
  readonly drip?: string | Uint8Array;
  readonly step?: number;
  readonly ms?: number;
  /** The bytes that are read every `ms`; −1: all. */
  readonly read?: number;
  readonly rcvbuf?: number;
  readonly half?: boolean;
  readonly vanish?: boolean;
}

/** Runs a command on one of two processors, if there are two. 0 is the server's. */
function pinned(processor: 0 | 1, command: readonly string[]): string[] {
  return CAN_PIN ? ["taskset", "-c", String(processor), ...command] : [...command];
}

/** Starts the server on a processor of its own, with the given limit on descriptors. */
export async function startServer(root: string, args: readonly string[], files?: number): Promise<Program> {
  return await startProgram(programCommand(["--port", "0", "--root", root, ...args]), files);
}

/** Starts another program in the same way. */
export async function startProgram(command: readonly string[], files?: number): Promise<Program> {
  const limited = files === undefined ? [] : ["sh", "-c", `ulimit -n ${files}; exec "$@"`, "sh"];
  return await Program.startCommand(preferred(-20, pinned(0, [...limited, ...command])));
}

/**
 * Returns a command that runs another one in a session with a priority, so that other work on this machine does not
 * disturb the measurement. Without the right or the support of the kernel for that, the command runs as usual. Source: sched(7).
 */
function preferred(nice: number, command: readonly string[]): string[] {
  return [
    "setsid",
    "sh",
    "-c",
    `echo ${nice} 2>/dev/null >/proc/self/autogroup; exec "$@"`,
    "sh",
    ...command,
  ];
}

/** The compiled programs; `using` removes them, and ends those that run. */
export class Attackers implements Disposable {
  readonly #directory = Deno.makeTempDirSync({ prefix: "epollet-attack-" });
  readonly #compiled = new Set<string>();
  readonly #running = new Set<Deno.ChildProcess>();
  #texts = 0;

  /** Requests `path` all the time for `seconds`, by HTTP/1.1 or HTTP/2. */
  async probe(
    port: number,
    seconds: number,
    path = "/",
    from = "127.0.0.9",
    version: "http1" | "http2" = "http1",
  ): Promise<Probe> {
    return JSON.parse(await this.#output(this.#spawn("probe", [port, seconds, path, from, version])));
  }

  /** Connects and leaves as fast as possible. */
  async flood(
    port: number,
    seconds: number,
    what: "close" | "reset" | "byte" | "request",
    from = "0.0.0.0",
  ): Promise<{ connected: number; failed: number }> {
    return JSON.parse(await this.#output(this.#spawn("flood", [port, seconds, what, from])));
  }

  /**
   * Starts `count` clients, and resolves once they are connected. They end after `seconds`, or when all are cut off.
   */
  async crowd(port: number, count: number, seconds: number, behaviour: Behaviour): Promise<Crowd> {
    const words = Object.entries(behaviour).map(([key, value]) => {
      if (key !== "send" && key !== "drip") {
        return `${key}=${Number(value) === value ? value : String(value)}`;
      }
      const path = `${this.#directory}/text${this.#texts++}`;
      Deno.writeFileSync(path, typeof value === "string" ? encoder.encode(value) : value as Uint8Array);
      return `${key}=${path}`;
    }).map((word) => word.replace(/=true$/, "=1"));
    const process = this.#spawn("crowd", [port, count, seconds, ...words]);
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await awaited(reader.read(), "the crowd");
      if (done) throw new Error("the crowd did not come");
      text += value;
    }
    const result = (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
      await process.status;
      this.#running.delete(process);
      return JSON.parse(text.split("\n").find((line) => line.startsWith("{")) ?? "null") as CrowdResult;
    })();
    result.catch(() => {});
    const kill = () => this.#running.has(process) ? process.kill("SIGKILL") : undefined;
    return { result, kill };
  }

  /** Runs another program beside the attackers, and returns its output. */
  async run(command: readonly string[]): Promise<string> {
    return await this.#output(this.#start(command));
  }

  #spawn(name: string, args: readonly (string | number)[]): Deno.ChildProcess {
    const program = `${this.#directory}/${name}`;
    if (!this.#compiled.has(name)) {
      const command = new Deno.Command("cc", { args: ["-O2", "-o", program, `${SOURCES}${name}.c`] });
      const { success, stderr } = command.outputSync();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
      this.#compiled.add(name);
    }
    return this.#start([program, ...args.map(String)]);
  }

  #start(command: readonly string[]): Deno.ChildProcess {
    const [program, ...args] = preferred(-10, pinned(1, command)) as [string, ...string[]]; // an attack must not be delayed
    const process = new Deno.Command(program, { args, stdout: "piped", stderr: "inherit" }).spawn();
    this.#running.add(process);
    return process;
  }

  async #output(process: Deno.ChildProcess): Promise<string> {
    const { stdout } = await process.output();
    this.#running.delete(process);
    return new TextDecoder().decode(stdout);
  }

  [Symbol.dispose](): void {
    for (const process of this.#running) process.kill("SIGKILL"); // a test failed
    Deno.removeSync(this.#directory, { recursive: true });
  }
}

/** Connected clients. */
export interface Crowd {
  readonly result: Promise<CrowdResult>;
  /** Ends the clients that are not cut off yet. */
  kill(): void;
}

/** Returns the memory of a process at present, in bytes. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]) * 1024;
}

/** The CPU usage of a process since `begin` was called. */
export class Usage {
  readonly #pid: number;
  readonly #ticks: number;
  readonly #startMs = performance.now();

  constructor(pid: number) {
    this.#pid = pid;
    this.#ticks = cpuTicks(pid);
  }

  /** Per cent of one processor. */
  get percent(): number {
    return (cpuTicks(this.#pid) - this.#ticks) * 1000 / (performance.now() - this.#startMs);
  }
}

/** Waits until a process has at most `most` descriptors. Returns the milliseconds that it took, or Infinity. */
export async function descriptorsFall(pid: number, most: number, patienceMs: number): Promise<number> {
  const startMs = performance.now();
  while (performance.now() - startMs < patienceMs) {
    if (descriptorsOf(pid) <= most) return performance.now() - startMs;
    await sleep(20);
  }
  return Infinity;
}
