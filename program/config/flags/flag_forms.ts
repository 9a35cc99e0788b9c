/**
 * The forms of a flag, `--browse` and `--no-browse`, `--no-keep-alive` and `--keep-alive`; and what each is
 * called in the environment.
 * @module
 */
import { type Flag, FLAGS } from "./flags.ts";

/** One way to write a flag. */
export interface FlagForm {
  /** Without its hyphens. */
  readonly name: string;
  /** The flag of the table. */
  readonly flag: Flag;
  /** True for the form that takes the flag of the table back, and has no value. */
  readonly isOpposite: boolean;
}

/** Returns `name` without `no-`, or with it. */
export function counterpart(name: string): string {
  return name.startsWith("no-") ? name.slice(3) : `no-${name}`;
}

/** Returns every form of a flag: its own first. */
export function formsOf(flag: Flag): FlagForm[] {
  const own = { name: flag.name, flag, isOpposite: false };
  return flag.isNegatable ? [own, { name: counterpart(flag.name), flag, isOpposite: true }] : [own];
}

/** Every form of every flag, by its name. */
export const FLAG_FORMS: ReadonlyMap<string, FlagForm> = new Map(
  FLAGS.flatMap(formsOf).map((form) => [form.name, form]),
);

/** Returns the variable of the environment for a form; null for an action. */
export function variableOf({ name, flag }: FlagForm): string | null {
  return flag.isAction ? null : `EPOLLET_${name.toUpperCase().replaceAll("-", "_")}`;
}
