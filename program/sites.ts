/**
 * The sites of the program: its settings as the static handler wants them.
 * @module
 */
import { SystemError } from "../ffi/errno.ts";
import { type StaticHandler, staticHandler, type StaticOptions } from "../handlers/static.ts";
import type { CommandLine } from "../server/config/settings.ts";
import { UsageError } from "../server/config/usage_error.ts";
import { warn } from "./output.ts";

/** What the settings say of the sites. */
export function siteOptionsOf(command: CommandLine): StaticOptions {
  const { site, hosts, cacheSize, cacheFileSize, validate, config } = command;
  return { ...site, hosts, cacheSize, cacheFileSize, validate, config, onWarning: warn };
}

/** Every directory that is served; what is in the program needs no right to be read any more. */
export function rootsOf({ handler, site, hosts }: CommandLine): string[] {
  const roots = handler === "static" ? [site, ...hosts.values()].map(({ root }) => root) : [];
  return roots.filter((root) => typeof root === "string");
}

/** Opens the sites; null where no files are served. @throws {UsageError} for a root or a rule that cannot be */
export async function openSites(command: CommandLine): Promise<StaticHandler | null> {
  if (command.handler !== "static") return null;
  return await withSites(command, () => staticHandler(siteOptionsOf(command)));
}

/** Does what needs the sites: a root or a rule that cannot be is the user's mistake. @throws {UsageError} */
export async function withSites<T>({ config }: CommandLine, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SystemError) {
      const where = config === null ? "" : `, or "root" in ${config}`;
      throw new UsageError(`${error.message}: name the directory to serve, as in "epollet 7890 DIR"${where}`);
    }
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}
