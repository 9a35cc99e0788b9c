/**
 * Where settings come from: the flag or variable that sets a key, and the keys of the file that these overrule.
 * @module
 */
import { printable } from "../../server/usage_error.ts";
import { FLAG_FORMS } from "./flags/flag_forms.ts";
import type { Choices, FileChoices, FlagChoices } from "./settings/settings.ts";
import { JOINED_KEYS, LISTENING_KEYS, propertyOf, SETTINGS } from "./settings/table.ts";

/** Returns a line that names the overruled keys of `file`, and what overrules each; null where there are none. The first of `choices` counts most. */
export function describeOverruled(file: FileChoices, choices: readonly FlagChoices[]): string | null {
  const named = SETTINGS.flatMap(({ key }) => {
    const own = chosenValue(file, key);
    if (own === undefined || JOINED_KEYS.includes(key)) return [];
    for (const args of choices) {
      const by = overrulingKey(args, key);
      if (by === null) continue;
      const isSame = by === key && JSON.stringify(chosenValue(args, key)) === JSON.stringify(own);
      return isSame ? [] : [`${key} (by ${nameIn(args, by) ?? "an argument"})`];
    }
    return [];
  });
  return named.length === 0 ? null : `Overruled in ${printable(file.path)}: ${named.join(", ")}`;
}

/** Returns the key in `choices` that overrules `key` of the file; null where none does. */
function overrulingKey(choices: FlagChoices, key: string): string | null {
  if (chosenValue(choices, key) !== undefined) return key;
  // A port of a flag and an address of the file go together.
  const others = key === "listen" ? ["port", "host"] : LISTENING_KEYS.includes(key) ? ["listen"] : [];
  return others.find((other) => chosenValue(choices, other) !== undefined) ?? null;
}

/** The value that `choices` have for `key`; undefined where they leave it open. Null is a value: that of `--no-NAME`. */
export function chosenValue({ program, site }: Choices, key: string): unknown {
  const property = propertyOf(key);
  return Object.hasOwn(program, property) ? Reflect.get(program, property) : Reflect.get(site, property);
}

/** The flag or variable that sets `key`; null where none does, which includes arguments without a flag. */
export function nameIn({ flags }: FlagChoices, key: string): string | null {
  const name = Array.from(flags.names).find((name) => FLAG_FORMS.get(name)?.flag.key === key);
  return name === undefined ? null : flags.label(name);
}
