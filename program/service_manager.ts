/**
 * What systemd is told, where it started the program with `Type=notify`: when it is ready, reloads and ends, and that
 * another process is the main one now. Source: sd_notify(3).
 * @module
 */
import { monotonicMs } from "../ffi/clock.ts";
import { connectDatagram } from "../ffi/local_socket.ts";
import { environmentVariable, processId } from "../ffi/process.ts";
import { close, send } from "../ffi/socket.ts";
import type { Origin } from "./origin.ts";

/** Where systemd listens. The variable stays: a successor speaks to it, too. */
const VARIABLE = "NOTIFY_SOCKET";

/** See the module's comment. Nobody has to listen: then it does nothing. */
export class ServiceManager {
  readonly #fd: number;

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

  /** It is about to end. */
  stopping(): void {
    this.#tell("STOPPING=1");
  }

  /** Another process has taken over. */
  succeeded(pid: number): void {
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

  #tell(message: string): void {
    if (this.#fd < 0) return;
    const bytes = new TextEncoder().encode(message) as Uint8Array<ArrayBuffer>;
    send(this.#fd, bytes, bytes.length, false);
  }
}

/** Whoever started this program, and waits for that, is told that it serves. */
export function sayReady(origin: Origin | null, manager: ServiceManager): void {
  manager.ready();
  if (origin === null) return;
  const ready = new TextEncoder().encode(`{"kind":"ready"}\n`) as Uint8Array<ArrayBuffer>;
  send(origin.channel, ready, ready.length, false);
  close(origin.channel);
}
