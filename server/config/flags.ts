/**
 * Every flag of the command line, and the text of `--help`.
 * @module
 */
import { LIMIT_SETTINGS } from "./limit_settings.ts";
import { DEFAULT_PORT, DEFAULT_PROGRAM_SETTINGS } from "./settings.ts";
import { DEFAULT_SITE_SETTINGS, ETAG_MODES } from "./site_settings.ts";
import { POLLER_NAMES } from "../pollers/mod.ts";
import { formatSize, HANDLER_NAMES, VALIDATIONS } from "./values.ts";

/** One flag: its long name, its letter, what its value is called (none: a switch), what it does. */
export interface Flag {
  /** Without its hyphens. */
  readonly name: string;
  /** The short form. */
  readonly letter?: string;
  /** What `--help` calls the value; none: the flag takes no value. */
  readonly value?: string;
  /** The value may be left out, and is given by `=` only. */
  readonly isOptional?: boolean;
  /** It may be given several times. */
  readonly isRepeatable?: boolean;
  /** It says something about files, or about HTTP. */
  readonly isForStatic?: boolean;
  /** One line. */
  readonly help: string;
}

/** The name of the configuration file that is read when none is named. */
export const DEFAULT_CONFIG = "./epollet.json";

const DEFAULT_ROOT = DEFAULT_SITE_SETTINGS.root;
const { cacheSize, cacheFileSize } = DEFAULT_PROGRAM_SETTINGS;

const isForStatic = true;
const isRepeatable = true;
const isOptional = true;

/** Every flag, under its heading in `--help`. */
const GROUPS: readonly { heading: string; flags: readonly Flag[] }[] = [
  {
    heading: "Listening",
    flags: [
      {
        name: "port",
        letter: "p",
        value: "PORT",
        help: `port to listen on; 0 lets the kernel choose (${DEFAULT_PORT})`,
      },
      {
        name: "host",
        letter: "a",
        value: "ADDRESS",
        help: "IPv4 or IPv6 address; :: takes clients of both (0.0.0.0)",
      },
      { name: "no-keep-alive", help: "close the connection after each response", isForStatic },
    ],
  },
  {
    heading: "Site",
    flags: [
      { name: "root", letter: "d", value: "DIR", help: `directory to serve (${DEFAULT_ROOT})`, isForStatic },
      {
        name: "index",
        value: "NAMES",
        help: "files for a path that ends with /, separated by commas (index.html)",
        isForStatic,
      },
      { name: "clean-urls", help: "/about is about.html, and /about.html leads there", isForStatic },
      {
        name: "spa",
        value: "FILE",
        isOptional,
        help: "answer navigations to where nothing is with this file (/index.html)",
        isForStatic,
      },
      {
        name: "error-page",
        value: "STATUS=FILE",
        isRepeatable,
        help: "page for a status from 400 to 599; /404.html needs no mention",
        isForStatic,
      },
      { name: "browse", help: "list directories that have no index", isForStatic },
    ],
  },
  {
    heading: "Encoding and caching",
    flags: [
      { name: "compress", help: "compress text, once, when a client that understands it asks", isForStatic },
      {
        name: "etag",
        value: "HOW",
        help: `${ETAG_MODES.join(", ")}: what entity tags are made of (hash)`,
        isForStatic,
      },
      {
        name: "cache-control",
        value: "VALUE",
        help: "auto (revalidate; a year for hashed names), off, or a value (auto)",
        isForStatic,
      },
      {
        name: "cache-size",
        value: "SIZE",
        help: `memory for files, as in 64M or 1G; 0 keeps none (${formatSize(cacheSize)})`,
        isForStatic,
      },
      {
        name: "cache-file-size",
        value: "SIZE",
        help: `the largest file that is kept in memory (${formatSize(cacheFileSize)})`,
        isForStatic,
      },
      {
        name: "cache-validate",
        value: "HOW",
        help: `how it is known to be fresh: ${VALIDATIONS.join(", ")} (auto)`,
        isForStatic,
      },
    ],
  },
  {
    heading: "Rules",
    flags: [
      {
        name: "header",
        letter: "H",
        value: '"NAME: VALUE"',
        isRepeatable,
        help: "a field for every response; without a value it is taken away",
        isForStatic,
      },
      {
        name: "cors",
        value: "ORIGINS",
        isOptional,
        help: "let other origins read: all, or those named, separated by commas",
        isForStatic,
      },
      { name: "security-headers", help: "fields that make browsers careful", isForStatic },
      {
        name: "auth",
        value: "USER:HASH",
        isRepeatable,
        help: "ask for a name and a password; the hash is --hash-password's",
        isForStatic,
      },
      { name: "hash-password", help: "read a password from standard input, print its hash" },
    ],
  },
  {
    heading: "Limits",
    flags: LIMIT_SETTINGS.map(({ flag, kind, isForStatic, help }) => ({
      name: flag,
      value: kind.value,
      isForStatic,
      help,
    })),
  },
  {
    heading: "Configuration",
    flags: [
      { name: "config", value: "FILE", help: `read settings and rules (${DEFAULT_CONFIG}, if it is there)` },
      { name: "no-config", help: "read no file" },
      {
        name: "explain",
        value: "URL",
        help: "print how a URL would be answered, and serve nothing",
        isForStatic,
      },
    ],
  },
  {
    heading: "Processes",
    flags: [
      {
        name: "workers",
        letter: "w",
        value: "N",
        help: "processes that serve, and one that looks after them; auto: one a processor (none)",
      },
    ],
  },
  {
    heading: "Privileges",
    flags: [
      {
        name: "user",
        value: "NAME[:GROUP]",
        help: "become this user when it listens; needs root, which it gives up",
      },
      { name: "no-sandbox", help: "keep rights that serving does not need (see SECURITY.md)" },
    ],
  },
  {
    heading: "Machinery",
    flags: [
      { name: "poller", value: "NAME", help: `${POLLER_NAMES.join(", ")} (epoll-edge)` },
      { name: "handler", value: "NAME", help: `${HANDLER_NAMES.join(", ")} (static)` },
      { name: "coroutine", help: "serve each connection by a coroutine instead of callbacks" },
    ],
  },
  {
    heading: "Output",
    flags: [
      { name: "quiet", letter: "q", help: "print nothing but errors" },
      { name: "verbose", letter: "v", help: "print the settings in force" },
      { name: "help", letter: "h", help: "print this help" },
      { name: "version", letter: "V", help: "print the version" },
    ],
  },
];

/** Every flag. */
export const FLAGS: readonly Flag[] = GROUPS.flatMap(({ flags }) => flags);

/** The text of `--help`. */
export function helpText(): string {
  const groups = GROUPS.map(({ heading, flags }) => `${heading}\n${flags.map(row).join("\n")}`);
  return `epollet [PORT] [ROOT] [flags]

Serves the files below ROOT (${DEFAULT_ROOT}) on PORT (${DEFAULT_PORT}), or what --handler names.

${groups.join("\n\n")}

No flag is needed for conditional requests, byte ranges, 404.html, and precompressed files
(a.js.br, .zst, .gz). Only in the configuration file: redirects, rewrites, fields and passwords
by path, virtual hosts.
What a flag says counts more than what the configuration file says.
Exit status: 0 after SIGINT or SIGTERM, 1 when it cannot run, 2 for a mistake of the user's.`;
}

function row({ name, letter, value, isOptional, help }: Flag): string {
  const short = letter === undefined ? "    " : `-${letter}, `;
  const argument = value === undefined ? "" : isOptional ? `[=${value}]` : ` ${value}`;
  return `  ${`${short}--${name}${argument}`.padEnd(30)} ${help}`;
}
