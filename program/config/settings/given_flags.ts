/**
 * Flags that were given: on the command line, or by the environment in their place.
 * @module
 */
import { Expected, printable, UsageError } from "../../../server/usage_error.ts";

/** The values of each form of a flag that was given, by its name; those of a switch are empty. */
export class GivenFlags {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #labels: ReadonlyMap<string, string> | null;

  /** `labels` are what those are called that are not given as flags. */
  constructor(
    values: ReadonlyMap<string, readonly string[]>,
    labels: ReadonlyMap<string, string> | null = null,
  ) {
    this.#values = values;
    this.#labels = labels;
  }

  /** Whether this form was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The values of this form. */
  get(name: string): readonly string[] | undefined {
    return this.#values.get(name);
  }

  /** What a switch says, by either of its forms; `name` is the one that switches on. */
  isOn(name: string): boolean | undefined {
    return this.has(name) ? true : this.has(`no-${name}`) ? false : undefined;
  }

  /** What this form is called in what is said of it; `usual` on the command line. */
  label(name: string, usual: string = `--${name}`): string {
    return this.#labels?.get(name) ?? usual;
  }

  /** Every form that was given. */
  get names(): Iterable<string> {
    return this.#values.keys();
  }
}

/** Reads a value, or says what is wrong with it; `shown` is what may be repeated of it. @throws {UsageError} */
export function judge<T>(label: string, text: string, reader: (text: string) => T, shown: string = text): T {
  try {
    return reader(text);
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    throw new UsageError(`Bad ${label} "${printable(shown)}": expected ${error.message}`);
  }
}
