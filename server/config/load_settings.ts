/**
 * Everything that is in force: the command line, and the configuration file if there is one.
 * @module
 */
import { ENOENT, SystemError } from "../../ffi/errno.ts";
import { readTextFile } from "../../ffi/text_file.ts";
import { CONFIG_FILE_BYTES_MAX } from "../limits.ts";
import { DEFAULT_CONFIG } from "./flags.ts";
import { type Arguments, type CommandLine, mergeSettings } from "./settings.ts";
import { UsageError } from "./usage_error.ts";

/** A configuration file, as it was read. */
export interface ConfigText {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the file that the arguments name, or the one in the working directory, and adds what it says. `given` is what
 * somebody else has read there; null: there is none.
 * @throws {UsageError} for a file that is missing although it is named, that cannot be read, or that has a mistake.
 */
export async function loadSettings(args: Arguments, given?: ConfigText | null): Promise<CommandLine> {
  const config = given === undefined ? readConfig(args) : given;
  if (config === null) return mergeSettings(args, null);
  const { parseConfig } = await import("./config_file.ts"); // its libraries load only when they are needed
  return mergeSettings(args, parseConfig(config.path, config.text));
}

/** The file that is to be read; null: none is. @throws {UsageError} */
export function readConfig({ config, usesDefaultConfig }: Arguments): ConfigText | null {
  const path = config ?? (usesDefaultConfig ? DEFAULT_CONFIG : null);
  if (path === null) return null;
  try {
    return { path, text: readTextFile(path, CONFIG_FILE_BYTES_MAX) };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (config === null && error.errno === ENOENT) return null;
    throw new UsageError(`${error.message}: name another file by --config FILE, or none by --no-config`);
  }
}
