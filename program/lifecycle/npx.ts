/**
 * Ends the server when the `npx` that started it ends.
 *
 * `npx deno run main.ts` is npm, a shell, and Deno. Ctrl-C in a terminal reaches all of them. A signal to npm ends
 * npm and the shell, and would leave the server running unnoticed. So the server watches the npm process above it.
 * Source: pidfd_open(2), proc_pid_stat(5), proc_pid_cmdline(5).
 * @module
 */
import { ancestors, openProcess } from "../../ffi/process/child.ts";
import { environmentVariable, isReadable } from "../../ffi/process/process.ts";
import { readProcFile } from "../../ffi/file/proc_file.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";

/** The command lines of npm: its process title when it was started as `npx`, or a path that ends in its name. */
const NPM = /^npm |[/\0](npm|npx)(-cli\.js)?\0/;

/** A process descriptor, which becomes readable when the process ends. */
class ProcessEnd extends Source {
  readonly #reactor: Reactor;
  readonly #ended: () => void;

  constructor(fd: number, reactor: Reactor, ended: () => void) {
    super(fd);
    this.#reactor = reactor;
    this.#ended = ended;
  }

  override onReady(): void {
    if (!isReadable(this.fd)) return; // the naive poller reports every descriptor as ready
    this.#reactor.retire(this);
    this.#ended();
  }
}

/**
 * Returns a descriptor of the `npx` process that started this program. Returns −1 when there is none, and when /proc
 * or the kernel (before 5.3) gives no answer. To be called before the sandbox is entered.
 */
export function npxDescriptor(): number {
  if (environmentVariable("npm_lifecycle_event") !== "npx") return -1;
  try {
    const npx = ancestors().find((pid) =>
      NPM.test(new TextDecoder().decode(readProcFile(`/proc/${pid}/cmdline`)))
    );
    return npx === undefined ? -1 : openProcess(npx);
  } catch {
    return -1; // the process has ended meanwhile, or /proc is not mounted
  }
}

/** Calls `ended` in the loop when the process of `fd` ends; never when `fd` is negative. */
export function endWith(fd: number, reactor: Reactor, ended: () => void): void {
  if (fd < 0) return;
  const source = new ProcessEnd(fd, reactor, ended);
  reactor.post(() => void reactor.register(source, Interest.READABLE));
}
