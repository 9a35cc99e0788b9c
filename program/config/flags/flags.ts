/**
 * Every flag of the command line: those of settings, from their table, and those that choose what is done.
 *
 * From the flags come also the environment's variables (`environment.ts`), the flags that take another one back
 * (`flag_forms.ts`), the completions of shells, and the manual page.
 * @module
 */
import { PROBES, SHELLS } from "../settings/settings.ts";
import { type Heading, helpOf, type Setting } from "../settings/setting.ts";
import { SETTING_GROUPS } from "../settings/table.ts";

/** One flag: its long name, its letter, what its value is called (none: a switch), what it does. */
export interface Flag {
  /** Without its hyphens. */
  readonly name: string;
  /** The short form. */
  readonly letter?: string | undefined;
  /** What `--help` calls the value; none: the flag takes no value. */
  readonly value?: string | undefined;
  /** The value may be left out, and is given by `=` only. */
  readonly isOptional?: boolean;
  /** It may be given several times. */
  readonly isRepeatable?: boolean;
  /** It says something about files, or about HTTP. */
  readonly isForStatic?: boolean;
  /** A value of a flag that is no setting, for `epollet help NAME`. */
  readonly example?: string;
  /** Values that there are, or that are common. */
  readonly values?: readonly string[] | undefined;
  /** `--no-NAME` takes its value back. */
  readonly isNegatable?: boolean;
  /** Its key in the configuration file; missing: it has none. */
  readonly key?: string;
  /** It says what is to be done, and sets nothing: no variable. */
  readonly isAction?: boolean;
  /** One line. */
  readonly help: string;
}

/** Flags that belong together. */
export interface FlagGroup {
  /** In `--help`. */
  readonly heading: string;
  /** In the order of `--help`. */
  readonly flags: readonly Flag[];
}

/** What a configuration file is called. */
export const CONFIG_NAME = "epollet.json";
/** The one that is read when none is named. */
export const DEFAULT_CONFIG = `./${CONFIG_NAME}`;

const isAction = true;

/** Flags that are no settings, under their headings. */
const OTHER_FLAGS: { readonly [K in Heading]?: readonly Flag[] } = {
  Rules: [{ name: "hash-password", isAction, help: "read a password from stdin, print its hash" }],
  Configuration: [
    {
      name: "config",
      value: "FILE",
      example: "/etc/epollet.json",
      help: `settings and rules; else ${DEFAULT_CONFIG}, for the site alone`,
    },
    { name: "no-config", help: "read no configuration file" },
    { name: "check", isAction, help: "check and print the settings; serve nothing" },
    {
      name: "explain",
      value: "URL",
      example: "/old/page",
      isAction,
      help: "print how URL is answered and why; serve nothing",
      isForStatic: true,
    },
  ],
  Operations: [
    {
      name: "healthcheck",
      value: "PATH",
      values: PROBES,
      isOptional: true,
      isAction,
      help: `ask --admin for ${PROBES.join(" or ")}; exit status 0 if it is well, else 1`,
    },
  ],
  Output: [
    { name: "quiet", letter: "q", isNegatable: true, help: "print errors only" },
    { name: "verbose", letter: "v", isNegatable: true, help: "print the settings in force" },
    { name: "help", letter: "h", isAction, help: "print this help; -h: a short one with examples" },
    { name: "version", letter: "V", isAction, help: "print the version" },
    {
      name: "completions",
      value: "SHELL",
      values: SHELLS,
      isAction,
      help: `print completions for ${SHELLS.join(", ")}`,
    },
    { name: "man", isAction, help: "print the manual page" },
  ],
};

/** The flag of a setting. A switch that is on by default is shown by its opposite. */
function flagOf(setting: Setting): Flag[] {
  const { flag, kind, key, letter, scope, isForStatic = scope !== "program" } = setting;
  if (flag === null) return [];
  return [{
    name: kind.value === null && setting.default === true ? `no-${flag}` : flag,
    letter,
    value: kind.value ?? undefined,
    values: kind.words,
    isOptional: kind.value !== null && kind.bare !== undefined,
    isRepeatable: kind.join !== undefined,
    isNegatable: kind.none !== undefined,
    isForStatic,
    key,
    help: helpOf(setting),
  }];
}

/** Every flag, under its heading in `--help`. */
export const FLAG_GROUPS: readonly FlagGroup[] = SETTING_GROUPS.map(({ heading, settings }) => ({
  heading,
  flags: [...settings.flatMap(flagOf), ...(OTHER_FLAGS[heading] ?? [])],
})).filter(({ flags }) => flags.length > 0);

/** Every flag. */
export const FLAGS: readonly Flag[] = FLAG_GROUPS.flatMap(({ flags }) => flags);
