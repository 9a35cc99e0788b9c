/**
 * The greeting of the program once it listens, and with `--verbose` every setting in force.
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import type { Account } from "../../ffi/process/privileges.ts";
import type { StaticHandler } from "../../handlers/static.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { formatSize } from "../config/settings/kinds.ts";
import { describeLimits, describeSite } from "../config/settings/table.ts";
import { describeAccount } from "../security/privileges.ts";
import type { ListeningSocket } from "../../server/listen/open.ts";
import type { Sandbox } from "../security/sandbox.ts";
import { printable } from "../../server/usage_error.ts";
import { describeCertificates, describeTls, type LoadedCertificates } from "./certificates.ts";
import { formLines, passwordLines } from "./site_warnings.ts";
import { terminalLanguage } from "../terminal/language.ts";
import { describeListening } from "../listening/listen.ts";
import type { Sockets } from "../listening/sockets.ts";
import { print, printSetting } from "../terminal/output.ts";
import { reachableElsewhere, reachableHere } from "../listening/reachable.ts";

/** What the greeting shows beside the settings. */
export interface Facts {
  /** The sockets for clients. */
  readonly sockets: Sockets;
  /** The sockets of `--admin`; empty without it. */
  readonly adminSockets: readonly ListeningSocket[];
  /** The handler of the files; null when another handler serves. */
  readonly site: StaticHandler | null;
  readonly account: Account;
  /** Null when the sandbox is switched off. */
  readonly sandbox: Sandbox | null;
  /** Null without TLS. */
  readonly certificates?: LoadedCertificates | null;
  /** The process ids of the workers; empty without workers. */
  readonly workers?: readonly number[];
}

/** Prints the greeting, and with `--verbose` all settings. */
export function announce(
  command: CommandLine,
  { sockets, adminSockets, site, account, sandbox, certificates = null, workers = [] }: Facts,
): void {
  if (command.verbosity === "quiet") return;
  const { listening } = sockets;
  const port = listening.find(({ address }) => address.port > 0)?.address.port;
  const isTutorials = site !== null && port !== undefined && terminalLanguage() !== "en";
  if (isTutorials) print(`http服务器使用的port:${port}`);
  if (site !== null && command.config !== null) print(`Settings from ${command.config}`);
  if (site !== null) passwordLines(command).map(printable).forEach(print);
  const what = site === null ? command.handler : command.site.root;
  printPlaces(`Serving ${what}`, listening, site !== null);
  printPlaces("Admin", adminSockets, true);
  certificates?.notes?.map(printable).forEach(print);
  if (command.verbosity === "normal") return;
  printSetting("version", `${config.version}, Deno ${Deno.version.deno}, ${Deno.build.arch}`);
  printSetting("config", command.config ?? "none");
  for (const line of describeListening(sockets, command)) printSetting("listening", line);
  if (certificates !== null) printSetting("TLS", describeTls(command.tlsProfile));
  if (certificates !== null) {
    for (const line of describeCertificates(certificates)) printSetting("certificate", printable(line));
  }
  if (site !== null) printSetting("protocols", describeProtocols(command, certificates !== null));
  if (workers.length > 0) printSetting("workers", `${workers.length} (processes ${workers.join(", ")})`);
  printSetting("poller", `${command.poller}${command.coroutine ? ", a coroutine for each connection" : ""}`);
  printSetting("limits", describeLimits(command));
  printSetting("user", describeAccount(account));
  printSetting("sandbox", String(sandbox ?? "off"));
  printSetting("logs", describeLogs(command));
  if (command.trustProxy.length > 0) printSetting("trusted", command.trustProxy.join(", "));
  if (command.proxyProtocol) printSetting("proxies", "must send a PROXY header");
  if (site === null) return;
  if (command.allowedHosts) printSetting("host names", command.allowedHosts.join(", ") || "only its own");
  printSetting("cache", describeCache(command, site));
  printSetting("keep-alive", command.keepAlive ? "on" : "off");
  for (const line of formLines(command).map(printable)) printSetting("older", line);
  for (const [name, value] of describeSite(command.site)) printSetting(name, value);
  for (const [host, settings] of command.hosts) {
    printSetting("host", host);
    for (const [name, value] of describeSite(settings, command.site)) printSetting(`  ${name}`, value);
  }
}

/** Prints a line for each address at which the sockets are reached: first from this machine, then from others. */
function printPlaces(what: string, sockets: readonly ListeningSocket[], speaksHttp: boolean): void {
  const places = new Map(sockets.map((socket) => [socket.name, socket])); // workers' sockets share a name
  const lines = Array.from(places.values()).flatMap((socket) => {
    if (socket.scheme === "redirect") return [];
    const { scheme = "http" } = socket;
    const shown = (where: string) =>
      speaksHttp && !where.startsWith("unix:") ? `${scheme}://${where}/` : where;
    const elsewhere = reachableElsewhere(socket).map((where) => `${what} on the network at ${shown(where)}`);
    return [`${what} at ${shown(reachableHere(socket))}`, ...elsewhere];
  });
  new Set(lines).forEach((line) => print(line));
}

/** Describes which versions of HTTP clients may speak. */
function describeProtocols({ http2 }: CommandLine, hasTls: boolean): string {
  if (!http2) return "HTTP/1";
  return `HTTP/2 ${hasTls ? "by ALPN, and without TLS by" : "with"} prior knowledge, HTTP/1`;
}

/** Describes the size of the cache and how changed files are noticed. */
function describeCache({ cacheSize, cacheFileSize }: CommandLine, site: StaticHandler): string {
  if (cacheSize === 0) return "off";
  const how = {
    inotify: "watched by inotify (statx where that cannot be)",
    stat: "checked by statx at each use",
    off: "not checked for changes",
  };
  return `${formatSize(cacheSize)}, files up to ${formatSize(cacheFileSize)}, ${how[site.validation]}`;
}

/** Describes where the access log and the error log are written. */
function describeLogs({ accessLog, accessLogFile, errorLog }: CommandLine): string {
  const access = accessLog === "none" ? "none" : `${accessLog} to ${accessLogFile ?? "standard output"}`;
  return `${access}; errors to ${errorLog ?? "standard error"}`;
}
