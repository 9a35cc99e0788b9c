/**
 * The types of all settings, as they are chosen and as they are in force, and how they are merged.
 * @module
 */
import { DEFAULT_SITE_SETTINGS, type SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import type { SiteArchive } from "../../../handlers/site/files/archive.ts";
import type { ListenAddress } from "../../../server/listen/address.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../../server/server_limits.ts";
import { UsageError } from "../../../server/usage_error.ts";
import type { GivenFlags } from "./given_flags.ts";
import { mergeListening } from "./listening_settings.ts";
import { PROGRAM_GROUPS, type ProgramTable } from "./program_table.ts";
import { merged } from "./setting.ts";

type Defaults = { readonly [K in keyof ProgramTable]: ProgramTable[K]["default"] };

/** Settings other than those of sites. Their types are those of their entries. */
export type ProgramSettings = ServerLimits & Defaults;

/** The settings in force where nothing is chosen. */
export const DEFAULT_PROGRAM_SETTINGS: ProgramSettings = {
  ...DEFAULT_LIMITS,
  ...Object.fromEntries(
    Object.entries(merged(PROGRAM_GROUPS)).map(([property, entry]) => [property, entry.default]),
  ) as Defaults,
};

/** The port where none is chosen. */
export const DEFAULT_PORT: number = DEFAULT_PROGRAM_SETTINGS.port;

/** Shells that epollet has completions for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** Paths that `--healthcheck` asks for: alive, or ready. */
export const PROBES = ["/healthz", "/readyz"] as const;

/** The settings that one source chooses; others are missing. */
export interface Choices {
  readonly program: Partial<ProgramSettings>;
  readonly site: Partial<SiteSettings>;
}

/** The settings that a configuration file chooses. */
export interface FileChoices extends Choices {
  /** The file's path. */
  readonly path: string;
  /** False for a file that was found in the working directory: it decides only about the site below that directory. */
  readonly isNamed: boolean;
  /** Keys of the file that do not count, since it was found and not named. */
  readonly ignored: readonly string[];
  /** A line for each probable mistake. */
  readonly warnings: readonly string[];
  /** Returns the line of a key or of an element of a list, by keys and indices from the top; for one that is missing, the line of the object or list that lacks it. */
  readonly lineOf: (path: readonly PropertyKey[]) => number;
  /** The settings of hosts, by name in lower case; `*.` stands for any names before it. */
  readonly hosts: ReadonlyMap<string, Partial<SiteSettings>>;
}

/** What the program does. */
export type Action =
  | "serve"
  | "help"
  | "version"
  | "man"
  | "completions"
  | "hash-password"
  | "check"
  | "explain"
  | "healthcheck";

/** How much is printed. */
export type Verbosity = "quiet" | "normal" | "verbose";

/** The settings that flags choose, or variables of the environment. */
export interface FlagChoices extends Choices {
  /** The configuration file that is named; null where none is. */
  readonly config: string | null;
  /** False where no file is read unless it is named. */
  readonly usesDefaultConfig: boolean;
  /** How much is printed; null where it is left open. */
  readonly verbosity: Verbosity | null;
  readonly flags: GivenFlags;
}

/** The command line, without the other sources. */
export interface Arguments extends FlagChoices {
  readonly action: Action;
  /** True for `-h`. */
  readonly isShortHelp: boolean;
  /** The URL to explain; empty for other actions. */
  readonly explain: string;
  /** The path that `--healthcheck` asks for; empty for other actions. */
  readonly healthcheck: string;
  /** The shell of `--completions`; null for other actions. */
  readonly shell: Shell | null;
  /** The first argument about files or HTTP, as it was written; null where there is none. */
  readonly aboutFiles: string | null;
}

/** All settings in force. */
export interface CommandLine extends ProgramSettings {
  readonly action: Action;
  /** All addresses to listen on. */
  readonly addresses: readonly ListenAddress[];
  /** The URL to explain; empty for other actions. */
  readonly explain: string;
  /** The path of the configuration file that was read; null where none was. */
  readonly config: string | null;
  /** What counts of that file; null where there is none. */
  readonly file: FileChoices | null;
  readonly verbosity: Verbosity;
  /** The site of every host that is not among `hosts`. */
  readonly site: SiteSettings;
  /** Other sites, by the name of the host. */
  readonly hosts: ReadonlyMap<string, SiteSettings>;
}

/**
 * Merges the sources: flags overrule the environment, which overrules the file, which overrules the defaults. A host
 * inherits the top level, flags included; a key that it sets replaces the inherited one. Fields and users of flags and of
 * the environment are for every host. Where no root is chosen, it is `embedded`, if that is not null.
 * @throws {UsageError} when a flag is about files, and none are served
 */
export function mergeSettings(
  args: Arguments,
  file: FileChoices | null,
  environment: FlagChoices | null = null,
  embedded: SiteArchive | null = null,
): CommandLine {
  const { action, explain } = args;
  const defaults: SiteSettings = embedded === null
    ? DEFAULT_SITE_SETTINGS
    : { ...DEFAULT_SITE_SETTINGS, root: embedded };
  const flags = environment === null ? args.site : withFlags(environment.site, args.site);
  const site = withFlags({ ...defaults, ...file?.site }, flags);
  const hosts = new Map<string, SiteSettings>();
  for (const [name, own] of file?.hosts ?? []) hosts.set(name, ofHost(site, own, flags));
  const programs = [file?.program ?? {}, environment?.program ?? {}, args.program];
  const program: ProgramSettings = Object.assign({}, DEFAULT_PROGRAM_SETTINGS, ...programs);
  const listening = mergeListening(DEFAULT_PROGRAM_SETTINGS, programs);
  if (program.handler !== "static" && args.aboutFiles !== null) {
    throw new UsageError(
      `${args.aboutFiles} is without effect with --handler ${program.handler}: leave it out, or use --handler static`,
      (words) => withoutWord(words, args.aboutFiles!),
    );
  }
  const isFormatChosen = programs.some(({ accessLog }) => accessLog !== undefined);
  const isLogged = !isFormatChosen && program.accessLogFile !== null;
  const accessLog = isLogged ? "combined" : program.accessLog;
  const verbosity = args.verbosity ?? environment?.verbosity ?? "normal";
  const config = file?.path ?? null;
  return { ...program, ...listening, accessLog, action, explain, verbosity, config, file, site, hosts };
}

/** Returns `words` without `word`, a directory or a flag that has no value of its own; null if it has one. */
function withoutWord(words: readonly string[], word: string): readonly string[] | null {
  const index = words.indexOf(word);
  const next = words[index + 1];
  const hasValue = word.startsWith("-") && next !== undefined && !next.startsWith("-");
  return index < 0 || hasValue ? null : words.toSpliced(index, 1);
}

/** Settings whose values from all sources are joined. */
type JoinedSettings = Pick<SiteSettings, "errorPages" | "headers" | "auth">;

/** Joins lists so that flags win: of fields the last wins, of rules for users the first. */
function withFlags<T extends Partial<SiteSettings>>(
  base: T,
  flags: Partial<SiteSettings>,
): T & JoinedSettings {
  return {
    ...base,
    ...flags,
    errorPages: { ...base.errorPages, ...flags.errorPages },
    headers: [...(base.headers ?? []), ...(flags.headers ?? [])],
    auth: [...(flags.auth ?? []), ...(base.auth ?? [])],
  };
}

function ofHost(
  top: SiteSettings,
  own: Partial<SiteSettings>,
  flags: Partial<SiteSettings>,
): SiteSettings {
  return {
    ...top,
    ...own,
    errorPages: { ...top.errorPages, ...own.errorPages },
    headers: own.headers === undefined ? top.headers : [...own.headers, ...(flags.headers ?? [])],
    auth: own.auth === undefined ? top.auth : [...(flags.auth ?? []), ...own.auth],
  };
}
