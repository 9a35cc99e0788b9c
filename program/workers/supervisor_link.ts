/**
 * The worker's end of the channel: receives the configuration, then follows the supervisor's messages.
 * @module
 */
import { POLLIN } from "../../ffi/libc/multiplexer_constants.ts";
import { EAGAIN, ECONNRESET, EINTR, ETIMEDOUT, orThrow, SystemError } from "../../ffi/libc/errno.ts";
import { poll } from "../../ffi/libc/multiplexers.ts";
import { recv } from "../../ffi/socket/socket.ts";
import { POLLFD } from "../../ffi/libc/structs.ts";
import { CHANNEL_RECEIVE_BYTES, CONFIGURATION_PATIENCE_MS } from "../../server/limits.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import type { Challenges } from "../../server/challenges.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";
import { Channel, LineReader } from "./channel.ts";
import type { Command, CompanionConfiguration, Report, Upgrade, WorkerConfiguration } from "./messages.ts";

const INTENT = "hear of the program that started this one";

/** What a worker does when its supervisor asks for it. All methods are called in the loop. */
export interface WorkerTasks {
  drain(): void;
  reopenLogs(): void;
  renew(certificates: readonly NamedCertificate[]): void;
  answer(challenges: Challenges): void;
  snapshot(): Snapshot;
}

/**
 * Waits for the first message of the process that started this one. Call it before the loop runs.
 * @throws {SystemError} when none arrives within CONFIGURATION_PATIENCE_MS, or the other process ended
 */
export function receiveConfiguration(fd: number): WorkerConfiguration | Upgrade | CompanionConfiguration {
  const lines = new LineReader();
  const buffer = new Uint8Array(CHANNEL_RECEIVE_BYTES);
  const pollfd = new Uint8Array(128);
  const view = new DataView(pollfd.buffer);
  view.setInt32(POLLFD.fd, fd, true);
  view.setInt16(POLLFD.events, POLLIN, true);
  const endMs = performance.now() + CONFIGURATION_PATIENCE_MS;
  for (;;) {
    const leftMs = Math.ceil(endMs - performance.now());
    if (leftMs <= 0) throw new SystemError(INTENT, "poll", ETIMEDOUT);
    const status = poll(pollfd, 1, leftMs);
    if (status === 0 || status === -EINTR) continue;
    const count = orThrow(status, INTENT, "poll") > 0 ? recv(fd, buffer) : -EAGAIN;
    if (count === -EAGAIN || count === -EINTR) continue;
    if (orThrow(count, INTENT, "recv") === 0) throw new SystemError(INTENT, "recv", ECONNRESET); // the other process has ended
    const configuration = lines.take(buffer.subarray(0, count))?.[0]; // there is no second message before the worker is ready
    if (configuration !== undefined) {
      return JSON.parse(configuration) as WorkerConfiguration | Upgrade | CompanionConfiguration;
    }
  }
}

/**
 * Follows the supervisor's messages on `fd`. The worker drains when the channel closes, so a killed supervisor leaves no
 * orphaned workers. Call it in the loop, or before the loop runs.
 */
export function followSupervisor(fd: number, reactor: Reactor, tasks: WorkerTasks): Channel<Command, Report> {
  const channel: Channel<Command, Report> = new Channel<Command, Report>(fd, reactor, {
    received(command) {
      if (command.kind === "drain") tasks.drain();
      else if (command.kind === "certificates") tasks.renew(command.certificates);
      else if (command.kind === "challenges") tasks.answer(command.challenges);
      else if (command.kind === "reopen") tasks.reopenLogs();
      else if (command.kind === "snapshot") channel.send({ kind: "snapshot", snapshot: tasks.snapshot() });
      else if (command.kind === "ping") channel.send({ kind: "pong" });
    },
    ended: () => tasks.drain(),
  });
  orThrow(channel.open(), "listen to the supervisor", "register");
  return channel;
}
