/**
 * Settings in the environment: `EPOLLET_CACHE_SIZE` is `--cache-size`, `EPOLLET_BROWSE=false` is `--no-browse`.
 *
 * A variable is named after a flag (either form of a switch), and stands for it: what reads the flag's value reads the
 * variable's. Where a flag may be given several times, each line is a value. An empty variable is none.
 * @module
 */
import { choicesOf, whereFrom } from "./command_line.ts";
import { counterpart, FLAG_FORMS, type FlagForm, variableOf } from "./flag_forms.ts";
import { GivenFlags } from "../settings/given_flags.ts";
import type { FlagChoices } from "../settings/settings.ts";
import { near } from "./near.ts";
import { printable, UsageError } from "../../../server/usage_error.ts";

/** Names the port where `EPOLLET_PORT` does not, as many who run programs for others have it. */
const COMMON_PORT = "PORT";
const ON: readonly string[] = ["1", "true", "yes", "on"];
const OFF: readonly string[] = ["0", "false", "no", "off"];
/** What Kubernetes sets EPOLLET_PORT to, beside a Service named epollet: meant for its clients, and no port. */
const SERVICE_LINK = /^(tcp|udp|sctp):\/\//;

/** What the environment chooses; `valueOf` gives the value of a variable. @throws {UsageError} */
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

/** The variable that stands for a form, and its value; null: none is set. */
function variableIn(
  form: FlagForm,
  valueOf: (name: string) => string | undefined,
): readonly [label: string, text: string] | null {
  const variable = variableOf(form);
  if (variable === null) return null;
  const text = valueOf(variable) ?? "";
  if (form.name !== "port") return text === "" ? null : [variable, text];
  if (text !== "" && !SERVICE_LINK.test(text)) return [variable, text];
  const common = valueOf(COMMON_PORT) ?? "";
  return common === "" ? null : [COMMON_PORT, common];
}

/** The form that a variable stands for, and the values; null: it says nothing. */
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

/** Whether there is such a form, and it needs no value (as --user does, and --config). */
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
/** What processes of the program tell each other, and what its tests are told. */
const OTHERS = /^EPOLLET_(CHANNEL|TEST_\w+|SEED|CASES?)$/;
/** What Kubernetes sets for a Service whose name begins with epollet, beside {@linkcode SERVICE_LINK}s. */
const OF_SERVICES = /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;

/** A line for each variable that is named as ours are, and stands for no flag; `words` are `NAME=value`. */
export function describeUnknown(words: readonly string[]): string[] {
  const known = [...FLAG_FORMS.values()].map(variableOf).filter((name) => name !== null);
  return words.flatMap((word) => {
    const [, name, value] = /^([^=]*)=?(.*)$/s.exec(word)!;
    if (!name!.toUpperCase().startsWith(PREFIX) || known.includes(name!) || OTHERS.test(name!)) return [];
    if (OF_SERVICES.test(name!) || SERVICE_LINK.test(value!)) return [];
    const closest = near(name!.toUpperCase(), known);
    const hint = closest === null
      ? "see --help for the flags that variables are named after"
      : `is it ${closest}?`;
    return [`Unknown variable ${printable(name!)}, which sets nothing: ${hint}`];
  });
}
