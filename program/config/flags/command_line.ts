/**
 * Reads the command line.
 * @module
 */
import { withoutTilde } from "../../../server/listen/address.ts";
import { Expected, UsageError } from "../../../server/usage_error.ts";
import { type GivenFlags, judge } from "../settings/given_flags.ts";
import { oneOf } from "../settings/kinds.ts";
import type { Setting } from "../settings/setting.ts";
import {
  type Action,
  type Arguments,
  type Choices,
  PROBES,
  SHELLS,
  type Verbosity,
} from "../settings/settings.ts";
import { SETTINGS } from "../settings/table.ts";
import { collectFlags } from "./collect_flags.ts";
import { FLAG_FORMS } from "./flag_forms.ts";

/** Said of a subcommand of other servers. */
export const NO_SUBCOMMANDS = "epollet serves without a subcommand";

/** True for a word that is a subcommand of other servers. */
export function isSubcommand(word: string): boolean {
  return /^(start|serve|server|run|dev|preview|http-server|file-server)$/.test(word);
}

/** Actions that need no settings; the first of these that is given counts. */
const ACTIONS: readonly Action[] = ["help", "version", "man", "completions", "hash-password"];
/** Actions that need all settings. */
const WITH_SETTINGS: readonly Action[] = ["check", "explain", "healthcheck"];

/** Reads the arguments; an action that needs no settings makes all others irrelevant. @throws {UsageError} */
export function parseCommandLine(args: readonly string[]): Arguments {
  const { flags, positional, isShortHelp } = collectFlags(args);
  const alone = ACTIONS.find((action) => flags.has(action));
  const action = alone ?? WITH_SETTINGS.find((action) => flags.has(action)) ?? "serve";
  if (alone === undefined && positional.length > 2) {
    throw new UsageError(`Unexpected argument "${positional[2]}": expected at most a port and a directory`);
  }
  const [port, root] = alone === undefined ? portAndRoot(positional) : [];
  return {
    action,
    isShortHelp,
    explain: read(flags, "explain", readExplained) ?? "",
    healthcheck: read(flags, "healthcheck", readProbe) ?? "",
    shell: read(flags, "completions", oneOf("SHELL", SHELLS).read) ?? null,
    ...whereFrom(flags),
    aboutFiles: aboutFiles(flags, root),
    flags,
    ...choicesOf(flags, { port, root }),
  };
}

/** Tells port and root apart: the argument that begins with a digit is the port. @throws {UsageError} */
function portAndRoot([first, second]: readonly string[]): readonly (string | undefined)[] {
  if (first !== undefined && second !== undefined && !/^\d/.test(first) && !/^\d/.test(second)) {
    const why = isSubcommand(first)
      ? NO_SUBCOMMANDS
      : "expected a port and a directory, and neither begins with a digit";
    throw new UsageError(
      `Unexpected argument "${first}": ${why}: write "epollet ${second}" or "epollet 7890 ${second}"`,
    );
  }
  return first === undefined || /^\d/.test(first) ? [first, second] : [second, first];
}

/** The configuration file to read, and how much is printed. */
export function whereFrom(
  flags: GivenFlags,
): { config: string | null; usesDefaultConfig: boolean; verbosity: Verbosity | null } {
  const config = read(flags, "config", withoutTilde) ?? null;
  const isQuiet = flags.isOn("quiet");
  const isVerbose = flags.isOn("verbose");
  const verbosity = isQuiet ? "quiet" : isVerbose ? "verbose" : null;
  const isSaid = isQuiet !== undefined || isVerbose !== undefined;
  return {
    config,
    usesDefaultConfig: !flags.has("no-config"),
    verbosity: verbosity ?? (isSaid ? "normal" : null),
  };
}

/** The settings that `flags` choose; `positional` has arguments without a flag, by key. @throws {UsageError} */
export function choicesOf(
  flags: GivenFlags,
  positional: Readonly<Record<string, string | undefined>> = {},
): Choices {
  return {
    program: chosen(flags, ["program", "limit"], positional),
    site: chosen(flags, ["site"], positional),
  };
}

/** The first argument about files or HTTP; null where there is none. */
function aboutFiles(flags: GivenFlags, root: string | undefined): string | null {
  const form = [...FLAG_FORMS.values()].find(({ name, flag }) => flag.isForStatic && flags.has(name));
  return form === undefined ? root ?? null : `--${form.name}`;
}

/** The values of the settings of `scopes` that are chosen, by property. */
function chosen(
  flags: GivenFlags,
  scopes: readonly Setting["scope"][],
  positional: Readonly<Record<string, string | undefined>>,
): object {
  const settings = SETTINGS.filter(({ scope }) => scopes.includes(scope));
  const values = settings.map((
    setting,
  ) => [setting.property, valueOf(flags, setting, positional[setting.key])]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined));
}

/** The value of a setting; undefined where it is left open. @throws {UsageError} */
function valueOf(
  flags: GivenFlags,
  { flag, kind, label = `--${flag}` }: Setting,
  positional: string | undefined,
): unknown {
  if (flag === null) return undefined;
  if (flags.has(`no-${flag}`)) return kind.none;
  const texts = flags.get(flag);
  if (texts !== undefined && positional !== undefined) {
    const given = `as "${positional}" and as --${flag} ${texts[0]}`;
    throw new UsageError(`The ${flag} is given twice, ${given}: give it once`);
  }
  const name = flags.label(flag, label);
  const read = (text: string) =>
    text === "" && kind.bare !== undefined ? kind.bare : judge(name, text, kind.read, kind.shown?.(text));
  if (texts === undefined) return positional === undefined ? undefined : read(positional);
  return kind.join === undefined ? read(texts[0]!) : kind.join(texts.map(read), name);
}

/** The value of a flag that is not a setting. @throws {UsageError} */
function read<T>(flags: GivenFlags, name: string, reader: (text: string) => T): T | undefined {
  const text = flags.get(name)?.[0];
  return text === undefined ? undefined : judge(flags.label(name), text, reader);
}

/** Reads what `--explain` takes: a path, or a URL. */
function readExplained(text: string): string {
  if (text.startsWith("/") || (/^https?:\/\//.test(text) && URL.canParse(text))) return text;
  throw new Expected("a path such as /about, or a URL");
}

/** Reads one of {@linkcode PROBES}; the first where no value is given. */
function readProbe(text: string): string {
  return text === "" ? PROBES[0] : oneOf("PATH", PROBES).read(text);
}
