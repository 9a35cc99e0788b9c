/**
 * Ends the server when the `npx` that started it ends, or the launcher of the npm package.
 *
 * `npx epollet` is npm, a shell, the launcher, and Deno; with a recent Node, Deno replaces the launcher. Ctrl-C in a
 * terminal reaches all of them. A signal to npm ends npm and the shell, and would leave the server running unnoticed. So
 * the server watches the npm process above it. Where there is none, it watches the launcher, for SIGKILL: the launcher
 * passes on all other signals. Source: pidfd_open(2), proc_pid_stat(5), proc_pid_cmdline(5).
 * @module
 */
import { ancestors, openProcess } from "../../ffi/process/child.ts";
import { environmentVariable, isReadable } from "../../ffi/process/process.ts";
import { readProcFile } from "../../ffi/file/proc_file.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";

/** The variable with the process id of a launcher that stays above the program; see `deploy/npm/launcher.cjs`. */
export const LAUNCHER = "EPOLLET_LAUNCHER";
/** npm sets it for what it starts: to `npx`, or the name of a script. */
const SCRIPT = "npm_lifecycle_event";

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
 * Returns a descriptor of the process that this program ends with: `npx`, or else the launcher. Returns −1 when there is
 * none, and when /proc or the kernel (before 5.3) gives no answer. To be called before the sandbox is entered.
 */
export function starterDescriptor(): number {
  const isBelowNpx = environmentVariable(SCRIPT) === "npx";
  const launcher = Number(environmentVariable(LAUNCHER) ?? 0);
  if (!isBelowNpx && launcher === 0) return -1;
  try {
    const above = ancestors();
    const npx = isBelowNpx ? above.find(isNpm) : undefined;
    const starter = npx ?? above.slice(0, 1).find((pid) => pid === launcher); // not one above an earlier program
    return starter === undefined ? -1 : openProcess(starter);
  } catch {
    return -1; // the process has ended meanwhile, or /proc is not mounted
  }
}

/** @throws {SystemError} if the process has ended */
function isNpm(pid: number): boolean {
  return NPM.test(new TextDecoder().decode(readProcFile(`/proc/${pid}/cmdline`)));
}

/**
 * Returns true if a process above this one passes signals on. At Ctrl-C such a process and this program get SIGINT
 * from the terminal, and then it comes once more.
 */
export function isSignalRepeated(): boolean {
  return environmentVariable(SCRIPT) !== undefined || environmentVariable(LAUNCHER) !== undefined;
}

/** Calls `ended` in the loop when the process of `fd` ends; never when `fd` is negative. */
export function endWith(fd: number, reactor: Reactor, ended: () => void): void {
  if (fd < 0) return;
  const source = new ProcessEnd(fd, reactor, ended);
  reactor.post(() => void reactor.register(source, Interest.READABLE));
}
