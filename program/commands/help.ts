/**
 * The text of `--help`, out of the table of flags.
 * @module
 */
import { type Flag, FLAG_GROUPS } from "../config/flags/flags.ts";
import { DEFAULT_PORT } from "../config/settings/settings.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";

/** The text of `--help`. */
export function helpText(): string {
  const groups = FLAG_GROUPS.map(({ heading, flags }) => `${heading}\n${flags.map(row).join("\n")}`);
  return `epollet [PORT] [ROOT] [flags]

Serves the files below ROOT (${DEFAULT_SITE_SETTINGS.root}) on PORT (${DEFAULT_PORT}), or what --handler names.

${groups.join("\n\n")}

No flag is needed for conditional requests, byte ranges, 404.html, and precompressed files
(a.js.br, .zst, .gz). Only in the configuration file: redirects, rewrites, fields and passwords
by path, virtual hosts.
An argument that begins with a digit is PORT, one that does not is ROOT: epollet ./public will do.
A switch has its opposite, --no-browse or --keep-alive; so has a value that may be none: --no-user.
Settings may also stand in the environment: EPOLLET_CACHE_SIZE=64M is --cache-size 64M,
EPOLLET_BROWSE=false is --no-browse; PORT is read where EPOLLET_PORT is not set.
Flags count more than the environment, the environment more than the configuration file.
Exit status: 0 after SIGINT or SIGTERM; 1 when it cannot run, when a second signal does not wait,
and when --healthcheck finds it unwell; 2 for a mistake of the user's;
130 when Ctrl-C ends --hash-password.`;
}

function row({ name, letter, value, isOptional, help }: Flag): string {
  const short = letter === undefined ? "    " : `-${letter}, `;
  const argument = value === undefined ? "" : isOptional ? `[=${value}]` : ` ${value}`;
  return `  ${`${short}--${name}${argument}`.padEnd(30)} ${help}`;
}
