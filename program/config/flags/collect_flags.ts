/**
 * Splits the command line into flags with their values, and positional arguments.
 * @module
 */
import { parseArgs } from "node:util";
import { counterpart, FLAG_FORMS, type FlagForm } from "./flag_forms.ts";
import type { Flag } from "./flags.ts";
import { GivenFlags } from "../settings/given_flags.ts";
import { near } from "./near.ts";
import { UsageError } from "../../../server/usage_error.ts";

/** The parts of a command line. */
export interface Collected {
  readonly flags: GivenFlags;
  readonly positional: readonly string[];
  /** True for `-h`. */
  readonly isShortHelp: boolean;
}

/** Splits the arguments by `parseArgs`, and checks them. @throws {UsageError} */
export function collectFlags(args: readonly string[]): Collected {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Array.from(FLAG_FORMS.values(), optionOf)),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<string, string[]>();
  const positional: string[] = [];
  let previous: Flag | null = null; // the flag just before, if its optional value was left out
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (previous !== null && looksLikeValue(token.value)) throw detached(previous, token.value);
      positional.push(token.value);
    }
    previous = null;
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue, index } = token;
    const form = FLAG_FORMS.get(name);
    if (form === undefined) throw unknownFlag(rawName, args[index]!);
    checkValue(form, value, inlineValue ?? false);
    const values = flags.get(name) ?? [];
    if (values.length > 0 && !form.flag.isRepeatable) {
      throw new UsageError(`--${name} is given twice: give it once`);
    }
    flags.set(name, [...values, value ?? ""]);
    if (form.flag.isOptional && !form.isOpposite && value === undefined) previous = form.flag;
  }
  for (const name of flags.keys()) {
    const opposite = counterpart(name);
    if (!name.startsWith("no-") && flags.has(opposite)) {
      throw new UsageError(`--${name} and --${opposite} exclude each other: give one of them`);
    }
  }
  const isShortHelp = tokens.some((token) => token.kind === "option" && token.rawName === "-h");
  return { flags: new GivenFlags(flags), positional, isShortHelp };
}

/** The option of `parseArgs` for a form. */
function optionOf({ name, flag, isOpposite }: FlagForm) {
  const { letter, value, isOptional } = flag;
  // An optional value is given by = only, so the library takes the flag for a switch.
  const type = isOpposite || value === undefined || isOptional ? "boolean" as const : "string" as const;
  return [name, letter === undefined || isOpposite ? { type } : { type, short: letter }] as const;
}

/** Checks that a form has a value where it needs one, and only there. @throws {UsageError} */
function checkValue(
  { name, flag, isOpposite }: FlagForm,
  value: string | undefined,
  isInline: boolean,
): void {
  if (flag.value === undefined || isOpposite) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value: write --${name} alone`);
  } else if (flag.isOptional) {
    if (value === "") {
      throw new UsageError(`--${name}= needs a value: --${name}=${flag.value}, or --${name} alone`);
    }
  } else if (value === undefined || value === "" || (!isInline && value.startsWith("-"))) {
    throw new UsageError(`--${name} needs a value: --${name} ${flag.value}`);
  }
}

/** Flags of other servers, and what to write here in their place. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  cache: "it is --cache-control 'max-age=SECONDS' here",
  bind: "it is --host ADDRESS here",
  address: "it is --host ADDRESS here",
  directory: "it is --root DIR here",
  silent: "it is --quiet here",
  single: "it is --spa here",
  "not-found": "it is --error-page 404=FILE here",
  gzip: "it is --compress here, or files that lie there compressed",
  brotli: "it is --compress here, or files that lie there compressed",
  watch: "what changes is served at once; it is --live to reload pages, too",
  reload: "it is --live here",
  livereload: "it is --live here",
  open: "there is none: open the address that it prints",
  ssl: "it is --tls-cert FILE here, or --https for development",
  tls: "it is --tls-cert FILE here, or --https for development",
};

/** The error for an unknown flag; `written` is the whole argument, since letters behind one hyphen are flags of their own. */
function unknownFlag(flag: string, written: string): UsageError {
  const [, port] = /^-[A-Za-z](\d+)$/.exec(written) ?? [];
  if (port !== undefined) {
    return new UsageError(`Unknown flag ${flag} in "${written}": a port is -p ${port}, or ${port} alone`);
  }
  const name = flag.replace(/^--?/, "").toLowerCase();
  const other = flag === "-c" ? ELSEWHERE.cache : Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : null;
  const closest = other !== null || !flag.startsWith("--") ? null : near(name, [...FLAG_FORMS.keys()]);
  const hint = other ?? (closest === null ? null : `the closest is --${closest}`);
  const all = `Unknown flag ${flag}: see --help for those that there are`;
  return new UsageError(hint === null ? all : `${all}; ${hint}`);
}

/** True for a file or a URL, which is neither a port nor likely a directory. */
function looksLikeValue(text: string): boolean {
  return /\.html?$|:\/\//.test(text);
}

function detached({ name, value }: Flag, text: string): UsageError {
  return new UsageError(`--${name} takes its ${value?.toLowerCase()} behind =: write --${name}=${text}`);
}
