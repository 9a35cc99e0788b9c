/**
 * The greeting of the program once it listens, and with `--verbose` every setting in force.
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { STDOUT_FILENO } from "../../ffi/libc/constants.ts";
import type { Account } from "../../ffi/process/privileges.ts";
import { isTerminal } from "../../ffi/process/process.ts";
import { takesColours } from "../../ffi/process/terminal.ts";
import type { StaticHandler } from "../../handlers/static.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { formatSize } from "../config/settings/kinds.ts";
import { describeLimits, describeSite } from "../config/settings/table.ts";
import { describeAccount } from "../security/privileges.ts";
import type { ListeningSocket } from "../../server/listen/open.ts";
import type { Sandbox } from "../security/sandbox.ts";
import { printable } from "../../server/usage_error.ts";
import { describeCertificates, describeTls, type LoadedCertificates } from "../setup/certificates.ts";
import { formLines, passwordLines } from "../setup/site_warnings.ts";
import { terminalLanguage } from "../terminal/language.ts";
import { describeListening } from "../listening/listen.ts";
import type { Sockets } from "../listening/sockets.ts";
import { print, printSetting } from "../terminal/output.ts";
import { reachableElsewhere, reachableHere } from "../listening/reachable.ts";
import { ROOT_PATH } from "../setup/root_certificate.ts";
import { allowedHostsOf } from "../setup/sites.ts";
import { bannerLines } from "./banner.ts";
import { placesOf, urlOf } from "./places.ts";

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
  /** Draws the code of `--qr`; null without it. */
  readonly drawCode?: DrawCode | null;
}

/** Returns the lines of a QR code for `text`. */
export type DrawCode = (text: string, isColoured: boolean) => string[];

/** Loads what draws the code of `--qr`, which the sandbox would not permit later. Null without that flag. */
export async function loadCode({ qr, verbosity }: CommandLine): Promise<DrawCode | null> {
  return qr && verbosity !== "quiet" ? (await import("./qr_code.ts")).qrLines : null;
}

/** Prints the greeting, and with `--verbose` all settings. */
export function announce(
  command: CommandLine,
  { sockets, adminSockets, site, account, sandbox, certificates = null, workers = [], drawCode = null }:
    Facts,
): void {
  if (command.verbosity === "quiet") return;
  const { listening } = sockets;
  const port = listening.find(({ address }) => address.port > 0)?.address.port;
  const isTutorials = site !== null && port !== undefined && terminalLanguage() !== "en";
  if (isTutorials) print(`http服务器使用的port:${port}`);
  for (const [taken, free] of sockets.replacedPorts) print(`Port ${taken} is taken: ${free} is used instead`);
  const servesFiles = site !== null;
  const isColoured = takesColours(STDOUT_FILENO);
  const passwords = servesFiles ? passwordLines(command).map(printable) : [];
  if (isTerminal(STDOUT_FILENO)) {
    bannerLines(command, { listening, adminSockets, servesFiles, isColoured }).forEach((line) => print(line));
    passwords.forEach((line) => print(line));
  } else {
    if (servesFiles && command.config !== null) print(`Settings from ${command.config}`);
    passwords.forEach((line) => print(line));
    const what = servesFiles ? command.site.root : command.handler;
    printPlaces(`Serving ${what}`, listening, servesFiles);
    printPlaces("Admin", adminSockets, true);
  }
  certificates?.notes?.map(printable).forEach(print);
  if (drawCode !== null) codeLines(command, listening, drawCode, isColoured).forEach((line) => print(line));
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
  const allowed = allowedHostsOf(command);
  if (allowed !== null) printSetting("host names", allowed.join(", ") || "only its own");
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
  const lines = placesOf(sockets).flatMap((socket) => {
    const shown = (place: string) => urlOf(socket, place, speaksHttp);
    const elsewhere = reachableElsewhere(socket).map((place) => `${what} on the network at ${shown(place)}`);
    return [`${what} at ${shown(reachableHere(socket))}`, ...elsewhere];
  });
  new Set(lines).forEach((line) => print(line));
}

/** Returns the code of the first address on the network, and what a phone may need beside it. */
function codeLines(
  { https }: CommandLine,
  sockets: readonly ListeningSocket[],
  drawCode: DrawCode,
  isColoured: boolean,
): string[] {
  const urls = placesOf(sockets).flatMap((socket) =>
    reachableElsewhere(socket).map((place) => urlOf(socket, place, true))
  );
  const [url] = urls;
  if (url === undefined) {
    return ["No QR code: other machines cannot reach an address of this one (see --host)"];
  }
  const trusted = `To make a device trust it: ${new URL(ROOT_PATH, url).href}`;
  return [...drawCode(url, isColoured), url, ...https ? [trusted] : []];
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
