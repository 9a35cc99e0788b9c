/**
 * A worker: serves on the sockets of its supervisor, and follows its messages. The supervisor became the user of `--user`
 * before it started the worker, and prints the greeting.
 * @module
 */
import { forbidCoreDumps } from "../ffi/process/privileges.ts";
import { inheritEarlierRoots } from "../handlers/site/kept/earlier_roots.ts";
import { decodeBase64 } from "./lifecycle/ticket_secret.ts";
import type { CommandLine } from "./config/settings/settings.ts";
import type { WorkerConfiguration } from "./workers/messages.ts";
import { followSupervisor } from "./workers/supervisor_link.ts";
import { Logs } from "./setup/logs.ts";
import { listeningOf, prepare, sandboxOf } from "./setup/prepare.ts";
import { leaveSignalsToSupervisor } from "./lifecycle/signals.ts";
import { openSites } from "./setup/sites.ts";
import { asListening } from "./listening/sockets.ts";

/**
 * Serves until the supervisor tells this process to end, or ends itself; `channel` leads to it, and `configuration` was
 * its first message.
 * @throws {UsageError | SystemError}
 */
export async function serveAsWorker(
  command: CommandLine,
  channel: number,
  configuration: WorkerConfiguration,
): Promise<void> {
  const logs = new Logs(command);
  logs.open();
  const { tls } = configuration;
  const [, settings] = listeningOf(command, null, tls !== null);
  const sockets = asListening(configuration.sockets, settings);
  let say = (line: string): void => void early.push(line);
  const early: string[] = [];
  inheritEarlierRoots(configuration.earlierRoots);
  const opened = await openSites(command, () => sockets.map(({ address }) => address), (line) => say(line));
  const material = tls === null
    ? null
    : { certificates: tls.certificates, ticketSecret: decodeBase64(tls.ticketSecret) };
  if (tls !== null) forbidCoreDumps();
  const { server, challenges } = prepare(command, opened, sockets, logs, material);
  if (challenges !== null) server.answerChallenges({});
  const drain = () => server.shutdown();
  leaveSignalsToSupervisor(() => {
    server.reactor.post(() => link.send({ kind: "leaving" }));
    drain();
  });
  const link = followSupervisor(channel, server.reactor, {
    drain,
    reopenLogs: () => {
      server.reopenLog();
      logs.reopenErrors();
    },
    renew(certificates) {
      try {
        server.updateCertificates(certificates);
      } catch (error) { // the worker goes on with the present ones
        say((error as Error).message);
      }
    },
    answer({ http, tls }) {
      challenges?.use(http);
      server.answerChallenges(tls).forEach(say);
    },
    snapshot: () => server.snapshot(),
  });
  say = (line) => server.reactor.post(() => link.send({ kind: "warning", line })); // logged once for all workers
  early.forEach(say);
  server.onStoppedAccepting = () => link.send({ kind: "stopped-accepting" });
  server.beforeEnd = () => link.send({ kind: "snapshot", snapshot: server.snapshot() }); // the replacement counts on
  sandboxOf(command)?.enter();
  server.reactor.post(() => link.send({ kind: "ready" }));
  await server.run();
}
