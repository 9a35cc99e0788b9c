/**
 * `epollet help NAME`: explains one flag, key, variable, command or group of settings, out of their tables.
 * @module
 */
import { shellLine } from "../../ffi/process/command.ts";
import { UsageError } from "../../server/usage_error.ts";
import { FLAG_FORMS, type FlagForm, formsOf, variableOf } from "../config/flags/flag_forms.ts";
import { type Flag, FLAG_GROUPS, FLAGS } from "../config/flags/flags.ts";
import { near } from "../config/flags/near.ts";
import { SUBCOMMANDS } from "../config/flags/subcommands.ts";
import { nest, type Setting } from "../config/settings/setting.ts";
import { SETTINGS } from "../config/settings/table.ts";
import { rowOf } from "./help.ts";

/** Columns of the labels. */
const LABEL_COLUMNS = 14;
/** Longer examples of the file are shown in several lines. */
const LINE_CHARACTERS_MAX = 64;
/** Where all of this is explained. */
const MORE = "All flags: epollet --help. More words: docs/configure.md.";

const HELP =
  `Explains NAME: a flag (live, --live), a key of the configuration file (accessLog, tls.cert), a variable, a command, or
a heading of --help (limits). Without a name: the same as --help.`;

type Row = readonly [label: string, text: string | null];

/** Returns the text about `name`, written in any of its forms. @throws {UsageError} if there is no such name */
export function settingHelp(name: string): string {
  const group = FLAG_GROUPS.find(({ heading }) => heading.toLowerCase() === name.toLowerCase());
  const found = find(name);
  if (found !== null) return textOf(found);
  if (group !== undefined) return `${group.heading}\n${group.flags.map(rowOf).join("\n")}`;
  const inner = SETTINGS.filter(({ key }) => key.startsWith(`${name}.`));
  if (inner.length > 0) {
    const flags = inner.flatMap((setting) => flagOf(setting) ?? []);
    return `The object "${name}" of the configuration file\n${flags.map(rowOf).join("\n")}`;
  }
  throw unknown(name);
}

/** Returns the help of a command; null if there is no such command. */
export async function commandHelp(name: string): Promise<string | null> {
  if (name === "certificate") return (await import("./certificate.ts")).CERTIFICATE_HELP;
  if (name === "trust") return (await import("./trust.ts")).TRUST_HELP;
  if (name === "deploy") return (await import("./deploy.ts")).DEPLOY_HELP;
  if (name === "rollback") return (await import("./deploy.ts")).ROLLBACK_HELP;
  if (name === "learn") return (await import("./learn.ts")).LEARN_HELP;
  const command = SUBCOMMANDS.find((command) => command.name === name);
  return command === undefined ? null : `epollet ${name} ${command.args}\n\n${HELP}\n\n${MORE}`;
}

/** What a name stands for. */
interface Found {
  readonly setting: Setting | null;
  /** Null for keys of the file alone. */
  readonly flag: Flag | null;
}

/** Finds a flag, a letter, a key, or a variable. */
function find(name: string): Found | null {
  const written = name.replace(/^EPOLLET_/i, "").replace(/^-+|=.*$/g, "");
  const kebab = written.replaceAll("_", "-").replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
  const form = formNamed(kebab, written);
  if (form !== null) return { setting: settingOf(form.flag), flag: form.flag };
  const setting = SETTINGS.find(({ key }) => key.toLowerCase() === written.toLowerCase()) ?? null;
  return setting === null ? null : { setting, flag: flagOf(setting) };
}

function formNamed(kebab: string, written: string): FlagForm | null {
  const known = FLAG_FORMS.get(kebab) ?? FLAG_FORMS.get(`no-${kebab}`);
  if (known !== undefined) return known;
  return written.length === 1
    ? [...FLAG_FORMS.values()].find(({ flag }) => flag.letter === written) ?? null
    : null;
}

function settingOf({ key }: Flag): Setting | null {
  return SETTINGS.find((setting) => setting.key === key) ?? null;
}

function flagOf(setting: Setting): Flag | null {
  return setting.flag === null ? null : FLAGS.find(({ key }) => key === setting.key) ?? null;
}

/** Every name that can be asked for, for completions and for the one that was probably meant. */
export function helpNames(): string[] {
  const flags = FLAGS.map(({ name }) => name);
  const fileKeys = SETTINGS.filter(({ flag }) => flag === null).map(({ key }) => key);
  return [...flags, ...fileKeys, ...SUBCOMMANDS.map(({ name }) => name)];
}

function unknown(name: string): UsageError {
  const plain = name.replace(/^-+/, "");
  const known = [...FLAG_FORMS.keys(), ...SETTINGS.map(({ key }) => key), ...helpNames()];
  const lower = near(plain.toLowerCase(), known.map((name) => name.toLowerCase()));
  const closest = known.find((name) => name.toLowerCase() === lower) ?? null;
  const hint = closest === null ? "" : `; the closest is ${closest}`;
  return new UsageError(
    `There is no setting "${plain}": see epollet --help for those that there are${hint}`,
    () => closest === null ? null : ["help", closest],
  );
}

function textOf({ setting, flag }: Found): string {
  const rows: Row[] = [
    ["Example", flag === null ? null : exampleOf(flag, setting)],
    ["In the file", setting === null ? null : fileExample(setting)],
    ["Variable", flag === null ? null : variableExample(flag, setting)],
    ["Default", setting === null ? null : defaultOf(setting)],
    ["Values", flag?.values?.join(", ") ?? null],
    ["Several", flag?.isRepeatable === true ? "it may be given several times" : null],
    ["Opposite", flag === null ? null : oppositeOf(flag)],
    ["Reload", setting === null ? null : reloadOf(setting)],
  ];
  const lines = rows.flatMap(([label, text]) => {
    if (text === null) return [];
    const [first, ...others] = text.split("\n");
    const indent = " ".repeat(LABEL_COLUMNS + 2);
    return [`  ${label.padEnd(LABEL_COLUMNS)}${first}`, ...others.map((line) => indent + line)];
  });
  return [titleOf(flag, setting), "", ...sentencesOf(flag, setting), "", ...lines, "", MORE].join("\n");
}

function titleOf(flag: Flag | null, setting: Setting | null): string {
  if (flag === null) return `"${setting!.key}", in the configuration file only`;
  return rowOf({ ...flag, help: "" }).trim();
}

/** The line of help as a sentence, and the description if it says more. */
function sentencesOf(flag: Flag | null, setting: Setting | null): string[] {
  const help = setting?.help ?? flag!.help;
  const isValue = flag?.values?.some((value) => help.startsWith(value)) ?? false;
  const sentence = `${isValue ? help[0] : help[0]!.toUpperCase()}${help.slice(1)}.`;
  const { description = "" } = setting ?? {};
  // Those of switches that are shown by their opposites, and those about paths in the file, would confuse here.
  const isForFile = description === "" || /this file/.test(description) ||
    flag?.name.startsWith("no-") === true;
  return [sentence, ...isForFile ? [] : [description]].flatMap(wrapped);
}

/** Breaks a text into lines for a terminal. */
function wrapped(text: string): string[] {
  return text.replace(/(.{1,79})(?: |$)/g, "$1\n").trimEnd().split("\n");
}

/** A value of a flag, as it is written; null if it needs none. */
function valueOf(flag: Flag, setting: Setting | null): string | null {
  if (flag.value === undefined) return null;
  if (setting === null) return flag.example ?? flag.values?.[0] ?? flag.value;
  const { example = setting.kind.example, default: usual, kind } = setting;
  return example ?? kind.words?.find((word) => word !== usual) ?? kind.value;
}

function exampleOf(flag: Flag, setting: Setting | null): string {
  const { name, isOptional, isAction } = flag;
  const value = valueOf(flag, setting);
  if (value === null) {
    return `epollet ${flag.value === undefined && setting !== null ? "./public " : ""}--${name}`;
  }
  const shown = value.includes("$(") ? `"${value}"` : shellLine([value]); // a command in a shell
  const line = `--${name}${isOptional ? "=" : " "}${shown}`;
  const isRoot = setting?.property === "root" || isAction === true;
  return `epollet ${isRoot ? "" : "./public "}${line}`;
}

/** The key and a value in the file, as JSON. */
function fileExample(setting: Setting): string | null {
  const { key, examples } = setting;
  const json = valueIn(setting) ?? examples?.[0];
  if (json === undefined || json === null) return null;
  const lines = JSON.stringify(nest([[key, json]]), null, 2).split("\n").slice(1, -1);
  const line = lines.map((line) => line.trim()).join(" ");
  return line.length < LINE_CHARACTERS_MAX ? line : lines.map((line) => line.slice(2)).join("\n");
}

/** A value that differs from the default, as JSON; null if there is none. */
function valueIn({ kind, default: usual, example = kind.example, flag }: Setting): unknown {
  if (flag === null) return null;
  if (kind.value === null) return !usual;
  const text = example ?? kind.words?.find((word) => word !== usual);
  if (text === undefined) return null;
  try {
    return kind.toJson(kind.join === undefined ? kind.read(text) : kind.join([kind.read(text)], ""));
  } catch {
    return null; // an example that only a shell completes
  }
}

function variableExample(flag: Flag, setting: Setting | null): string | null {
  const forms = formsOf(flag);
  const form = forms.find(({ name }) => !name.startsWith("no-")) ?? forms[0]!;
  const variable = variableOf(form);
  if (variable === null) return null;
  const value = valueOf(flag, setting);
  const shown = value === null ? String(form === forms[0]) : value;
  return `${variable}=${shown.includes("$(") ? `"${shown}"` : shellLine([shown])}`;
}

/** The default in words. */
function defaultOf({ kind, default: usual, otherwise = "", scope }: Setting): string {
  const text = otherwise !== "" || usual === undefined || scope === "hosts" ? otherwise : kind.format(usual);
  return text === "" ? "none" : text;
}

function oppositeOf(flag: Flag): string | null {
  const [, opposite] = formsOf(flag);
  return opposite === undefined ? null : `--${opposite.name}`;
}

function reloadOf({ fixed }: Setting): string {
  if (fixed === "always") return "takes effect at the next start";
  return fixed === "alone" ? "by SIGHUP, in a program with --workers" : "by SIGHUP";
}
