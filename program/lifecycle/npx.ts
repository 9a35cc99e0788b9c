/**
 * The end of `npx`: a server that it has started ends, too.
 *
 * `npx deno run main.ts` is npm, a shell, and Deno. Ctrl-C in a terminal reaches all of them; a signal to npm ends npm and
 * the shell, and would leave the server running where no user looks for it. So the server watches the npm above it.
 * Source: pidfd_open(2), proc_pid_stat(5), proc_pid_cmdline(5).
 * @module
 */
import { ancestors, openProcess } from "../../ffi/process/child.ts";
import { environmentVariable, isReadable } from "../../ffi/process/process.ts";
import { readProcFile } from "../../ffi/file/proc_file.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";

/** What npm calls itself where it was started as `npx`, or by a path that tells. */
const NPM = /^npm |[/\0](npm|npx)(-cli\.js)?\0/;

/** Becomes readable when the process ends. */
class ProcessEnd extends Source {
  readonly #reactor: Reactor;
  readonly #ended: () => void;

  constructor(fd: number, reactor: Reactor, ended: () => void) {
    super(fd);
    this.#reactor = reactor;
    this.#ended = ended;
  }

  override onReady(): void {
    if (!isReadable(this.fd)) return; // the naive poller says so of every descriptor
    this.#reactor.retire(this);
    this.#ended();
  }
}

/**
 * A descriptor of the `npx` that started this program; −1 where none did, or where /proc or the kernel (before 5.3) does
 * not tell. To be called before the sandbox is entered.
 */
export function npxDescriptor(): number {
  if (environmentVariable("npm_lifecycle_event") !== "npx") return -1;
  try {
    const npx = ancestors().find((pid) =>
      NPM.test(new TextDecoder().decode(readProcFile(`/proc/${pid}/cmdline`)))
    );
    return npx === undefined ? -1 : openProcess(npx);
  } catch {
    return -1; // its process ended meanwhile, or there is no /proc
  }
}

/** From now on `ended` is called in the loop when the process of `fd` ends; below 0: never. */
export function endWith(fd: number, reactor: Reactor, ended: () => void): void {
  if (fd < 0) return;
  const source = new ProcessEnd(fd, reactor, ended);
  reactor.post(() => void reactor.register(source, Interest.READABLE));
}
