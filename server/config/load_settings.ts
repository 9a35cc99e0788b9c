/**
 * Everything that is in force: the command line, the environment, and the configuration file if there is one.
 * @module
 */
import { ENOENT, SystemError } from "../../ffi/errno.ts";
import { environmentVariable } from "../../ffi/process.ts";
import { readTextFile } from "../../ffi/text_file.ts";
import { CONFIG_FILE_BYTES_MAX } from "../limits.ts";
import { type ConfigText, embeddedSite } from "../site_archive.ts";
import { readEnvironment } from "./environment.ts";
import { DEFAULT_CONFIG } from "./flags.ts";
import {
  type Arguments,
  type CommandLine,
  type FileChoices,
  type FlagChoices,
  mergeSettings,
} from "./settings.ts";
import { UsageError } from "./usage_error.ts";

export type { ConfigText };

/** What is said beside the command line. */
export interface OtherChoices {
  readonly environment: FlagChoices;
  /** Null: there is no file. */
  readonly file: FileChoices | null;
}

/**
 * Reads the environment, and the file that is named, or the one in the working directory, or else the one in the program;
 * adds what they say. `given` is what somebody else has read there; null: there is none. Where nobody says a root, it is
 * the site in the program, if there is one.
 * @throws {UsageError} for a file that is missing although it is named, that cannot be read, or that has a mistake; and
 * for a variable that has one.
 */
export async function loadSettings(args: Arguments, given?: ConfigText | null): Promise<CommandLine> {
  const { environment, file } = await readOthers(args, given);
  return mergeSettings(args, file, environment, embeddedSite());
}

/** Reads the environment and the file, see {@linkcode loadSettings}. @throws {UsageError} */
export async function readOthers(args: Arguments, given?: ConfigText | null): Promise<OtherChoices> {
  const environment = readEnvironment(variable);
  const config = given === undefined ? readConfig(args, environment) : given;
  if (config === null) return { environment, file: null };
  const { parseConfig } = await import("./config_file.ts"); // its libraries load only when they are needed
  return { environment, file: parseConfig(config.path, config.text) };
}

/** The value of a variable. @throws {UsageError} */
function variable(name: string): string | undefined {
  try {
    return environmentVariable(name);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`Bad ${name}: expected UTF-8`);
    throw error;
  }
}

/** The file that is to be read; null: none is. @throws {UsageError} */
export function readConfig(
  args: Arguments,
  environment: FlagChoices = readEnvironment(variable),
): ConfigText | null {
  const isSaid = args.config !== null || !args.usesDefaultConfig;
  const { config, usesDefaultConfig } = isSaid ? args : environment;
  const path = config ?? (usesDefaultConfig ? DEFAULT_CONFIG : null);
  if (path === null) return null;
  try {
    return { path, text: readTextFile(path, CONFIG_FILE_BYTES_MAX) };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (config === null && error.errno === ENOENT) return embeddedSite()?.config ?? null;
    throw new UsageError(`${error.message}: name another file by --config FILE, or none by --no-config`);
  }
}
