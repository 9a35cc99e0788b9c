/**
 * A worker: it serves on the sockets that its supervisor gave it, and does what that says. It has become the user already,
 * and its greeting was its supervisor's.
 * @module
 */
import type { CommandLine } from "./config/settings/settings.ts";
import type { WorkerConfiguration } from "./workers/messages.ts";
import { followSupervisor } from "./workers/supervisor_link.ts";
import { Logs } from "./setup/logs.ts";
import { listeningOf, prepare, sandboxOf } from "./setup/prepare.ts";
import { leaveSignalsToSupervisor } from "./lifecycle/signals.ts";
import { openSites } from "./setup/sites.ts";
import { asListening } from "./listening/sockets.ts";

/** Serves until its supervisor tells it to end, or ends itself. @throws {UsageError | SystemError} */
export async function serveAsWorker(
  command: CommandLine,
  channel: number,
  configuration: WorkerConfiguration,
): Promise<void> {
  const [, settings] = listeningOf(command, null);
  const logs = new Logs(command);
  logs.open();
  const sockets = asListening(configuration.sockets, settings);
  let say = (line: string): void => void early.push(line);
  const early: string[] = [];
  const opened = await openSites(command, () => sockets.map(({ address }) => address), (line) => say(line));
  const { server } = prepare(command, opened, sockets, logs);
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
    snapshot: () => server.snapshot(),
  });
  say = (line) => server.reactor.post(() => link.send({ kind: "warning", line })); // the others have the same to say
  early.forEach(say);
  server.onStoppedAccepting = () => link.send({ kind: "stopped-accepting" });
  server.beforeEnd = () => link.send({ kind: "snapshot", snapshot: server.snapshot() }); // so that nothing it counted is lost
  sandboxOf(command)?.enter();
  server.reactor.post(() => link.send({ kind: "ready" }));
  await server.run();
}
