/**
 * What the program says once it listens: its greeting, and with `--verbose` every setting in force.
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
import { formLines, passwordLines } from "./site_warnings.ts";
import { terminalLanguage } from "../terminal/language.ts";
import { describeListening } from "../listening/listen.ts";
import type { Sockets } from "../listening/sockets.ts";
import { print, say } from "../terminal/output.ts";
import { reachableElsewhere, reachableHere } from "../listening/reachable.ts";

/** What there is to say beside the settings. */
export interface Facts {
  /** Where it listens. */
  readonly sockets: Sockets;
  /** Where operators are served; none: nowhere. */
  readonly adminSockets: readonly ListeningSocket[];
  /** What serves the files; null: none are served. */
  readonly site: StaticHandler | null;
  readonly account: Account;
  /** Null: it is switched off. */
  readonly sandbox: Sandbox | null;
  /** The process ids of the workers, where there are some. */
  readonly workers?: readonly number[];
}

/** Prints the greeting, and with `--verbose` all settings. */
export function announce(
  command: CommandLine,
  { sockets, adminSockets, site, account, sandbox, workers = [] }: Facts,
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
  if (command.verbosity === "normal") return;
  say("version", `${config.version}, Deno ${Deno.version.deno}, ${Deno.build.arch}`);
  say("config", command.config ?? "none");
  for (const line of describeListening(sockets, command)) say("listening", line);
  if (workers.length > 0) say("workers", `${workers.length} (processes ${workers.join(", ")})`);
  say("poller", `${command.poller}${command.coroutine ? ", a coroutine for each connection" : ""}`);
  say("limits", describeLimits(command));
  say("user", describeAccount(account));
  say("sandbox", String(sandbox ?? "off"));
  say("logs", describeLogs(command));
  if (command.trustProxy.length > 0) say("trusted", command.trustProxy.join(", "));
  if (command.proxyProtocol) say("proxies", "speak the PROXY protocol");
  if (site === null) return;
  if (command.allowedHosts) say("asked as", command.allowedHosts.join(", ") || "no name but its own");
  say("cache", describeCache(command, site));
  say("keep-alive", command.keepAlive ? "on" : "off");
  for (const line of formLines(command).map(printable)) say("older", line);
  for (const [name, value] of describeSite(command.site)) say(name, value);
  for (const [host, settings] of command.hosts) {
    say("host", host);
    for (const [name, value] of describeSite(settings, command.site)) say(`  ${name}`, value);
  }
}

/** A line for each place where it is reached: on this machine, then for others. */
function printPlaces(what: string, sockets: readonly ListeningSocket[], speaksHttp: boolean): void {
  const places = new Map(sockets.map((socket) => [socket.name, socket])); // each worker may have one of its own
  const lines = Array.from(places.values()).flatMap((socket) => {
    const shown = (where: string) => speaksHttp && !where.startsWith("unix:") ? `http://${where}/` : where;
    const elsewhere = reachableElsewhere(socket).map((where) => `${what} on the network at ${shown(where)}`);
    return [`${what} at ${shown(reachableHere(socket))}`, ...elsewhere];
  });
  new Set(lines).forEach((line) => print(line));
}

/** The size of the cache, and how the files in it are known to be fresh. */
function describeCache({ cacheSize, cacheFileSize }: CommandLine, site: StaticHandler): string {
  if (cacheSize === 0) return "off";
  const how = {
    inotify: "watched by inotify (statx where that cannot be)",
    stat: "checked by statx at each use",
    off: "not checked for changes",
  };
  return `${formatSize(cacheSize)}, files up to ${formatSize(cacheFileSize)}, ${how[site.validation]}`;
}

/** Where the access log and the error log are. */
function describeLogs({ accessLog, accessLogFile, errorLog }: CommandLine): string {
  const access = accessLog === "none" ? "none" : `${accessLog} to ${accessLogFile ?? "standard output"}`;
  return `${access}; errors to ${errorLog ?? "standard error"}`;
}
