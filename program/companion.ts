/**
 * The process that gets certificates for a server, and renews them for as long as the server runs. It was started by the
 * supervisor, whose user it has, and ends with it.
 *
 * It makes one call after the other, and waits in each: there is nothing else that it could do meanwhile.
 * @module
 */
import { EAGAIN, EINTR, SystemError } from "../ffi/libc/errno.ts";
import { SIGHUP, SIGINT, SIGUSR2 } from "../ffi/libc/constants.ts";
import { endWithParent } from "../ffi/process/child.ts";
import { forbidCoreDumps } from "../ffi/process/privileges.ts";
import { ignore } from "../ffi/process/signals.ts";
import { awaitReadable } from "../ffi/socket/client_socket.ts";
import { recv, send } from "../ffi/socket/socket.ts";
import { CHANNEL_RECEIVE_BYTES } from "../server/limits.ts";
import { Keeper } from "./acme/keeper.ts";
import { LOCKED_MS, LOOK_MS, PUBLISH_PATIENCE_MS, RETRY_REFUSED_MS } from "./acme/limits.ts";
import type { CommandLine } from "./config/settings/settings.ts";
import { challengeTypesOf, checkAcme } from "./setup/acme.ts";
import { LineReader } from "./workers/channel.ts";
import type { CompanionReport, CompanionTask } from "./workers/messages.ts";

const RETRY_UNUSABLE_MS_MAX = 60 * RETRY_REFUSED_MS;
/** The shortest pause between two looks at the files. */
const PAUSE_MS_MIN = 100;

/** The companion's end of the channel to the supervisor. */
class SupervisorChannel {
  readonly #fd: number;
  readonly #lines = new LineReader();
  readonly #buffer = new Uint8Array(CHANNEL_RECEIVE_BYTES);
  #published = 0;
  #asked = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  send(report: CompanionReport): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(report)}\n`) as Uint8Array<ArrayBuffer>;
    for (let sent = 0; sent < bytes.length;) {
      const rest = bytes.subarray(sent);
      const count = send(this.#fd, rest, rest.length, false);
      if (count > 0) sent += count;
      else if (count === -EAGAIN || count === -EINTR) this.wait(PAUSE_MS_MIN, () => true);
      else Deno.exit(0); // the supervisor has ended
    }
  }

  /** Waits for `ms`, or until `isOver` after a message. Ends this process when the supervisor has ended. */
  wait(ms: number, isOver: () => boolean = () => false): void {
    const endMs = performance.now() + ms;
    for (;;) {
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return;
      const ready = awaitReadable(this.#fd, leftMs);
      if (ready === 0 || ready === -EINTR) continue;
      const count = recv(this.#fd, this.#buffer);
      if (count === -EAGAIN || count === -EINTR) continue;
      const lines = count > 0 ? this.#lines.take(this.#buffer.subarray(0, count)) : null;
      if (lines === null) Deno.exit(0);
      for (const line of lines) {
        const task = JSON.parse(line) as CompanionTask;
        if (task.kind === "published") this.#published = task.id;
      }
      if (isOver()) return;
    }
  }

  /** Has all workers answer the challenges that are in the directory, and waits for that. */
  publish(): void {
    const id = ++this.#asked;
    this.send({ kind: "publish", id });
    this.wait(PUBLISH_PATIENCE_MS, () => this.#published >= id);
  }
}

/** Gets certificates until the supervisor ends; `fd` is the channel to it. */
export async function runCompanion(command: CommandLine, fd: number): Promise<never> {
  [SIGINT, SIGHUP, SIGUSR2].forEach(ignore); // a terminal sends them to the whole group; the supervisor decides
  endWithParent();
  forbidCoreDumps();
  const channel = new SupervisorChannel(fd);
  const log = (line: string) => channel.send({ kind: "line", line });
  const report = () => channel.send({ kind: "statuses", statuses: keeper.statuses() });
  const keeper: Keeper = new Keeper(checkAcme(command)!, challengeTypesOf(command), {
    log,
    changed() {
      channel.send({ kind: "renewed" });
      report();
    },
    published: () => Promise.resolve(channel.publish()),
    pause: (ms) => Promise.resolve(channel.wait(ms)),
  });
  report();
  let unusableMs = RETRY_REFUSED_MS;
  let lastTrouble = "";
  for (;;) {
    try {
      const isDone = await keeper.tend();
      unusableMs = RETRY_REFUSED_MS;
      lastTrouble = "";
      channel.wait(isDone ? pauseMs(keeper) : LOCKED_MS);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.message !== lastTrouble) log(`Certificates cannot be kept: ${error.message}`);
      lastTrouble = error.message;
      channel.wait(unusableMs);
      unusableMs = Math.min(2 * unusableMs, RETRY_UNUSABLE_MS_MAX);
    }
  }
}

/** Returns how long nothing is to be done. It is short, so that files that were removed are noticed. */
function pauseMs(keeper: Keeper): number {
  const next = keeper.statuses().map(({ nextTryMs }) => nextTryMs ?? Infinity);
  return Math.min(Math.max(Math.min(...next) - Date.now(), PAUSE_MS_MIN), LOOK_MS);
}
