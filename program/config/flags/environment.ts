/**
 * Settings in the environment: `EPOLLET_CACHE_SIZE` is `--cache-size`, `EPOLLET_BROWSE=false` is `--no-browse`.
 *
 * A variable is named after a form of a flag, and its value is read as that of the flag. Where a flag may be given
 * several times, each line is a value. An empty variable counts as unset.
 * @module
 */
import { choicesOf, whereFrom } from "./command_line.ts";
import { counterpart, FLAG_FORMS, type FlagForm, variableOf } from "./flag_forms.ts";
import { GivenFlags } from "../settings/given_flags.ts";
import type { FlagChoices } from "../settings/settings.ts";
import { near } from "./near.ts";
import { printable, UsageError } from "../../../server/usage_error.ts";

/** The port where `EPOLLET_PORT` is not set: hosting platforms set this variable. */
const COMMON_PORT = "PORT";
const ON: readonly string[] = ["1", "true", "yes", "on"];
const OFF: readonly string[] = ["0", "false", "no", "off"];
/** What Kubernetes sets EPOLLET_PORT to beside a Service named epollet, and EPOLLET_HTTPS_PORT beside epollet-https: an address for clients of the Service, not a port. */
const SERVICE_LINK = /^(tcp|udp|sctp):\/\//;

/** Reads the environment; `valueOf` returns the value of a variable. @throws {UsageError} */
export function readEnvironment(valueOf: (name: string) => string | undefined): FlagChoices {
  const values = new Map<string, readonly string[]>();
  const labels = new Map<string, string>();
  for (const form of FLAG_FORMS.values()) {
    const variable = variableIn(form, valueOf);
    if (variable === null) continue;
    const [label, text] = variable;
    const given = meaningOf(form, label, text);
    if (given === null) continue;
    const [name, texts] = given;
    const against = labels.get(counterpart(name));
    if (against !== undefined) {
      throw new UsageError(`${against} and ${label} exclude each other: set one of them`);
    }
    values.set(name, texts);
    labels.set(name, label);
  }
  const flags = new GivenFlags(values, labels);
  return { ...whereFrom(flags), ...choicesOf(flags), flags };
}

/** The variable for a form, and its value; null where none is set. */
function variableIn(
  form: FlagForm,
  valueOf: (name: string) => string | undefined,
): readonly [label: string, text: string] | null {
  const variable = variableOf(form);
  if (variable === null) return null;
  const text = valueOf(variable) ?? "";
  if (text !== "" && !(form.name.endsWith("port") && SERVICE_LINK.test(text))) return [variable, text];
  if (form.name !== "port") return null;
  const common = valueOf(COMMON_PORT) ?? "";
  return common === "" ? null : [COMMON_PORT, common];
}

/** The form that a variable chooses, and the values; null where it chooses none. */
function meaningOf(
  { name, flag, isOpposite }: FlagForm,
  label: string,
  text: string,
): readonly [name: string, values: readonly string[]] | null {
  const isSwitch = flag.value === undefined || isOpposite;
  if (isSwitch || flag.isOptional) {
    const isOn = readSwitch(text);
    if (isOn === true) return [name, [""]];
    if (isOn === false) return isSaidBySwitch(counterpart(name)) ? [counterpart(name), [""]] : null;
    if (isSwitch) {
      throw new UsageError(
        `Bad ${label} "${printable(text)}": expected true or false, yes or no, on or off, 1 or 0`,
      );
    }
  }
  if (!flag.isRepeatable) return [name, [text]];
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  return lines.length === 0 ? null : [name, lines];
}

/** True if there is such a form, and it needs no value (as `--user` and `--config` do). */
function isSaidBySwitch(name: string): boolean {
  const form = FLAG_FORMS.get(name);
  return form !== undefined && (form.isOpposite || form.flag.value === undefined);
}

function readSwitch(text: string): boolean | null {
  const word = text.toLowerCase();
  return ON.includes(word) ? true : OFF.includes(word) ? false : null;
}

/** How our variables begin. */
const PREFIX = "EPOLLET_";
/** Variables between processes of the program, and of its tests. */
const OTHERS = /^EPOLLET_(CHANNEL|LAUNCHER|TEST_\w+|SEED|CASES?)$/;
/** Names that Kubernetes sets for a Service whose name begins with epollet. */
const OF_SERVICES = /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;

/** A line for each variable that begins with the prefix and stands for no flag; `words` are `NAME=value`. */
export function describeUnknown(words: readonly string[]): string[] {
  const known = [...FLAG_FORMS.values()].map(variableOf).filter((name) => name !== null);
  return words.flatMap((word) => {
    const [, name, value] = /^([^=]*)=?(.*)$/s.exec(word)!;
    if (!name!.toUpperCase().startsWith(PREFIX) || known.includes(name!) || OTHERS.test(name!)) return [];
    if (OF_SERVICES.test(name!) || SERVICE_LINK.test(value!)) return [];
    // Without the prefix, which would make any two short names look alike.
    const closest = near(
      name!.slice(PREFIX.length).toUpperCase(),
      known.map((name) => name.slice(PREFIX.length)),
    );
    const hint = closest === null
      ? "see --help for the flags that variables are named after"
      : `is it ${PREFIX}${closest}?`;
    return [`Unknown variable ${printable(name!)}, which sets nothing: ${hint}`];
  });
}
