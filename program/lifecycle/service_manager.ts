/**
 * Messages to systemd when it started the program with `Type=notify`: the program is ready, reloads, ends, is alive
 * (`WatchdogSec=`), or another process is the main one now. Source: sd_notify(3).
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

/** The path of systemd's socket. The variable is not hidden, because a successor sends messages there, too. */
const VARIABLE = "NOTIFY_SOCKET";

/** The notify socket of the service manager. Without one every call does nothing. */
export class ServiceManager {
  readonly #fd: number;
  #watchdog: Watchdog | null = null;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Connects to the socket. To be called before the sandbox is entered. */
  static connect(): ServiceManager {
    const path = environmentVariable(VARIABLE) ?? "";
    return new ServiceManager(path === "" ? -1 : connectDatagram(path));
  }

  /** Reports that clients are accepted. */
  ready(): void {
    this.#tell(`READY=1\nMAINPID=${processId()}`);
  }

  /** Answers systemd's watchdog from the loop of `reactor`, when systemd expects that of this process. */
  watch(reactor: Reactor): void {
    const timeMs = watchdogTimeMs();
    if (this.#fd < 0 || timeMs === null) return;
    this.#watchdog = new Watchdog(reactor, timeMs, () => this.#tell("WATCHDOG=1") !== -EAGAIN);
    this.#watchdog.start();
  }

  /**
   * Reports that the program is about to end. The watchdog is answered until the requests in progress are finished.
   */
  stopping(): void {
    this.#tell("STOPPING=1");
  }

  /** Reports that process `pid` has taken over, and stops answering the watchdog. To be called in the loop. */
  succeeded(pid: number): void {
    this.#watchdog?.stop();
    this.#tell(`MAINPID=${pid}`);
  }

  /** Runs `reload`, and reports its beginning and its end. */
  async reloading(reload: () => Promise<void>): Promise<void> {
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${Math.round(monotonicMs() * 1000)}`);
    try {
      await reload();
    } finally {
      this.ready();
    }
  }

  /** Sends `message`. Returns −errno when it was not sent. */
  #tell(message: string): number {
    if (this.#fd < 0) return this.#fd;
    const bytes = new TextEncoder().encode(message) as Uint8Array<ArrayBuffer>;
    return send(this.#fd, bytes, bytes.length, false);
  }
}

/** Reports that the program serves: to systemd, and through the channel to the program that started this one. */
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
