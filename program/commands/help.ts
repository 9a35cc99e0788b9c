/**
 * The texts of `--help` and `-h`, out of the table of flags.
 * @module
 */
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import { type Flag, FLAG_GROUPS, FLAGS } from "../config/flags/flags.ts";
import { DEFAULT_PORT } from "../config/settings/settings.ts";
import { SUBCOMMANDS } from "../config/flags/subcommands.ts";

/** The width of a terminal. */
const COLUMNS = 80;
/** Columns of a flag with its letter and value. */
const FLAG_COLUMNS = 29;

const USAGE = `epollet [PORT] [ROOT] [flags]

Serves the directory or file ROOT (${DEFAULT_SITE_SETTINGS.root}) on PORT (${DEFAULT_PORT}).`;

/** The flags of `-h`, in this order. */
const COMMON: readonly string[] = "host spa browse compress cors header auth config check workers".split(" ");

/** The text of `--help`. */
export function helpText(): string {
  const groups = FLAG_GROUPS.map(({ heading, flags }) => `${heading}\n${flags.map(rowOf).join("\n")}`);
  const commands = SUBCOMMANDS.map(({ name, args, help }) => line(`epollet ${name} ${args}`, help));
  return `${USAGE}

Commands
${commands.join("\n")}

${groups.join("\n\n")}

The argument that begins with a digit is PORT, another one is ROOT.
--no-NAME turns NAME off or unsets it: --no-browse, --no-user.
Only the configuration file has redirects, rewrites, headers and passwords by
path, and virtual hosts. Conditional requests, byte ranges, 404.html and
precompressed files (a.js.br, .zst, .gz) need no flag.
epollet COMMAND --help tells more of a command, epollet help NAME of a flag or a
key. A folder with the name of a command is served as ./certificate, ./help.
In the environment EPOLLET_CACHE_SIZE=64M is --cache-size 64M, and
EPOLLET_BROWSE=false is --no-browse. PORT is read if EPOLLET_PORT is not set.
Flags overrule the environment, which overrules the configuration file.
Exit status: 0 after SIGINT or SIGTERM; 1 when it cannot run, when a second
signal does not wait, and when --healthcheck finds it unwell; 2 for a mistake in
the settings; 130 when Ctrl-C ends --hash-password.`;
}

/** The text of `-h`. */
export function shortHelp(): string {
  const flags = COMMON.map((name) => FLAGS.find((flag) => flag.name === name)!);
  return `${USAGE}

Examples
  epollet                                  ./html on port ${DEFAULT_PORT}
  epollet 8080 ./public                    another folder on port 8080
  epollet ./public --dev                   for development: live reload
  epollet 8080 dist --spa --compress       a single-page application
  epollet 443 /srv/www --acme example.org  HTTPS, with a certificate it renews

Common flags
${flags.map(rowOf).join("\n")}

All flags: epollet --help. One flag: epollet help NAME. Manual: epollet --man.`;
}

/** Returns a flag and its line of help, which goes on below itself where it is too long. */
export function rowOf({ name, letter, value, isOptional, help }: Flag): string {
  const short = letter === undefined ? "    " : `-${letter}, `;
  const argument = value === undefined ? "" : isOptional ? `[=${value}]` : ` ${value}`;
  return line(`${short}--${name}${argument}`, help);
}

/** A term, and its help in the column beside it. */
function line(term: string, help: string): string {
  const lines = [""];
  for (const word of help.split(" ")) {
    const line = `${lines.at(-1)} ${word}`;
    if (line.length > COLUMNS - FLAG_COLUMNS - 2) lines.push(` ${word}`);
    else lines[lines.length - 1] = line;
  }
  const indent = `\n${" ".repeat(FLAG_COLUMNS + 2)}`;
  return `  ${term.padEnd(FLAG_COLUMNS)}${lines.join(indent)}`;
}
