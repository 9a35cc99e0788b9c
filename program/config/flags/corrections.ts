/**
 * What was probably meant by a command line with a mistake, as a whole line to type.
 *
 * The line is changed in the ways in which people err, one change after the other, until the program takes it.
 * @module
 */
import { isIpAddress } from "../../../ffi/socket/socket.ts";
import { shellLine } from "../../../ffi/process/command.ts";
import { UsageError } from "../../../server/usage_error.ts";
import { SETTINGS } from "../settings/table.ts";
import { isSubcommand, parseCommandLine } from "./command_line.ts";
import { takesValue, wordsFor } from "./elsewhere.ts";
import { counterpart, FLAG_FORMS, type FlagForm } from "./flag_forms.ts";
import { near } from "./near.ts";
import { type Subcommand, SUBCOMMANDS } from "./subcommands.ts";
import { readings } from "./value_readings.ts";

/** How many mistakes of one line are corrected. */
const MISTAKES_MAX = 4;
/** How many changed lines are tried. */
const TRIES_MAX = 400;
/** Longer lines are not corrected: they come from programs. */
const WORDS_MAX = 50;

/** What users write behind a switch. */
const ON = /^(true|yes|on|1)$/i;
const OFF = /^(false|no|off|0)$/i;

type Words = readonly string[];

/** Returns the words of a line that the program takes, and that `args` probably mean; null if none is obvious. */
export function correctedWords(args: Words): Words | null {
  if (args.length > WORDS_MAX) return null;
  const command = SUBCOMMANDS.find(({ name }) => name === args[0]);
  if (command !== undefined) return wordsOfCommand(args, command);
  let tries = 0;
  const correct = (words: Words, message: string, left: number): Words | null => {
    const others: (readonly [words: Words, message: string])[] = [];
    for (const changed of changes(words)) {
      if (++tries > TRIES_MAX) return null;
      const other = mistakeOf(changed);
      if (other === null) return changed;
      if (other !== message && left > 1) others.push([changed, other]);
    }
    for (const [changed, other] of others) {
      const corrected = correct(changed, other, left - 1);
      if (corrected !== null) return corrected;
    }
    return null;
  };
  const message = mistakeOf(args);
  return message === null ? null : correct(args, message, MISTAKES_MAX);
}

/** Returns the words of a line for `command`, whose unknown flags are replaced by those that are near; null if there are none. */
function wordsOfCommand(args: Words, { flags }: Subcommand): Words | null {
  const known = flags.map((flag) => flag.split(" ")[0]!);
  const words = args.map((word) => {
    const [, flag, rest = ""] = /^(--[^=]+)(=.*)?$/s.exec(word) ?? [];
    if (flag === undefined || known.includes(flag.replace("--acme-", "--"))) return word;
    const closest = near(flag, known);
    return closest === null ? word : closest + rest;
  });
  return words.join("\0") === args.join("\0") ? null : words;
}

/** Returns the whole line to type, with secrets as `…`. */
export function lineOf(words: Words): string {
  const shown = words.map((word, i) => {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(word) ??
      [null, /^--(.+)$/.exec(words[i - 1] ?? "")?.[1], word];
    const hide = SETTINGS.find(({ flag }) => flag === name)?.kind.shown;
    return hide === undefined ? word : word.slice(0, word.length - value!.length) + hide(value!);
  });
  return shellLine(["epollet", ...shown]);
}

/** What is wrong with a line; null if nothing is. */
export function mistakeOf(words: Words): string | null {
  if (SUBCOMMANDS.some(({ name }) => name === words[0])) return null;
  try {
    const { host } = parseCommandLine(words).program;
    return host === undefined || isIpAddress(host) ? null : `Bad host "${host}"`;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** Returns `words` with `others` in place of `count` of them at `index`. */
function replaced(words: Words, index: number, count: number, others: Words): Words {
  return words.toSpliced(index, count, ...others);
}

/** Yields lines that differ from `words` by one change, the most probable ones first. */
function* changes(words: Words): Generator<Words> {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  for (let i = 0; i < end; i++) {
    const word = words[i]!;
    const [flag, inline] = splitFlag(word);
    if (flag === null) yield* positionalChanges(words, i);
    else {
      const form = formOf(flag);
      yield* form === null
        ? unknownChanges(words, i, flag, inline)
        : knownChanges(words, i, form, inline, flag);
    }
  }
  yield* repeatedChanges(words, end);
}

/** `--port=80` is `--port` and `80`; null for a word that is no flag. */
function splitFlag(word: string): [flag: string | null, inline: string | null] {
  const [, flag = null, inline = null] = /^(-[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  return [flag, inline];
}

/** The form of a flag, by its name or its letter; null for an unknown one. */
function formOf(flag: string): FlagForm | null {
  if (flag.startsWith("--")) return FLAG_FORMS.get(flag.slice(2)) ?? null;
  const known = [...FLAG_FORMS.values()].find((form) => `-${form.flag.letter}` === flag && !form.isOpposite);
  return known ?? null;
}

/** Changes of a flag that there is not. */
function* unknownChanges(words: Words, i: number, flag: string, inline: string | null): Generator<Words> {
  const bare = flag.replace(/^-+/, "");
  const rest = inline === null ? "" : `=${inline}`;
  const kebab = bare.replace(/([a-z])([A-Z])/g, "$1-$2").replaceAll("_", "-").toLowerCase();
  if (bare.length > 1 && FLAG_FORMS.has(kebab)) yield replaced(words, i, 1, [`--${kebab}${rest}`]);
  const valued = kebab.startsWith("no-") ? FLAG_FORMS.get(counterpart(kebab))?.flag : undefined;
  const nothing = valued?.values?.find((value) => value === "none" || value === "off");
  if (nothing !== undefined) yield replaced(words, i, 1, [`--${valued!.name}`, nothing]);
  const [, port] = /^-[A-Za-z](\d+)$/.exec(words[i]!) ?? [];
  if (port !== undefined && flag !== "-p") yield replaced(words, i, 1, ["-p", port]);
  if (flag.length === 2) yield replaced(words, i, 1, [swapCase(flag) + rest]);
  const [, name, value] = /^-{1,2}([A-Za-z][\w-]*):(.+)$/.exec(words[i]!) ?? [];
  if (name !== undefined) yield replaced(words, i, 1, [`--${name}`, value!]);
  const next = words[i + 1];
  const isNext = inline === null && next !== undefined && takesValue(flag) && !next.startsWith("--");
  const here = wordsFor(flag, inline ?? (isNext ? next : null));
  if (here !== null) yield replaced(words, i, isNext ? 2 : 1, here);
  const letter = /^-c-?\d+$/.test(words[i]!) ? wordsFor("-c", words[i]!.slice(2)) : null; // of http-server
  if (letter !== null) yield replaced(words, i, 1, letter);
  const closest = bare.length > 1 ? near(kebab, [...FLAG_FORMS.keys()]) : null;
  if (closest !== null) yield replaced(words, i, 1, [`--${closest}${rest}`]);
}

function swapCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

/** Changes of the value of a flag that there is. */
function* knownChanges(
  words: Words,
  i: number,
  { name, flag, isOpposite }: FlagForm,
  inline: string | null,
  flagWord: string,
): Generator<Words> {
  if (flag.value === undefined || isOpposite) {
    if (inline === null) return;
    const isOff = OFF.test(inline) && FLAG_FORMS.has(counterpart(name));
    yield replaced(words, i, 1, [`--${isOff ? counterpart(name) : name}`]);
    return;
  }
  if (flag.isOptional && inline === "") yield replaced(words, i, 1, [`--${name}`]);
  const next = words[i + 1];
  if (flag.isOptional && inline === null && next !== undefined && !next.startsWith("-")) {
    yield replaced(words, i, 2, [`--${name}=${next}`]);
  }
  const value = inline ?? (flag.isOptional ? undefined : next);
  if (value === undefined || value === "") return;
  for (const reading of readings(flag, value)) {
    yield inline === null
      ? replaced(words, i + 1, 1, [reading])
      : replaced(words, i, 1, [`${flagWord}=${reading}`]);
  }
  if (name === "host" && /:\d+$/.test(value)) {
    yield replaced(words, i, inline === null ? 2 : 1, ["--listen", value]);
  }
}

/** Changes of a port, a directory, or a word that is none. */
export function* positionalChanges(words: Words, i: number): Generator<Words> {
  const word = words[i]!;
  const flag = /^--(.+)$/.exec(words[i - 1] ?? "")?.[1];
  if (flag !== undefined && FLAG_FORMS.has(flag)) {
    if (ON.test(word)) yield replaced(words, i, 1, []);
    if (OFF.test(word) && FLAG_FORMS.has(counterpart(flag))) {
      yield replaced(words, i - 1, 2, [`--${counterpart(flag)}`]);
    }
  }
  const dashed = word.replace(/^[\u2010-\u2015\u2212]+/, "--"); // what text programs make of two hyphens
  if (dashed !== word) yield replaced(words, i, 1, [dashed]);
  if (isSubcommand(word)) yield replaced(words, i, 1, word === "dev" ? ["--dev"] : []);
  const name = word.toLowerCase();
  if (FLAG_FORMS.get(name)?.flag.value === undefined && FLAG_FORMS.has(name)) {
    yield replaced(words, i, 1, [`--${name}`]);
  }
  const [, host = "", port] = /^(?:https?:\/\/)?([\w.-]+|\[[\da-f:.]+\])?:(\d{1,5})\/?$/i.exec(word) ?? [];
  if (port !== undefined) yield replaced(words, i, 1, host === "" ? [port] : ["--listen", `${host}:${port}`]);
  if (/^\d+(\.\d+){3}$/.test(word)) yield replaced(words, i, 1, ["--host", word]);
  const [, key, value] = /^([A-Za-z][\w-]*)=(.+)$/.exec(word) ?? [];
  if (key !== undefined && FLAG_FORMS.has(key.toLowerCase())) {
    yield replaced(words, i, 1, [`--${key.toLowerCase()}=${value}`]);
  }
  if (/^\d.*[^\d.:]/.test(word)) yield replaced(words, i, 1, [`./${word}`]);
  const command = i === 0 ? near(word, SUBCOMMANDS.map(({ name }) => name)) : null;
  if (command !== null) yield replaced(words, i, 1, [command]);
}

/** Lines without a flag that a later one contradicts or repeats: the last one is probably meant. */
function* repeatedChanges(words: Words, end: number): Generator<Words> {
  const given = words.slice(0, end).map((word) => {
    const [flag, inline] = splitFlag(word);
    const form = flag === null ? null : formOf(flag);
    const takesNext = form !== null && form.flag.value !== undefined && !form.isOpposite &&
      !form.flag.isOptional &&
      inline === null;
    return { form, count: takesNext ? 2 : 1 };
  });
  for (let i = 0; i < given.length; i++) {
    const { form, count } = given[i]!;
    if (form === null || form.flag.isRepeatable) continue;
    const isLater = given.slice(i + 1).some((other) => other.form?.flag === form.flag);
    if (isLater) yield replaced(words, i, count, []);
  }
}
