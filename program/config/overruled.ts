/**
 * Keys of the configuration file that do not count, since a flag or a variable says something else.
 * @module
 */
import { printable } from "../../server/usage_error.ts";
import { FLAG_FORMS, keyOf } from "./flags/flag_forms.ts";
import type { FileChoices, FlagChoices } from "./settings/settings.ts";
import { JOINED_KEYS, LISTENING_KEYS, propertyOf, SETTINGS } from "./settings/table.ts";

/** One line that names them, and what overrules each; null: there are none. `choices` are those that count more, the first the most. */
export function describeOverruled(file: FileChoices, choices: readonly FlagChoices[]): string | null {
  const named = SETTINGS.flatMap(({ key }) => {
    const own = valueOf(file, key);
    if (own === undefined || JOINED_KEYS.includes(key)) return [];
    for (const args of choices) {
      const by = overrulingKey(args, key);
      if (by === null) continue;
      const isSame = by === key && JSON.stringify(valueOf(args, key)) === JSON.stringify(own);
      return isSame ? [] : [`${key} (by ${labelOf(args, by)})`];
    }
    return [];
  });
  return named.length === 0 ? null : `Overruled in ${printable(file.path)}: ${named.join(", ")}`;
}

/** The key of `choices` by which `key` of the file does not count; null: there is none. */
function overrulingKey(choices: FlagChoices, key: string): string | null {
  if (valueOf(choices, key) !== undefined) return key;
  // A port beside the file's address, or the other way round, is no other answer.
  const others = key === "listen" ? ["port", "host"] : LISTENING_KEYS.includes(key) ? ["listen"] : [];
  return others.find((other) => valueOf(choices, other) !== undefined) ?? null;
}

/** Null is a value: what `--no-NAME` says. */
function valueOf({ program, site }: Pick<FileChoices, "program" | "site">, key: string): unknown {
  const property = propertyOf(key);
  return Object.hasOwn(program, property) ? Reflect.get(program, property) : Reflect.get(site, key);
}

/** The flag or the variable that says it. */
function labelOf({ flags }: FlagChoices, key: string): string {
  for (const name of flags.names) {
    const form = FLAG_FORMS.get(name);
    if (form !== undefined && keyOf(form.flag) === key) return flags.label(name);
  }
  return "an argument";
}
