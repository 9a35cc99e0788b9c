/**
 * The forms of a flag: `--browse` and `--no-browse`, `--no-keep-alive` and `--keep-alive`; and what the same setting is
 * called in the environment and in the configuration file.
 * @module
 */
import { type Flag, FLAGS } from "./flags.ts";

/** One way to write a flag. */
export interface FlagForm {
  /** Without its hyphens. */
  readonly name: string;
  /** The flag as it stands in the table. */
  readonly flag: Flag;
  /** It takes back what the flag of the table says, and has no value. */
  readonly isOpposite: boolean;
}

/** Those that begin with `no-` lose it, others get it. */
export function counterpart(name: string): string {
  return name.startsWith("no-") ? name.slice(3) : `no-${name}`;
}

/** Every form of a flag: its own first. */
export function formsOf(flag: Flag): FlagForm[] {
  const own = { name: flag.name, flag, isOpposite: false };
  return flag.isNegatable ? [own, { name: counterpart(flag.name), flag, isOpposite: true }] : [own];
}

/** Every form of every flag, by its name. */
export const FLAG_FORMS: ReadonlyMap<string, FlagForm> = new Map(
  FLAGS.flatMap(formsOf).map((form) => [form.name, form]),
);

/** The variable of the environment that a form is read from; null for what sets nothing. */
export function variableOf({ name, flag }: FlagForm): string | null {
  return flag.isAction ? null : `EPOLLET_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** The key of a flag in the configuration file; null: it has none. */
export function keyOf({ key }: Flag): string | null {
  return key ?? null;
}
