/**
 * All settings of the program: what was chosen, and what is in force.
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

/** Settings beside those of sites: the types are those of their entries. */
export type ProgramSettings = ServerLimits & Defaults;

/** The settings of a program for which nothing is set. */
export const DEFAULT_PROGRAM_SETTINGS: ProgramSettings = {
  ...DEFAULT_LIMITS,
  ...Object.fromEntries(
    Object.entries(merged(PROGRAM_GROUPS)).map(([property, entry]) => [property, entry.default]),
  ) as Defaults,
};

/** The port, unless another is chosen. */
export const DEFAULT_PORT: number = DEFAULT_PROGRAM_SETTINGS.port;

/** Shells that epollet has completions for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@linkcode SHELLS}. */
export type Shell = typeof SHELLS[number];

/** Paths that `--healthcheck` asks for: is it alive, or ready. */
export const PROBES = ["/healthz", "/readyz"] as const;

/** What somebody chose; what is missing was left open. */
export interface Choices {
  /** Beside the sites. */
  readonly program: Partial<ProgramSettings>;
  /** About the site. */
  readonly site: Partial<SiteSettings>;
}

/** What a configuration file chooses. */
export interface FileChoices extends Choices {
  /** The file's path. */
  readonly path: string;
  /** False: it was found in the working directory. Then it decides about the site below that and about nothing else. */
  readonly isNamed: boolean;
  /** Keys that are in the file and do not count, since it was found and not named. */
  readonly ignored: readonly string[];
  /** What is hardly meant in it, a line for each. */
  readonly warnings: readonly string[];
  /** The line of a key or an element of a list in it, by keys and indices from the top; of what is missing, that of what it is missing in. */
  readonly lineOf: (path: readonly PropertyKey[]) => number;
  /** What is different for a host, by its name in lower case; `*.` stands for any names before it. */
  readonly hosts: ReadonlyMap<string, Partial<SiteSettings>>;
}

/** What the program is to do. */
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

/** What flags choose, or variables of the environment in their place. */
export interface FlagChoices extends Choices {
  /** The configuration file that is named; null: none is. */
  readonly config: string | null;
  /** A configuration file in the working directory counts. */
  readonly usesDefaultConfig: boolean;
  /** How much is printed; null: nothing is said of it. */
  readonly verbosity: Verbosity | null;
  /** The flags themselves. */
  readonly flags: GivenFlags;
}

/** What stands on the command line, and nothing else. */
export interface Arguments extends FlagChoices {
  /** What is to be done. */
  readonly action: Action;
  /** The help is the short one. */
  readonly isShortHelp: boolean;
  /** The URL to explain; empty for other actions. */
  readonly explain: string;
  /** The path that is asked for by --healthcheck; empty for other actions. */
  readonly healthcheck: string;
  /** The shell to complete flags in; null for other actions. */
  readonly shell: Shell | null;
  /** Something that is said about files or HTTP, as it was written; null: nothing is. */
  readonly aboutFiles: string | null;
}

/** Everything that is in force. */
export interface CommandLine extends ProgramSettings {
  /** What is to be done. */
  readonly action: Action;
  /** Everywhere to listen. */
  readonly addresses: readonly ListenAddress[];
  /** The URL to explain; empty for other actions. */
  readonly explain: string;
  /** The configuration file that was read; null: none was. */
  readonly config: string | null;
  /** What counts of that file; null: there is none. */
  readonly file: FileChoices | null;
  /** How much is printed. */
  readonly verbosity: Verbosity;
  /** The site, for every host that is not among `hosts`. */
  readonly site: SiteSettings;
  /** Other sites, by the name of their host. */
  readonly hosts: ReadonlyMap<string, SiteSettings>;
}

/**
 * Flags count more than the environment, that more than the file, and the file more than the defaults. A host has what
 * the top level has, flags included, but for what it says itself; fields and users of the command line and of the
 * environment are for every host. Where nobody says a root, it is `embedded`, if that is there.
 * @throws {UsageError} when a flag says something about files, and none are served.
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
    );
  }
  const isFormatChosen = programs.some(({ accessLog }) => accessLog !== undefined);
  const isLogged = !isFormatChosen && program.accessLogFile !== null;
  const accessLog = isLogged ? "combined" : program.accessLog;
  const verbosity = args.verbosity ?? environment?.verbosity ?? "normal";
  const config = file?.path ?? null;
  return { ...program, ...listening, accessLog, action, explain, verbosity, config, file, site, hosts };
}

/** Settings of which everybody's say counts. */
type JoinedSettings = Pick<SiteSettings, "errorPages" | "headers" | "auth">;

/** Lists are joined so that what the flags say comes to bear: the last field wins, the first rule for users. */
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
