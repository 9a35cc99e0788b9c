/**
 * The sites of the program: turns its settings into options of the static handler.
 * @module
 */
import { ENOENT, EXDEV, SystemError } from "../../ffi/libc/errno.ts";
import type { SocketAddress } from "../../ffi/socket/socket.ts";
import { type StaticHandler, staticHandler, type StaticOptions } from "../../handlers/static.ts";
import { isLoopback } from "../config/settings/program_kinds.ts";
import { isSubcommand, NO_SUBCOMMANDS } from "../config/flags/command_line.ts";
import { wordsWithRoot } from "../config/flags/root_corrections.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { UsageError } from "../../server/usage_error.ts";
import { bodyMemory } from "../../server/http/body_memory.ts";
import { HELD_BODY_BYTES_MAX, HELD_FILE_BYTES_MIN } from "../../server/limits.ts";
import type { CacheSnapshot } from "../../server/metrics/statistics.ts";
import { type ConfigPath, placeOf, placeOfRule } from "../config/config_place.ts";
import { onlyOverTls, withHsts } from "./hsts.ts";
import { checkSites } from "./local_certificate.ts";
import { checkLive, openLive } from "./live.ts";
import { ownNames } from "./local_names.ts";
import { withPoller } from "./poller_field.ts";
import { withRoot } from "./root_certificate.ts";
import { warn } from "../terminal/output.ts";
import { sharedLines } from "../terminal/shared_lines.ts";

/** An address on which the program listens, and its port. The address of a UNIX socket begins with `unix:`. */
export type Listening = Pick<SocketAddress, "address" | "port">;

/**
 * Returns the options of the static handler. `listening` returns the addresses on which the program listens, once
 * they are known.
 */
export function siteOptionsOf(
  command: CommandLine,
  listening: () => readonly Listening[] = () => listeningOf(command),
  onWarning: (line: string) => void = warn,
): StaticOptions {
  const { site, hosts, cacheSize, cacheFileSize, validate, config } = command;
  const { trustProxy, proxyProtocol, verbosity, keepAssets, keepAssetsSize } = command;
  const hasProxy = trustProxy.length > 0 || proxyProtocol; // a proxy passes on whatever host names it likes
  let ports: readonly number[] | null = null;
  const { hsts, poller } = command;
  const own = (site: SiteSettings) => withPoller(hsts === null ? site : withHsts(site, hsts), poller);
  return {
    ...own(site),
    hosts: new Map(Array.from(hosts, ([name, settings]) => [name, own(settings)])),
    cacheSize,
    cacheFileSize,
    validate,
    keepAssets: keepAssets ?? 0,
    keepAssetsSize,
    config,
    allowedHosts: allowedHostsOf(command),
    loopbackPorts: () => ports ??= hasProxy ? [] : loopbackPorts(listening()),
    onWarning,
    ...(verbosity === "verbose" ? { onNotice: warn } : {}),
  };
}

/** Returns the names of hosts that are answered; null for the usual ones. With `--dev` these are the machine's own. */
export function allowedHostsOf({ allowedHosts, dev }: CommandLine): readonly string[] | null {
  return allowedHosts ?? (dev ? ownNames() : null);
}

function listeningOf({ addresses }: CommandLine): Listening[] {
  return addresses.map((address) =>
    address.kind === "unix" ? { address: "unix:", port: 0 } : { address: address.host, port: address.port }
  );
}

/**
 * Returns the ports on loopback, or none when other machines can reach the server. UNIX sockets are ignored, because
 * browsers cannot open them.
 */
function loopbackPorts(listening: readonly Listening[]): number[] {
  const tcp = listening.filter(({ address }) => !address.startsWith("unix:"));
  return tcp.every(({ address }) => isLoopback(address)) ? tcp.map(({ port }) => port) : [];
}

/**
 * Returns the directories that are served. Files inside of the program are not among them: they need no permission.
 */
export function rootsOf({ handler, site, hosts }: CommandLine): string[] {
  const roots = handler === "static" ? [site, ...hosts.values()].map(({ root }) => root) : [];
  return roots.filter((root) => typeof root === "string");
}

/**
 * Opens the sites. Returns null when another handler serves. `listening` is as for `siteOptionsOf`; `onWarning` gets
 * the warnings of the sites, a line each.
 * @throws {UsageError} for a root or a rule that cannot be used
 */
export async function openSites(
  command: CommandLine,
  listening?: () => readonly Listening[],
  onWarning: (line: string) => void = sharedLines.newReporter(),
): Promise<StaticHandler | null> {
  bodyMemory.reclaimer.isOn = true; // no handler of this program keeps a response
  bodyMemory.filesBytesMax = Math.min(
    Math.max(command.cacheSize / 4, HELD_FILE_BYTES_MIN),
    HELD_BODY_BYTES_MAX,
  );
  if (command.handler !== "static") return null;
  checkLive(command);
  checkSites(command);
  const site = await withSites(command, () => {
    const options = siteOptionsOf(command, listening, onWarning);
    return command.live ? openLive(options, command) : staticHandler(options);
  });
  if (command.https) return withRoot(site);
  return command.hsts === null ? site : onlyOverTls(site, command.hsts);
}

/**
 * Calls `work`, and reports a root or a rule that cannot be used as a mistake in the settings.
 * @throws {UsageError} for such a root or rule
 */
export async function withSites<T>(command: CommandLine, work: () => T | Promise<T>): Promise<T> {
  const { config, site } = command;
  try {
    return await work();
  } catch (error) {
    if (error instanceof SystemError) {
      const root = typeof site.root === "string" ? site.root : null;
      const correct = (words: readonly string[]) => root === null ? null : wordsWithRoot(words, root);
      const isOutside = error.errno === EXDEV && typeof site.root === "string";
      const example = isOutside ? site.root : "DIR";
      const where = config === null || isOutside
        ? ""
        : `, or "root" in ${placeOfRoot(command, error) ?? config}`;
      if (error.errno === ENOENT && typeof site.root === "string" && isSubcommand(site.root)) {
        throw new UsageError(
          `${error.message}: ${NO_SUBCOMMANDS}: write "epollet", or "epollet 7890 DIR"`,
          correct,
        );
      }
      throw new UsageError(
        `${error.message}: name the directory to serve, as in "epollet 7890 ${example}"${where}`,
        correct,
      );
    }
    if (error instanceof TypeError) {
      const place = placeOfRule(command, error);
      throw new UsageError(place === null ? error.message : `${place}: ${error.message}`);
    }
    throw error;
  }
}

/** Returns the place in the configuration file that names the root which cannot be opened, or null. */
function placeOfRoot(command: CommandLine, { message }: SystemError): string | null {
  const named: [path: ConfigPath, root: unknown][] = [[["root"], command.site.root]];
  for (const [name, { root }] of command.hosts) named.push([["hosts", name, "root"], root]);
  const places = named.filter(([, root]) => message.startsWith(`Cannot open root ${root}: `))
    .map(([path]) => placeOf(command, path));
  return places.find((place) => place !== null) ?? null;
}

/** The sites that are served at present. A reload replaces them. */
export class CurrentSite {
  #site: StaticHandler;

  constructor(site: StaticHandler) {
    this.#site = site;
  }

  get site(): StaticHandler {
    return this.#site;
  }

  /** Returns the statistics of the caches. */
  snapshot(): CacheSnapshot {
    return this.#site.snapshot();
  }

  /** A handler that always calls the current sites, for code that keeps its handler across reloads. */
  get handler(): Handler {
    const handler: Handler = (request, context) => this.#site(request, context);
    const { ignoresBodies = true, attach } = this.#site;
    return Object.assign(handler, attach === undefined ? { ignoresBodies } : { ignoresBodies, attach });
  }

  /** Installs `site` and returns the previous one, which is still open. */
  replace(site: StaticHandler): StaticHandler {
    const old = this.#site;
    this.#site = site;
    return old;
  }
}
