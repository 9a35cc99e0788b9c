/**
 * The I/O models that are compared: the program, started once for each model.
 * @module
 */
import { POLLER_NAMES } from "../server/loop/pollers/mod.ts";
import { pause } from "./idle.ts";
import { type Contestant, DESCRIPTORS, start, stop, waitFor } from "./process.ts";

/** A poller, with callbacks or coroutines. */
export interface Model {
  /** The command-line flags, without `--poller`. */
  readonly label: string;
  readonly poller: string;
  readonly coroutine: boolean;
}

/** All models: first with callbacks, then with coroutines. */
export const MODELS: readonly Model[] = [false, true].flatMap((coroutine) =>
  POLLER_NAMES.map((poller) => ({ poller, coroutine, label: coroutine ? `${poller} --coroutine` : poller }))
);

/** The largest number of descriptors that select(2) supports. */
const FD_SETSIZE = 1024;
/** Descriptors that stay free for the load, and for files that a process opens itself. */
export const RESERVE = 500;

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

const main = new URL("../main.ts", import.meta.url).pathname;
const running = new Set<ModelServer>();

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

  /** Starts the server on the first processor. `what` are the flags that choose the handler. */
  static async start(model: Model, what: readonly string[]): Promise<ModelServer> {
    const port = freePort();
    const contestant: Contestant = {
      name: model.label,
      version: "",
      port,
      command: [
        ...[Deno.execPath(), "run", "--no-prompt", "--allow-ffi", main, "-q", "-a", "127.0.0.1"],
        ...["--port", String(port), "--poller", model.poller, ...(model.coroutine ? ["--coroutine"] : [])],
        ...what,
      ],
    };
    const process = start(contestant);
    try {
      await waitFor(port);
      await pause(SETTLE_MS); // the connection of `waitFor` is closed by then
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
    return descriptorsOf(this.pid) - this.#ownDescriptors;
  }

  /** The number of idle clients that are possible besides the load. */
  get room(): number {
    // A few descriptors are for wrk, which tries the address before it uses it.
    if (this.model.poller === "select") return FD_SETSIZE - this.#ownDescriptors - 8;
    return descriptorLimit() - RESERVE;
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

/** Returns the number of descriptors that each process may open: this one, wrk, and the servers. */
export function descriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(Deno.readTextFileSync("/proc/self/limits")) ?? [];
  return soft === "unlimited" ? DESCRIPTORS : Math.min(Number(soft), DESCRIPTORS);
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
