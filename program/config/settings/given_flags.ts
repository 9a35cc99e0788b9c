/**
 * Flags that were given, on the command line or by variables of the environment.
 * @module
 */
import { Expected, printable, UsageError } from "../../../server/usage_error.ts";

/** The values of each form of a flag that was given, by its name; the value of a switch is empty. */
export class GivenFlags {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #labels: ReadonlyMap<string, string> | null;

  /** `labels` are the names of variables, by the form of the flag that each stands for; null for the command line. */
  constructor(
    values: ReadonlyMap<string, readonly string[]>,
    labels: ReadonlyMap<string, string> | null = null,
  ) {
    this.#values = values;
    this.#labels = labels;
  }

  /** True if this form was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The values of this form; undefined if it was not given. */
  get(name: string): readonly string[] | undefined {
    return this.#values.get(name);
  }

  /** The value of a switch, by either form; `name` is the form that switches on. */
  isOn(name: string): boolean | undefined {
    return this.has(name) ? true : this.has(`no-${name}`) ? false : undefined;
  }

  /** The name of this form in messages: `usual` on the command line, else the variable. */
  label(name: string, usual: string = `--${name}`): string {
    return this.#labels?.get(name) ?? usual;
  }

  /** All forms that were given. */
  get names(): Iterable<string> {
    return this.#values.keys();
  }
}

/** Reads the value of `label` by `reader`; `shown` is what a message may repeat of it. @throws {UsageError} */
export function judge<T>(label: string, text: string, reader: (text: string) => T, shown: string = text): T {
  try {
    return reader(text);
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    throw new UsageError(`Bad ${label} "${printable(shown)}": expected ${error.message}`);
  }
}
