/**
 * Everything that is in force: the command line, and the configuration file if there is one.
 * @module
 */
import { ENOENT, SystemError } from "../../ffi/errno.ts";
import { readTextFile } from "../../ffi/text_file.ts";
import { CONFIG_FILE_BYTES_MAX } from "../limits.ts";
import { DEFAULT_CONFIG } from "./flags.ts";
import { type Arguments, type CommandLine, type FileChoices, mergeSettings } from "./settings.ts";
import { UsageError } from "./usage_error.ts";

/**
 * Reads the file that the arguments name, or the one in the working directory, and adds what it says.
 * @throws {UsageError} for a file that is missing although it is named, that cannot be read, or that has a mistake.
 */
export async function loadSettings(args: Arguments): Promise<CommandLine> {
  return mergeSettings(args, await readConfig(args));
}

async function readConfig({ config, usesDefaultConfig }: Arguments): Promise<FileChoices | null> {
  const path = config ?? (usesDefaultConfig ? DEFAULT_CONFIG : null);
  if (path === null) return null;
  let text: string;
  try {
    text = readTextFile(path, CONFIG_FILE_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (config === null && error.errno === ENOENT) return null;
    throw new UsageError(`${error.message}: name another file by --config FILE, or none by --no-config`);
  }
  const { parseConfig } = await import("./config_file.ts"); // its libraries load only when they are needed
  return parseConfig(path, text);
}
