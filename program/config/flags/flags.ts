/**
 * Every flag of the command line.
 *
 * From this table come also the environment's variables (`environment.ts`), the flags that take another one back
 * (`flag_forms.ts`), what `--check` prints, the completions of shells, and the manual page.
 * @module
 */
import { LIMIT_SETTINGS } from "../settings/limit_settings.ts";
import { LOG_FLAG_GROUPS } from "./log_flags.ts";
import { DEFAULT_PORT, DEFAULT_PROGRAM_SETTINGS } from "../settings/settings.ts";
import {
  DEFAULT_SITE_SETTINGS,
  ETAG_MODES,
  PRECOMPRESSED_MODES,
} from "../../../handlers/site/settings/site_settings.ts";
import { POLLER_NAMES } from "../../../server/loop/pollers/mod.ts";
import { formatMode, formatSize, PROBES, SHELLS, VALIDATIONS } from "../settings/values.ts";
import { HANDLER_NAMES } from "../../../handlers/names.ts";

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
  /** Values that there are, or that are common. */
  readonly values?: readonly string[];
  /** `--no-NAME` takes its value back; switches, and flags whose value may be left out, have that anyway. */
  readonly isNegatable?: boolean;
  /** Its key in the configuration file, where that is not its name in camelCase; null: it has none. */
  readonly key?: string | null;
  /** It says what is to be done, and sets nothing: no key, no variable. */
  readonly isAction?: boolean;
  /** One line. */
  readonly help: string;
}

/** Flags that belong together. */
export interface FlagGroup {
  /** In `--help`. */
  readonly heading: string;
  /** In the order of `--help`. */
  readonly flags: readonly Flag[];
}

/** What a configuration file is called. */
export const CONFIG_NAME = "epollet.json";
/** The one that is read when none is named. */
export const DEFAULT_CONFIG = `./${CONFIG_NAME}`;

const DEFAULT_ROOT = DEFAULT_SITE_SETTINGS.root;
const { cacheSize, cacheFileSize } = DEFAULT_PROGRAM_SETTINGS;

const isForStatic = true;
const isRepeatable = true;
const isOptional = true;
const isAction = true;

/** Every flag, under its heading in `--help`. */
export const FLAG_GROUPS: readonly FlagGroup[] = [
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
      {
        name: "listen",
        value: "WHERE",
        isRepeatable,
        help: "ADDRESS:PORT or unix:PATH to listen on; PORT only if given, too",
      },
      {
        name: "backlog",
        value: "NUMBER",
        help: `clients that may wait to be accepted (${DEFAULT_PROGRAM_SETTINGS.backlog})`,
      },
      {
        name: "socket-mode",
        value: "MODE",
        help: `permissions of UNIX sockets; who may write may connect (${
          formatMode(DEFAULT_PROGRAM_SETTINGS.socketMode)
        })`,
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
        key: "errorPages",
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
        name: "precompressed",
        value: "WHICH",
        values: PRECOMPRESSED_MODES,
        help: `${PRECOMPRESSED_MODES.join(", ")}: use of a.js.br, .zst, .gz beside a.js (fresh)`,
        isForStatic,
      },
      {
        name: "etag",
        value: "HOW",
        values: ETAG_MODES,
        help: `${ETAG_MODES.join(", ")}: what entity tags are made of (hash)`,
        isForStatic,
      },
      {
        name: "cache-control",
        value: "VALUE",
        values: ["auto", "off", "no-store", "no-cache"],
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
        values: VALIDATIONS,
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
        key: "headers",
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
      {
        name: "allowed-hosts",
        value: "NAMES",
        help: "names it is asked by, separated by commas; * for all (auto)",
        isForStatic,
      },
      { name: "hash-password", isAction, help: "read a password from standard input, print its hash" },
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
  ...LOG_FLAG_GROUPS,
  {
    heading: "Configuration",
    flags: [
      {
        name: "config",
        value: "FILE",
        key: null,
        help: `read settings and rules (of ${DEFAULT_CONFIG}: the site's)`,
      },
      { name: "no-config", key: null, help: "read no file" },
      {
        name: "check",
        isAction,
        help: "print the settings in force if all is well, and serve nothing",
      },
      {
        name: "explain",
        value: "URL",
        isAction,
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
        help: "processes that serve under one more; auto: one a processor (none)",
      },
    ],
  },
  {
    heading: "Operations",
    flags: [
      {
        name: "admin",
        value: "WHERE",
        isNegatable: true,
        help: "health, metrics and a live status page, on PORT or ADDRESS:PORT",
      },
      {
        name: "healthcheck",
        value: "PATH",
        values: PROBES,
        isOptional: true,
        isAction,
        help: `ask it for ${PROBES.join(" (or ")}); exit with 0 if it is well, else 1`,
      },
    ],
  },
  {
    heading: "Privileges",
    flags: [
      {
        name: "user",
        value: "NAME[:GROUP]",
        isNegatable: true,
        help: "become this user when it listens; needs root, which it gives up",
      },
      { name: "no-sandbox", help: "keep rights that serving does not need (see SECURITY.md)" },
    ],
  },
  {
    heading: "Machinery",
    flags: [
      {
        name: "poller",
        value: "NAME",
        values: POLLER_NAMES,
        help: `${POLLER_NAMES.join(", ")} (epoll-edge)`,
      },
      { name: "handler", value: "NAME", values: HANDLER_NAMES, help: `${HANDLER_NAMES.join(", ")} (static)` },
      { name: "coroutine", help: "serve each connection by a coroutine instead of callbacks" },
    ],
  },
  {
    heading: "Output",
    flags: [
      { name: "quiet", letter: "q", key: null, help: "print nothing but errors" },
      { name: "verbose", letter: "v", key: null, help: "print the settings in force" },
      { name: "help", letter: "h", isAction, help: "print this help" },
      { name: "version", letter: "V", isAction, help: "print the version" },
      {
        name: "completions",
        value: "SHELL",
        values: SHELLS,
        isAction,
        help: `print a script that completes these flags: ${SHELLS.join(", ")}`,
      },
      { name: "man", isAction, help: "print the manual page" },
    ],
  },
];

/** Every flag. */
export const FLAGS: readonly Flag[] = FLAG_GROUPS.flatMap(({ flags }) => flags);
