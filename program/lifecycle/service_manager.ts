/**
 * What systemd is told, where it started the program with `Type=notify`: when it is ready, reloads and ends, that it is
 * alive (`WatchdogSec=`), and that another process is the main one now. Source: sd_notify(3).
 * @module
 */
import { monotonicMs } from "../../ffi/libc/clock.ts";
import { connectDatagram } from "../../ffi/socket/local_socket.ts";
import { EAGAIN } from "../../ffi/libc/errno.ts";
import { environmentVariable, processId } from "../../ffi/process/process.ts";
import { close, send } from "../../ffi/socket/socket.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { LaunchContext } from "./launch.ts";
import { Watchdog, watchdogTimeMs } from "./watchdog.ts";

/** Where systemd listens. The variable stays: a successor speaks to it, too. */
const VARIABLE = "NOTIFY_SOCKET";

/** The notify socket of the service manager. Without one every call does nothing. */
export class ServiceManager {
  readonly #fd: number;
  #watchdog: Watchdog | null = null;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** To be called before the sandbox is entered. */
  static connect(): ServiceManager {
    const path = environmentVariable(VARIABLE) ?? "";
    return new ServiceManager(path === "" ? -1 : connectDatagram(path));
  }

  /** Clients are accepted. */
  ready(): void {
    this.#tell(`READY=1\nMAINPID=${processId()}`);
  }

  /** From now on `reactor` answers systemd's watchdog, where that asks this process. */
  watch(reactor: Reactor): void {
    const timeMs = watchdogTimeMs();
    if (this.#fd < 0 || timeMs === null) return;
    this.#watchdog = new Watchdog(reactor, timeMs, () => this.#tell("WATCHDOG=1") !== -EAGAIN);
    this.#watchdog.start();
  }

  /** It is about to end. What it has begun is finished, so the watchdog is answered on. */
  stopping(): void {
    this.#tell("STOPPING=1");
  }

  /** Another process has taken over, and answers the watchdog. In the loop. */
  succeeded(pid: number): void {
    this.#watchdog?.stop();
    this.#tell(`MAINPID=${pid}`);
  }

  /** Says when a reload begins, and when it is over. */
  async reloading(reload: () => Promise<void>): Promise<void> {
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${Math.round(monotonicMs() * 1000)}`);
    try {
      await reload();
    } finally {
      this.ready();
    }
  }

  /** −errno: it was not sent. */
  #tell(message: string): number {
    if (this.#fd < 0) return this.#fd;
    const bytes = new TextEncoder().encode(message) as Uint8Array<ArrayBuffer>;
    return send(this.#fd, bytes, bytes.length, false);
  }
}

/** Tells the starter of this program, if it waits for that, that the program serves. */
export function sayReady(
  launchContext: LaunchContext | null,
  manager: ServiceManager,
  reactor: Reactor,
): void {
  manager.ready();
  manager.watch(reactor);
  if (launchContext === null) return;
  const ready = new TextEncoder().encode(`{"kind":"ready"}\n`) as Uint8Array<ArrayBuffer>;
  send(launchContext.channel, ready, ready.length, false);
  close(launchContext.channel);
}
