/**
 * The renewal of certificates while the program serves: their files are watched, and what is written to them is served
 * from the next handshake on, if it can be.
 *
 * The files may be replaced by a rename, written in place, or be behind symbolic links that change (certbot, Kubernetes).
 * So every directory is watched in which a link on the way to a file can change. A certificate and its key are two files,
 * so a pair that does not match may only be half written. It is logged only after a pause.
 * @module
 */
import { inotifyCreate, inotifyRead, inotifyWatch } from "../../ffi/file/inotify.ts";
import { openLink, openPath, readLink, walk } from "../../ffi/file/path_walk.ts";
import { close } from "../../ffi/socket/socket.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";
import { Timer } from "../../server/loop/timer.ts";
import { TLS_LOOK_INTERVAL_MS, TLS_REPORT_DELAY_MS } from "../../server/tls_limits.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import {
  acmeFilesOf,
  certificateFilesOf,
  certificateWarnings,
  type LoadedCertificates,
  readAll,
  refusalOf,
} from "./certificates.ts";

const LINKS_MAX = 8;

/** What {@linkcode Renewal} calls. */
export interface RenewalTasks {
  /** Serves `certificates` from the next handshake on. @throws {Error} when they cannot be used */
  apply(certificates: readonly NamedCertificate[]): void;
  /** Logs a line. */
  warn(line: string): void;
}

/** Watches the files of certificates, and applies what is written to them. */
export class Renewal extends Source {
  readonly #command: CommandLine;
  readonly #reactor: Reactor;
  readonly #tasks: RenewalTasks;
  #current: LoadedCertificates;
  readonly #delayedCheck = new Timer(() => this.check(true));
  readonly #clock = new Timer(() => this.#look());
  /** The lines that were logged since the last renewal. */
  readonly #logged = new Set<string>();

  /** `current` is what is served, by the settings of `command`. */
  constructor(command: CommandLine, current: LoadedCertificates, reactor: Reactor, tasks: RenewalTasks) {
    super(inotifyCreate());
    this.#command = command;
    this.#current = current;
    this.#reactor = reactor;
    this.#tasks = tasks;
  }

  /** What is served. */
  get current(): LoadedCertificates {
    return this.#current;
  }

  /** Begins to watch. */
  start(): void {
    if (this.fd >= 0) this.#reactor.register(this, Interest.READABLE);
    this.#watch();
    this.#look();
  }

  override onReady(): void {
    let hasNews = false;
    while (inotifyRead(this.fd, () => hasNews = true) > 0);
    if (!hasNews) return;
    this.#watch();
    this.check(false);
  }

  /** Reads the files again. If they cannot be used, logs why: at once with `logsRefusal`, else after a pause if it is still so. */
  check(logsRefusal: boolean): void {
    const refusal = this.#attempt();
    this.#reactor.expireAt(
      this.#delayedCheck,
      refusal === null || logsRefusal ? Infinity : this.#reactor.now + TLS_REPORT_DELAY_MS,
    );
    if (refusal !== null && logsRefusal) this.#logOnce(`Certificates stay as they are: ${refusal}`);
  }

  /** Returns why what is in the files is not served; null if it is. */
  #attempt(): string | null {
    try {
      const next = readAll(this.#command, this.#current);
      if (next === null) return null;
      const isSame = JSON.stringify(next.certificates) === JSON.stringify(this.#current.certificates);
      if (isSame) return null;
      const refusal = refusalOf(this.#current, next, acmeFilesOf(this.#command));
      if (refusal !== null) return refusal;
      this.#tasks.apply(next.certificates);
      this.#current = next;
      this.#logged.clear();
      const until = new Date(Math.min(...next.facts.map(({ notAfterMs }) => notAfterMs)));
      this.#tasks.warn(`Certificates renewed, valid until ${until.toISOString().slice(0, 10)}`);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Warns of certificates that end soon, and looks for changes that no event tells of. */
  #look(): void {
    certificateWarnings(this.#current).forEach((line) => this.#logOnce(line));
    this.check(true);
    this.#reactor.expireAt(this.#clock, this.#reactor.now + TLS_LOOK_INTERVAL_MS);
  }

  #logOnce(line: string): void {
    if (this.#logged.has(line)) return;
    this.#logged.add(line);
    this.#tasks.warn(line);
  }

  /** Watches the files, and the directories in which a name on the way to them can change. */
  #watch(): void {
    if (this.fd < 0) return;
    for (const place of certificateFilesOf(this.#command).flatMap(wayOf)) watchPlace(this.fd, place);
  }
}

/** Returns `path`, and the targets of the symbolic links that it leads to. */
export function wayOf(path: string): string[] {
  const way = [path];
  while (way.length <= LINKS_MAX) {
    const last = way.at(-1)!;
    const target = targetOf(last);
    if (target === null) break;
    way.push(target.startsWith("/") ? target : directoryOf(last) + target);
  }
  return way;
}

function targetOf(path: string): string | null {
  const fd = openLink(path);
  if (fd < 0) return null;
  const target = readLink(fd, "");
  close(fd);
  return target === null
    ? null
    : new TextDecoder().decode(Uint8Array.from(target, (byte) => byte.charCodeAt(0)));
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) || "./";
}

/** Watches a directory, and the directories in which a name on the way to it can change. */
export function watchDirectory(inotify: number, path: string): void {
  try {
    const { end, holders } = walk(path);
    for (const fd of [end, ...holders]) {
      inotifyWatch(inotify, fd, true);
      close(fd);
    }
  } catch { // it is missing at present, or may not be read: it is looked at by the clock, and on SIGHUP
  }
}

/** Watches `path` and its directory, and the directories in which a link on the way to it can change. */
export function watchPlace(inotify: number, path: string): void {
  watchDirectory(inotify, directoryOf(path));
  const fd = openPath(path);
  if (fd < 0) return;
  inotifyWatch(inotify, fd, false);
  close(fd);
}
