/**
 * `--check`: tells whether the program could serve with these settings, and prints them. It does not listen.
 * @module
 */
import { workingDirectory } from "../../ffi/process/process.ts";
import { combine, type OtherChoices, readOthers, unknownVariables } from "../config/load_settings.ts";
import { chosenValue, nameIn } from "../config/overruled.ts";
import { TIME } from "../config/settings/kinds.ts";
import { JOINED_KEYS, LIMITS, propertyOf, SETTINGS } from "../config/settings/table.ts";
import type { Arguments, CommandLine } from "../config/settings/settings.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { printable } from "../../server/usage_error.ts";
import { configText, writtenConfig } from "../config/file/write_config.ts";

import {
  certificateWarnings,
  describeCertificates,
  describeTls,
  loadCertificates,
} from "../setup/certificates.ts";
import { describeAcme } from "../setup/acme.ts";
import { describePlan } from "../setup/local_certificate.ts";
import { checkAdmin } from "../setup/admin.ts";
import { withPlace } from "../config/config_place.ts";
import { siteWarnings } from "../setup/site_warnings.ts";
import { checkAddresses } from "../listening/listen.ts";
import { checkLogs } from "../setup/logs.ts";
import { warn } from "../terminal/output.ts";
import { accountOf } from "../setup/prepare.ts";
import { openSites } from "../setup/sites.ts";

const KIB = 1024;
/** Bytes: a smaller size other than 0 is probably a number without its unit. */
const SIZES_MEANT_MIN = {
  cacheSize: KIB * KIB,
  cacheFileSize: KIB,
  keepAssetsSize: KIB,
  maxBody: KIB,
} as const;
/** A longer timeout is probably a number of milliseconds. A number without a unit counts seconds. */
const TIME_MEANT_MS_MAX = 60 * 60 * 1000;
const TIMES = LIMITS.filter(({ kind }) => kind === TIME).map(({ key }) => key);

/**
 * Prints the settings in force as the text of a configuration file, and warns of likely mistakes. `--verbose` adds
 * where each setting comes from; `--quiet` prints nothing.
 * @throws {UsageError | SystemError} for the first mistake
 */
export async function checkSettings(args: Arguments): Promise<void> {
  const say = args.verbosity === "quiet" ? () => {} : warn;
  unknownVariables().forEach(say);
  const others = await readOthers(args, undefined, say);
  const command = combine(args, others);
  await validate(command);
  const acme = describeAcme(command);
  const certificates = command.https ? null : loadCertificates(command);
  const plan = command.https ? describePlan(command) : null;
  if (command.verbosity === "quiet") return;
  const described = plan === null ? certificates && describeCertificates(certificates) : [plan];
  if (described !== null) {
    [...described, `TLS ${describeTls(command.tlsProfile)}`].map(printable).forEach(warn);
  }
  if (certificates !== null) certificateWarnings(certificates).map(printable).forEach(warn);
  acme.map(printable).forEach(warn);
  unmeant(command).forEach(warn);
  if (command.handler === "static") (await siteWarnings(command)).map(printable).forEach(warn);
  const noteOf = command.verbosity === "verbose"
    ? (key: string) => origin(key, args, others, isImplied(command, key))
    : null;
  console.log(configText(writtenConfig(command, workingDirectory()), noteOf));
}

/** Returns whether `key` has a value that `dev` stands for, unless a source has set it. */
function isImplied({ dev, ...command }: CommandLine, key: string): boolean {
  const { default: usual } = SETTINGS.find((setting) => setting.key === key)!;
  const property = propertyOf(key);
  const value: unknown = Reflect.get(command, property) ?? Reflect.get(command.site, property);
  return dev && value !== undefined && JSON.stringify(value) !== JSON.stringify(usual);
}

/** Returns a line for each number whose unit seems to be missing. */
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
      } bytes, which is probably a mistake: a number alone counts bytes, 64M is 64 MiB`;
      return withPlace(command, [key], line);
    }),
    ...times.map((key) => {
      const line = `${key} is ${
        valueOf(key) / 1000
      } seconds, which is probably a mistake: a number alone counts seconds, 500ms is half of one`;
      return withPlace(command, [key], line);
    }),
  ];
}

/** Checks everything that can be checked without listening. */
async function validate(command: CommandLine): Promise<void> {
  checkAddresses(command);
  checkAdmin(command);
  accountOf(command);
  createPoller(command.poller).close();
  checkLogs(command);
  (await openSites(command))?.close();
}

/** Returns where a setting comes from: `--port`, `EPOLLET_PORT`, the path of a file, `dev` if it is implied, or `default`. */
function origin(
  key: string,
  args: Arguments,
  { environment, file }: OtherChoices,
  isImplied: boolean,
): string {
  const origins = [args, environment]
    .filter((choices) => chosenValue(choices, key) !== undefined)
    .map((choices) => nameIn(choices, key) ?? "argument");
  const isInFile = file !== null &&
    (key === "hosts" ? file.hosts.size > 0 : chosenValue(file, key) !== undefined);
  if (isInFile) origins.push(file.path);
  if (origins.length === 0) return isImplied ? "dev" : "default";
  return printable(JOINED_KEYS.includes(key) ? origins.join(", ") : origins[0]!);
}
