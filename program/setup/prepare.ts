/**
 * What a process does before it serves, as a single process or as a worker: makes the server and gives up rights.
 * @module
 */
import type { Account } from "../../ffi/process/privileges.ts";
import { keepUsageReadable } from "../../ffi/process/usage.ts";
import type { StaticHandler } from "../../handlers/static.ts";
import { served } from "../../handlers/mod.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { type ListenAddress, schemeOf, socketNameOf } from "../../server/listen/address.ts";
import { allAddresses } from "../listening/listen.ts";
import type { SocketSettings } from "../listening/sockets.ts";
import type { NamedCertificate } from "../../server/tls_options.ts";
import type { ListeningSocket } from "../../server/listen/open.ts";
import { becomeUser, currentAccount, resolveAccount, unreachable } from "../security/privileges.ts";
import { Sandbox } from "../security/sandbox.ts";
import { HttpChallenges } from "../../server/challenges.ts";
import { Server } from "../../server/server.ts";
import { limitsOf } from "../../server/server_limits.ts";
import { speaksSecond } from "../../server/server_options.ts";
import { judgeAt } from "../config/config_place.ts";
import { answersChallenges } from "./acme.ts";
import { certificateFilesOf } from "./certificates.ts";
import { wayOf } from "./renewal.ts";
import { logPathsOf, type Logs } from "./logs.ts";
import { offerRoot } from "./root_certificate.ts";
import { printer, warn } from "../terminal/output.ts";
import { CurrentSite, rootsOf } from "./sites.ts";

/** A server that does not serve yet. */
export interface Prepared {
  readonly server: Server;
  /** Null when another handler than the static one serves. */
  readonly site: CurrentSite | null;
  /** Null when no challenges are answered. */
  readonly challenges: HttpChallenges | null;
}

/**
 * Returns where and how to listen. UNIX sockets get `owner`; null leaves them to the user of this process. `hasTls` tells
 * whether there are certificates.
 */
export function listeningOf(
  command: CommandLine,
  owner: Account | null,
  hasTls: boolean,
): [readonly ListenAddress[], SocketSettings] {
  const { backlog, socketMode: mode, redirectHttp, nextPort: takesNextPort } = command;
  const addresses = allAddresses(command, hasTls);
  const schemes = new Map(addresses.map((one) => [socketNameOf(one), schemeOf(one, hasTls)]));
  // systemd's sockets have the same name, so that of the redirect is known by its port.
  const usual = (port: number) => !hasTls ? "http" : port === redirectHttp?.port ? "redirect" : "https";
  const deferAccept = speaksSecond(served(command.handler, command.coroutine, noHandler, () => {}));
  const schemeAt = (name: string, port: number) => schemes.get(name) ?? usual(port);
  return [addresses, { backlog, deferAccept, mode, owner, takesNextPort, schemeOf: schemeAt }];
}

function noHandler(): never {
  throw new TypeError("Nothing is served yet");
}

/** What a server needs for TLS. */
export interface TlsMaterial {
  readonly certificates: readonly NamedCertificate[];
  /** What the keys of session tickets are made of. */
  readonly ticketSecret: Uint8Array;
}

/**
 * Makes the server. `opened` are the sites; null when another handler serves. `tls` is null without certificates.
 * @throws {SystemError} when it cannot be made
 */
export function prepare(
  command: CommandLine,
  opened: StaticHandler | null,
  sockets: readonly ListeningSocket[],
  logs: Logs,
  tls: TlsMaterial | null,
): Prepared {
  const { poller, keepAlive, http2, handler, coroutine } = command;
  if (command.https && tls !== null) offerRoot(tls.certificates);
  if (command.admin !== null) keepUsageReadable(); // the sandbox would not let it be opened later
  const site = opened === null ? null : new CurrentSite(opened);
  // A coroutine keeps its handler across a reload, so that handler has to look up the current site.
  const serves = (coroutine ? site?.handler : opened) ?? null;
  const challenges = answersChallenges(command) ? new HttpChallenges() : null;
  const handles = serves !== null && challenges !== null ? challenges.before(serves) : serves;
  const server = new Server({
    ...served(handler, coroutine, handles, printer()),
    ...limitsOf(command),
    sockets,
    poller,
    keepAlive,
    http2,
    cache: site,
    accessLog: logs.access,
    trustProxy: command.trustProxy,
    proxyProtocol: command.proxyProtocol,
    measureLatency: command.admin !== null,
    onError: warn,
    ...tls === null ? {} : {
      tls: tls.certificates,
      tlsProfile: command.tlsProfile,
      tlsTicketSecret: tls.ticketSecret,
    },
  });
  return { server, site, challenges };
}

/**
 * Becomes the user of the settings, and returns the account of this process. A process that replaces one with the
 * same user is that user already. To be called before anything is opened that the user has to be able to reopen.
 * @throws {SystemError} when the user cannot be changed
 */
export function dropRoot(account: Account | null, command: CommandLine, isSuccessor: boolean): Account {
  const current = currentAccount();
  const isDone = isSuccessor && current.uid === account?.uid && current.gid === account.gid;
  if (account === null || isDone) return current;
  becomeUser(account);
  unreachable(account, rootsOf(command)).forEach(warn);
  return account;
}

/**
 * Returns the account of `--user`, or null without it.
 * @throws {UsageError} for a user that this system does not know
 */
export function accountOf(command: CommandLine): Account | null {
  const { user } = command;
  return user === null ? null : judgeAt(command, ["user"], () => resolveAccount(user));
}

/** The directories that hold the files of certificates, those of links included; without workers, which read no such file. */
function certificateDirectoriesOf(command: CommandLine): string[] {
  return command.workers === 0 ? certificateFilesOf(command).flatMap(wayOf) : [];
}

/**
 * Builds the sandbox, or returns null when it is switched off. To be called before root is given up.
 * @throws {SystemError} for a root that cannot be followed
 */
export function sandboxOf(command: CommandLine): Sandbox | null {
  return command.sandbox
    ? new Sandbox(rootsOf(command), command.config, logPathsOf(command), certificateDirectoriesOf(command))
    : null;
}
