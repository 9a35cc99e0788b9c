/**
 * The I/O models that are compared: the program itself, started once for each.
 * @module
 */
import { POLLER_NAMES } from "../server/loop/pollers/mod.ts";
import { pause } from "./idle.ts";
import { type Contestant, DESCRIPTORS, start, stop, waitFor } from "./servers.ts";

/** One way to wait for clients, and to write what is done for one. */
export interface Model {
  /** The flags that it has on the command line, but for `--poller`. */
  readonly label: string;
  readonly poller: string;
  readonly coroutine: boolean;
}

/** All of them: the callbacks first, then the coroutines. */
export const MODELS: readonly Model[] = [false, true].flatMap((coroutine) =>
  POLLER_NAMES.map((poller) => ({ poller, coroutine, label: coroutine ? `${poller} --coroutine` : poller }))
);

/** What select(2) has room for. */
const FD_SETSIZE = 1024;
/** Descriptors that are left for the load, and for what a process opens by itself. */
export const RESERVE = 500;

const SETTLE_MS = 100;

/** What clients of the echo say to it: a response, because that is all that wrk understands as an answer. */
export const ECHO_MESSAGE = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** Makes wrk measure an echo. It looks at the first request, which must be one; it is not sent. */
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
  /** Descriptors that it had before its first client. */
  readonly #ownDescriptors: number;

  private constructor(model: Model, port: number, process: Deno.ChildProcess) {
    this.model = model;
    this.port = port;
    this.#process = process;
    this.#ownDescriptors = descriptorsOf(process.pid);
    running.add(this);
  }

  /** Starts it, on the first processor. `what`: the flags that say what is served. */
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
      await pause(SETTLE_MS); // the client that came to look is gone
      return new ModelServer(model, port, process);
    } catch (error) {
      await stop(process);
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Clients that it has now. */
  get clients(): number {
    return descriptorsOf(this.pid) - this.#ownDescriptors;
  }

  /** How many idle clients it can have beside those that load it. */
  get room(): number {
    // A few are for wrk, which tries an address before it uses it.
    if (this.model.poller === "select") return FD_SETSIZE - this.#ownDescriptors - 8;
    return descriptorLimit() - RESERVE;
  }

  /** It stands still, so that it takes nothing of the processor while others are measured. */
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

/** Ends all of them, for one who has no time. */
export function killAll(): void {
  for (const server of running) server.kill();
}

/** Descriptors that each process may open: this one, wrk, and the servers. */
export function descriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(Deno.readTextFileSync("/proc/self/limits")) ?? [];
  return soft === "unlimited" ? DESCRIPTORS : Math.min(Number(soft), DESCRIPTORS);
}

function descriptorsOf(pid: number): number {
  const { size } = Deno.statSync(`/proc/${pid}/fd`);
  return size > 0 ? size : Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length; // the size: since Linux 6.2
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
