/**
 * Everything that is in force: the command line, and the configuration file if there is one.
 * @module
 */
import { ENOENT, SystemError } from "../../ffi/errno.ts";
import { readTextFile } from "../../ffi/text_file.ts";
import { CONFIG_FILE_BYTES_MAX } from "../limits.ts";
import type { EmbeddedConfig, SiteArchive } from "../site_archive.ts";
import { DEFAULT_CONFIG } from "./flags.ts";
import { type Arguments, type CommandLine, type FileChoices, mergeSettings } from "./settings.ts";
import { UsageError } from "./usage_error.ts";

/**
 * Reads the file that the arguments name, or the one in the working directory, or else the one that came with the
 * program, and adds what it says. Where no root is said, the site in the program is served, if there is one.
 * @throws {UsageError} for a file that is missing although it is named, that cannot be read, or that has a mistake.
 */
export async function loadSettings(
  args: Arguments,
  embedded: SiteArchive | null = null,
): Promise<CommandLine> {
  return mergeSettings(args, await readConfig(args, embedded?.config ?? null), embedded);
}

async function readConfig(
  { config, usesDefaultConfig }: Arguments,
  embedded: EmbeddedConfig | null,
): Promise<FileChoices | null> {
  const path = config ?? (usesDefaultConfig ? DEFAULT_CONFIG : null);
  if (path === null) return null;
  let text: string;
  try {
    text = readTextFile(path, CONFIG_FILE_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (config === null && error.errno === ENOENT) {
      return embedded === null ? null : await parse(embedded.name, embedded.text);
    }
    throw new UsageError(`${error.message}: name another file by --config FILE, or none by --no-config`);
  }
  return await parse(path, text);
}

async function parse(path: string, text: string): Promise<FileChoices> {
  const { parseConfig } = await import("./config_file.ts"); // its libraries load only when they are needed
  return parseConfig(path, text);
}
