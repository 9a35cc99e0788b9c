/**
 * A server and its sites, and the giving up of rights: what a process that serves does first, alone or as a worker.
 * @module
 */
import type { Account } from "../../ffi/process/privileges.ts";
import { keepUsageReadable } from "../../ffi/process/usage.ts";
import type { StaticHandler } from "../../handlers/static.ts";
import { served } from "../../handlers/mod.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import type { ListenAddress } from "../../server/listen/address.ts";
import type { ListeningSocket, ListenSettings } from "../../server/listen/open.ts";
import { becomeUser, currentAccount, resolveAccount, unreachable } from "../security/privileges.ts";
import { Sandbox } from "../security/sandbox.ts";
import { Server } from "../../server/server.ts";
import { limitsOf } from "../../server/server_limits.ts";
import { speaksSecond } from "../../server/server_options.ts";
import { judgeAt } from "../config/config_place.ts";
import { logPathsOf, type Logs } from "./logs.ts";
import { printer, warn } from "../terminal/output.ts";
import { CurrentSite, rootsOf } from "./sites.ts";

/** A server that has not begun to serve. */
export interface Prepared {
  readonly server: Server;
  /** Null: no files are served. */
  readonly site: CurrentSite | null;
}

/** What the settings say of listening: where, and how. `owner` is who UNIX sockets are to belong to; null: who makes them. */
export function listeningOf(
  command: CommandLine,
  owner: Account | null,
): [readonly ListenAddress[], ListenSettings] {
  const { addresses, backlog, socketMode: mode } = command;
  const deferAccept = speaksSecond(served(command.handler, command.coroutine, noHandler, () => {}));
  return [addresses, { backlog, deferAccept, mode, owner }];
}

function noHandler(): never {
  throw new TypeError("Nothing is served yet");
}

/** Makes a server of the sites that were opened; null: no files are served. @throws {SystemError} */
export function prepare(
  command: CommandLine,
  opened: StaticHandler | null,
  sockets: readonly ListeningSocket[],
  logs: Logs,
): Prepared {
  const { poller, keepAlive, handler, coroutine } = command;
  if (command.admin !== null) keepUsageReadable(); // which the sandbox would not let it open
  const site = opened === null ? null : new CurrentSite(opened);
  const handles = coroutine ? site?.handler : opened; // a coroutine does not hear of a reload
  const server = new Server({
    ...served(handler, coroutine, handles ?? null, printer()),
    ...limitsOf(command),
    sockets,
    poller,
    keepAlive,
    cache: site,
    accessLog: logs.access,
    trustProxy: command.trustProxy,
    proxyProtocol: command.proxyProtocol,
    measureLatency: command.admin !== null,
    onError: warn,
  });
  return { server, site };
}

/**
 * Becomes the user of the settings: who this process is afterwards. Who succeeds a program that has done so is that user
 * already. To be called before anything is opened that the user has to be able to open again. @throws {SystemError}
 */
export function dropRoot(account: Account | null, command: CommandLine, isSuccessor: boolean): Account {
  const current = currentAccount();
  const isDone = isSuccessor && current.uid === account?.uid && current.gid === account.gid;
  if (account === null || isDone) return current;
  becomeUser(account);
  unreachable(account, rootsOf(command)).forEach(warn);
  return account;
}

/** The account of `--user`; null: none is named. @throws {UsageError} for one that this system does not know */
export function accountOf(command: CommandLine): Account | null {
  const { user } = command;
  return user === null ? null : judgeAt(command, ["user"], () => resolveAccount(user));
}

/** What the sandbox will leave; null: the settings want none. To be made before root is given up. */
export function sandboxOf(command: CommandLine): Sandbox | null {
  return command.sandbox ? new Sandbox(rootsOf(command), command.config, logPathsOf(command)) : null;
}
