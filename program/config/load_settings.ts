/**
 * Loads the settings in force from the command line, the environment, and the configuration file if there is one.
 * @module
 */
import { ENOENT, SystemError } from "../../ffi/libc/errno.ts";
import { environmentWithout } from "../../ffi/process/child.ts";
import { environmentVariable, isSecureExecution } from "../../ffi/process/process.ts";
import { hasDanglingLink, readTextFile } from "../../ffi/file/text_file.ts";
import { CONFIG_FILE_BYTES_MAX } from "../../server/limits.ts";
import { type ConfigText, embeddedSite } from "../../handlers/site/files/archive.ts";
import { describeUnknown, readEnvironment } from "./flags/environment.ts";
import { CONFIG_NAME, DEFAULT_CONFIG } from "./flags/flags.ts";
import { withoutEmptyDirectories } from "./certificate_files.ts";
import { judgeAt, withPlace } from "./config_place.ts";
import { withDevelopment } from "./development.ts";
import { confineToSite, describeIgnored } from "./file/found_config.ts";
import { describeOverruled, nameIn } from "./overruled.ts";
import {
  type Arguments,
  type CommandLine,
  type FileChoices,
  type FlagChoices,
  mergeSettings,
  type ProgramSettings,
} from "./settings/settings.ts";
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import { printable, UsageError } from "../../server/usage_error.ts";
import { LISTENING_KEYS, propertyOf } from "./settings/table.ts";

/** The sources beside the command line. */
export interface OtherChoices {
  readonly environment: FlagChoices;
  /** Null where there is no file. */
  readonly file: FileChoices | null;
}

/** A configuration file as it was read. */
export interface ReadConfig extends ConfigText {
  /** False for a file that was found in the working directory; true for one that was named, or came with the program. */
  readonly isNamed: boolean;
}

/** Receives a line about something that does not keep the program from serving. */
export type Warn = (line: string) => void;

/**
 * Reads the environment, and the file that is named, or the one in the working directory, or else the one in the
 * program, and merges them with `args`. `given` is the file if it was read already, null if there is none. Where no root
 * is chosen, it is the site in the program, if there is one. `warn` receives what is ignored in a file that was not
 * named, overruled keys, and repeated ones.
 * @throws {UsageError} for a named file that is missing, a file that cannot be read, and a mistake in a file or a variable
 */
export async function loadSettings(
  args: Arguments,
  given?: ReadConfig | null,
  warn: Warn = () => {},
): Promise<CommandLine> {
  return combine(args, await readOthers(args, given, warn));
}

/** Reads the environment and the file, as {@linkcode loadSettings} does. @throws {UsageError} */
export async function readOthers(
  args: Arguments,
  given?: ReadConfig | null,
  warn: Warn = () => {},
): Promise<OtherChoices> {
  const environment = withCertificates(readEnvironment(variable));
  const config = given === undefined ? readConfig(args, environment) : given;
  if (config === null) return { environment, file: null };
  const { parseConfig } = await import("./file/config_file.ts"); // its libraries load only when they are needed
  const file = parseConfig(config.path, config.text, config.isNamed);
  file.warnings.forEach(warn);
  const overruled = describeOverruled(file, [args, environment]);
  if (overruled !== null) warn(overruled);
  if (file.isNamed) return { environment, file };
  const embedded = embeddedSite();
  const named = args.site.root ?? environment.site.root ?? null;
  const isEmbedded = embedded !== null;
  const found = confineToSite(file, { named: typeof named === "string" ? named : null, isEmbedded });
  const ignored = found.ignored.filter((key) => !isOverruled(key, [args.program, environment.program]));
  if (ignored.length > 0) warn(describeIgnored(found.path, ignored));
  const isUnused = named === null && found.site.root === undefined && embedded !== null;
  const own = isUnused ? embedded.config : null; // the file of the site in the program, since that is served
  return { environment, file: own === null ? found : parseConfig(own.path, own.text) };
}

/**
 * Returns the variables without those about directories of certificates that are empty: the image of a container names one
 * in which certificates may be mounted, and another one in the configuration file counts where there are none.
 */
function withCertificates(environment: FlagChoices): FlagChoices {
  const { tlsCert: named, ...program } = environment.program;
  if (named === undefined) return environment;
  const tlsCert = withoutEmptyDirectories(named);
  return { ...environment, program: tlsCert.length === 0 ? program : { ...program, tlsCert } };
}

/** Merges all sources. Directories of certificates that are empty are left out. @throws {UsageError} */
export function combine(given: Arguments, others: OtherChoices): CommandLine {
  const { args, environment, file } = withDevelopment({ args: given, ...others });
  const command = mergeSettings(args, file, environment, embeddedSite());
  const isNamed = args.site.root !== undefined || environment.site.root !== undefined ||
    (file?.isNamed === true && file.site.root !== undefined);
  const confine = (site: SiteSettings, isNamed: boolean): SiteSettings =>
    isNamed || typeof site.root !== "string" ? site : { ...site, isRootConfined: true };
  const hosts = Array.from(command.hosts, ([name, site]) => {
    const isOwn = file?.hosts.get(name)?.root !== undefined;
    return [name, confine(site, isOwn ? file?.isNamed === true : isNamed)] as const;
  });
  const tlsCert = judgeAt(command, ["tls.cert"], () => withoutEmptyDirectories(command.tlsCert));
  checkHttps({ ...command, tlsCert });
  const isCertificateNamed = file?.program.tlsCert !== undefined ||
    [args, environment].some((choices) => nameIn(choices, "tls.cert") !== null);
  const hasOther = command.https || command.acme.length > 0;
  if (command.httpsPort !== null && !isCertificateNamed && !hasOther) {
    const line = "--https-port needs a certificate: --tls-cert FILE, or the directory of one";
    throw new UsageError(withPlace(command, ["tls.port"], line));
  }
  return { ...command, tlsCert, site: confine(command.site, isNamed), hosts: new Map(hosts) };
}

/** Checks that `--https` is not used with what needs another certificate. @throws {UsageError} */
function checkHttps(command: CommandLine): void {
  if (!command.https) return;
  const bad = (line: string) => new UsageError(withPlace(command, ["https"], line));
  const { tlsCert: [cert], tlsKey: [key], hsts } = command;
  const flag = cert !== undefined ? `--tls-cert ${cert}` : key !== undefined ? `--tls-key ${key}` : null;
  if (flag !== null) {
    throw bad(
      `--https makes a certificate of its own, and ${printable(flag)} names another one: leave one out`,
    );
  }
  if (hsts === null) return;
  throw bad(
    "--https is for development, and --hsts would keep browsers from http://localhost on every port: leave one out, as by --no-hsts",
  );
}

/** True if a source that counts more sets `key`, so that ignoring the file changes nothing. */
function isOverruled(key: string, choices: readonly Partial<ProgramSettings>[]): boolean {
  const says = (key: string) => choices.some((said) => Object.hasOwn(said, propertyOf(key)));
  if (!LISTENING_KEYS.includes(key)) return says(key);
  return says(key) || says("listen") || (key === "listen" && LISTENING_KEYS.some(says));
}

/** The value of a variable; undefined where it is not set. @throws {UsageError} if it is not UTF-8 */
function variable(name: string): string | undefined {
  try {
    return environmentVariable(name);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(`Bad ${name}: expected UTF-8`);
    throw error;
  }
}

/** A line for each `EPOLLET_…` variable that sets nothing; none where the process believes no variables. */
export function unknownVariables(): string[] {
  if (isSecureExecution()) return [];
  try {
    const decoder = new TextDecoder();
    return describeUnknown(environmentWithout([]).map((word) => decoder.decode(word)));
  } catch (error) {
    if (error instanceof SystemError) return []; // without /proc
    throw error;
  }
}

/**
 * Reads the configuration file; null where there is none. A name that ends with a slash is a directory, and stands for
 * the file of the usual name there, if there is one. @throws {UsageError}
 */
export function readConfig(
  args: Arguments,
  environment: FlagChoices = readEnvironment(variable),
): ReadConfig | null {
  const isSaid = args.config !== null || !args.usesDefaultConfig;
  const { config, usesDefaultConfig } = isSaid ? args : environment;
  const isDirectory = config?.endsWith("/") ?? false;
  const named = isDirectory ? config + CONFIG_NAME : config;
  const path = named ?? (usesDefaultConfig ? DEFAULT_CONFIG : null);
  if (path === null) return null;
  try {
    return { path, text: readTextFile(path, CONFIG_FILE_BYTES_MAX), isNamed: named !== null };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const isMissing = error.errno === ENOENT && !hasDanglingLink(path);
    if ((named === null || isDirectory) && isMissing) return embeddedConfig();
    const isNowhere = error.errno === ENOENT && !isMissing;
    const problem = isNowhere
      ? `Cannot open ${path}, where a symbolic link leads to nothing`
      : printable(error.message);
    throw new UsageError(`${problem}: name another file by --config FILE, or none by --no-config`);
  }
}

/** The file that came with the program, which counts as named; null where there is none. */
function embeddedConfig(): ReadConfig | null {
  const config = embeddedSite()?.config ?? null;
  return config === null ? null : { ...config, isNamed: true };
}
