/**
 * Starts the server of a model, on the first processor.
 * @module
 */
import { pause } from "../idle.ts";
import { processTree } from "../measure.ts";
import { type Contestant, logOf, start, stop, waitFor } from "../process.ts";
import type { Model } from "./models.ts";
import { roomOf } from "./room.ts";

/** Debian's Python, which has Debian's packages. */
export const PYTHON = "/usr/bin/python3";

/** The path of the file that is requested. */
export const SITE_PATH = "/small.html";

const SETTLE_MS = 100;

/** The message that clients of the echo send. It is a response, because wrk reads only responses. */
export const ECHO_MESSAGE = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** Makes wrk measure an echo. wrk inspects the first request, which must be valid; that one is not sent. */
export const ECHO_SCRIPT = `local answer = ${JSON.stringify(ECHO_MESSAGE)}
local isVerified = false
request = function()
  if isVerified then return answer end
  isVerified = true
  return wrk.format()
end
`;

/** What a server does. */
export type Task = "echo" | "static";

const here = new URL(".", import.meta.url).pathname;
const main = new URL("../../main.ts", import.meta.url).pathname;
const running = new Set<ModelServer>();

/** Returns the command that starts a model. `work` is the directory that `prepare` has filled. */
export function commandOf({ kind, program }: Model, task: Task, port: number, work: string): string[] {
  const isEcho = task === "echo";
  switch (kind) {
    case "callback":
    case "coroutine":
      return [
        ...[Deno.execPath(), "run", "--no-prompt", "--allow-ffi", main, "-q", "-a", "127.0.0.1"],
        ...["--port", String(port), "--poller", program, ...(kind === "coroutine" ? ["--coroutine"] : [])],
        ...(isEcho ? ["--handler", "echo"] : ["--root", `${work}/site`]),
      ];
    case "c": {
      // The floor always sends a prepared response. For the echo that is the message which all clients send.
      const file = isEcho ? (program === "floor" ? [`${work}/echo`] : []) : [`${work}/response`];
      return [`${work}/${program}`, String(port), ...file];
    }
    case "python": {
      const site = isEcho ? [] : [`${work}/site`];
      return [PYTHON, "-B", `${here}python/${program}.py`, String(port), ...site];
    }
  }
}

/** A running server of one model. */
export class ModelServer implements AsyncDisposable {
  readonly model: Model;
  readonly port: number;
  readonly #process: Deno.ChildProcess;
  /** Descriptors that were open before the first client. */
  readonly #ownDescriptors: number;

  private constructor(model: Model, port: number, process: Deno.ChildProcess) {
    this.model = model;
    this.port = port;
    this.#process = process;
    this.#ownDescriptors = descriptorsOf(process.pid);
    running.add(this);
  }

  /**
   * Starts the server and waits until it listens.
   * @throws {Error} with the error log of a server that ends instead, or does not listen for 10 seconds
   */
  static async start(model: Model, task: Task, work: string): Promise<ModelServer> {
    const port = freePort();
    const command = commandOf(model, task, port, work);
    const contestant: Contestant = { name: model.label, version: "", port, command };
    const process = start(contestant);
    // After the race it is handled, so the end of a server that was measured is no error.
    const ended = process.status.then(({ code }) => {
      throw new Error(`${model.label} ended with status ${code}:\n${Deno.readTextFileSync(logOf(port))}`);
    });
    try {
      await Promise.race([waitFor(port), ended]);
      // The connection of `waitFor` is closed by then. A server may refuse after it has begun to listen.
      await Promise.race([pause(SETTLE_MS), ended]);
      return new ModelServer(model, port, process);
    } catch (error) {
      await stop(process);
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The number of clients at present. */
  get clients(): number {
    if (this.model.bound === "processes") return processTree(this.pid).length - 1;
    return descriptorsOf(this.pid) - this.#ownDescriptors;
  }

  /** The number of idle clients that are possible besides the load. */
  get room(): number {
    return roomOf(this.model, this.#ownDescriptors);
  }

  /** Stops the process, so that it uses no CPU while others are measured. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    await stop(this.#process);
    running.delete(this);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** Kills all servers at once, for a run that is interrupted. */
export function killAll(): void {
  for (const server of running) server.kill();
}

function descriptorsOf(pid: number): number {
  const { size } = Deno.statSync(`/proc/${pid}/fd`);
  // Since Linux 6.2, the size of the directory is the number of its entries.
  return size > 0 ? size : Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length;
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
