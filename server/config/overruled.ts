/**
 * Keys of the configuration file that do not count, since a flag or a variable says something else.
 * @module
 */
import { FLAG_FORMS, keyOf } from "./flag_forms.ts";
import type { FileChoices, FlagChoices } from "./settings.ts";
import { printable } from "./usage_error.ts";
import { propertyOf } from "./write_config.ts";

/** Keys whose values from flags, environment and file are joined; of any other key the first source counts. */
export const JOINED_KEYS: readonly string[] = ["errorPages", "headers", "auth"];

/** One line that names them, and what overrules each; null: there are none. `choices` are those that count more, the first the most. */
export function describeOverruled(file: FileChoices, choices: readonly FlagChoices[]): string | null {
  const keys = new Set([...FLAG_FORMS.values()].map(({ flag }) => keyOf(flag)).filter((key) => key !== null));
  const named = [...keys].flatMap((key) => {
    const own = valueOf(file, key);
    if (own === undefined || JOINED_KEYS.includes(key)) return [];
    const by = choices.find((said) => valueOf(said, key) !== undefined);
    if (by === undefined || JSON.stringify(valueOf(by, key)) === JSON.stringify(own)) return [];
    return [`${key} (by ${labelOf(by, key)})`];
  });
  return named.length === 0 ? null : `Overruled in ${printable(file.path)}: ${named.join(", ")}`;
}

function valueOf({ program, site }: Pick<FileChoices, "program" | "site">, key: string): unknown {
  return Reflect.get(program, propertyOf(key)) ?? Reflect.get(site, key);
}

/** The flag or the variable that says it. */
function labelOf({ flags }: FlagChoices, key: string): string {
  for (const name of flags.names) {
    const form = FLAG_FORMS.get(name);
    if (form !== undefined && keyOf(form.flag) === key) return flags.label(name);
  }
  return "an argument";
}
