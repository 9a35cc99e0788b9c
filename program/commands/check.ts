/**
 * `--check`: whether the program could serve with these settings, and what they are. Nothing listens.
 * @module
 */
import { workingDirectory } from "../../ffi/process/process.ts";
import { FLAG_FORMS, keyOf } from "../config/flags/flag_forms.ts";
import { combine, type OtherChoices, readOthers, unknownVariables } from "../config/load_settings.ts";
import { JOINED_KEYS, propertyOf } from "../config/settings/table.ts";
import type { Arguments, CommandLine, FlagChoices } from "../config/settings/settings.ts";
import { printable } from "../../server/usage_error.ts";
import { configText, writtenConfig } from "../config/file/write_config.ts";

import { checkAdmin } from "../setup/admin.ts";
import { withPlace } from "../config/config_place.ts";
import { siteWarnings } from "../setup/site_warnings.ts";
import { checkAddresses } from "../listening/listen.ts";
import { checkLogs } from "../setup/logs.ts";
import { warn } from "../terminal/output.ts";
import { accountOf } from "../setup/prepare.ts";
import { openSites } from "../setup/sites.ts";

const KIB = 1024;
/** Bytes: what is smaller, and not 0, is a number whose unit was left out. */
const SIZES_MEANT_MIN = { cacheSize: KIB * KIB, cacheFileSize: KIB, maxBody: KIB } as const;
/** A longer timeout is a number of milliseconds, where one alone counts seconds. */
const TIME_MEANT_MS_MAX = 60 * 60 * 1000;
const TIMES = ["headTimeout", "bodyTimeout", "sendTimeout", "keepAliveTimeout", "gracePeriod"];

/**
 * Prints the settings in force as the text of a configuration file (with `--verbose`, and where each comes from; with
 * `--quiet`, nothing), and warns of what is hardly meant.
 * @throws {UsageError} for the first thing that is wrong
 */
export async function checkSettings(args: Arguments): Promise<void> {
  const say = args.verbosity === "quiet" ? () => {} : warn;
  unknownVariables().forEach(say);
  const others = await readOthers(args, undefined, say);
  const command = combine(args, others);
  await validate(command);
  if (command.verbosity === "quiet") return;
  unmeant(command).forEach(warn);
  if (command.handler === "static") (await siteWarnings(command)).map(printable).forEach(warn);
  const noteOf = command.verbosity === "verbose" ? (key: string) => origin(key, args, others) : null;
  console.log(configText(writtenConfig(command, workingDirectory()), noteOf));
}

/** A line for each number whose unit seems to be missing. */
function unmeant(command: CommandLine): string[] {
  const valueOf = (key: string) => Number(Reflect.get(command, propertyOf(key)));
  const sizes = Object.entries(SIZES_MEANT_MIN).filter(([key, min]) =>
    valueOf(key) > 0 && valueOf(key) < min
  );
  const times = TIMES.filter((key) => valueOf(key) > TIME_MEANT_MS_MAX && valueOf(key) < Infinity);
  return [
    ...sizes.map(([key]) => {
      const line = `${key} is ${
        valueOf(key)
      } bytes, which is hardly meant: a number alone counts bytes, 64M is 64 MiB`;
      return withPlace(command, [key], line);
    }),
    ...times.map((key) => {
      const line = `${key} is ${
        valueOf(key) / 1000
      } seconds, which is hardly meant: a number alone counts seconds, 500ms is half of one`;
      return withPlace(command, [key], line);
    }),
  ];
}

/** Whatever can be found out without listening. */
async function validate(command: CommandLine): Promise<void> {
  checkAddresses(command);
  checkAdmin(command);
  accountOf(command);
  checkLogs(command);
  (await openSites(command))?.close();
}

/** Who says what a key says: `--port`, `EPOLLET_PORT`, a file, or `default`. */
function origin(key: string, args: Arguments, { environment, file }: OtherChoices): string {
  const origins: string[] = [];
  const saying = (choices: FlagChoices) => nameIn(choices, key);
  for (const name of [saying(args), saying(environment)]) if (name !== null) origins.push(name);
  if (file !== null && (Object.hasOwn(file.program, propertyOf(key)) || Object.hasOwn(file.site, key))) {
    origins.push(file.path);
  }
  if (key === "hosts" && file !== null && file.hosts.size > 0) origins.push(file.path);
  if (origins.length === 0) return "default";
  return printable(JOINED_KEYS.includes(key) ? origins.join(", ") : origins[0]!);
}

/** The flag or the variable that sets a key; null: none does. */
function nameIn({ flags, program, site }: FlagChoices, key: string): string | null {
  for (const name of flags.names) {
    const form = FLAG_FORMS.get(name);
    if (form !== undefined && keyOf(form.flag) === key) return flags.label(name);
  }
  return Object.hasOwn(program, propertyOf(key)) || Object.hasOwn(site, key) ? "argument" : null;
}
