/**
 * The command line: what it means, and what is wrong with it.
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { PollerName } from "./poller.ts";
import { POLLER_NAMES } from "./pollers/mod.ts";

/** What the command line asks for. */
export interface CommandLine {
  readonly action: "serve" | "help" | "version";
  readonly port: number;
  readonly host: string;
  readonly root: string;
  readonly poller: PollerName;
  readonly index: readonly string[];
  readonly keepAlive: boolean;
  readonly verbosity: "quiet" | "normal" | "verbose";
}

/** A mistake of the user's: one line that names the thing, says what was expected, and what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const DEFAULT_PORT = 7890;
export const DEFAULT_ROOT = "./html";

/** One option: its long name, its letter, what its value is called (none: a switch), what it does. */
interface Flag {
  readonly name: string;
  readonly letter?: string;
  readonly value?: string;
  readonly help: string;
}

const FLAGS: readonly Flag[] = [
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
  { name: "root", letter: "d", value: "DIR", help: `directory to serve (${DEFAULT_ROOT})` },
  { name: "poller", value: "NAME", help: `${POLLER_NAMES.join(", ")} (epoll-edge)` },
  {
    name: "index",
    value: "NAMES",
    help: "files for a path that ends with /, separated by commas (index.html)",
  },
  { name: "no-keep-alive", help: "close the connection after each response" },
  { name: "quiet", letter: "q", help: "print nothing but errors" },
  { name: "verbose", letter: "v", help: "print the settings in force" },
  { name: "help", letter: "h", help: "print this help" },
  { name: "version", letter: "V", help: "print the version" },
];

/** The text of `--help`. */
export function helpText(): string {
  const rows = FLAGS.map((flag) => {
    const letter = flag.letter === undefined ? "    " : `-${flag.letter}, `;
    return `  ${
      `${letter}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`.padEnd(24)
    } ${flag.help}`;
  });
  return `epollet [PORT] [ROOT] [flags]

Serves the files below ROOT (${DEFAULT_ROOT}) on PORT (${DEFAULT_PORT}).

${rows.join("\n")}

Exit status: 0 after SIGINT or SIGTERM, 1 when it cannot run, 2 for a mistake on the command line.`;
}

/** Reads the arguments. @throws {UsageError} */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const withValue = FLAGS.filter((flag) => flag.value !== undefined).map((flag) => flag.name);
  const switches = FLAGS.filter((flag) => flag.value === undefined).map((flag) => flag.name);
  const alias = Object.fromEntries(
    FLAGS.flatMap(({ letter, name }) => letter === undefined ? [] : [[letter, name]]),
  );
  rejectMalformed(args, alias);
  const parsed = parseArgs(args, { string: [...withValue, "_"], boolean: switches, alias });
  const positional = parsed._.map(String);
  if (positional.length > 2) {
    throw new UsageError(`Unexpected argument "${positional[2]}": expected at most a port and a directory`);
  }
  const text = (name: string): string | undefined => {
    const value = parsed[name];
    return typeof value === "string" ? value : undefined;
  };
  const action = parsed.help === true ? "help" : parsed.version === true ? "version" : "serve";
  return {
    action,
    port: parsePort(one("port", text("port"), positional[0]) ?? String(DEFAULT_PORT)),
    host: parseHost(text("host") ?? "0.0.0.0"),
    root: one("root", text("root"), positional[1]) ?? DEFAULT_ROOT,
    poller: parsePoller(text("poller") ?? "epoll-edge"),
    index: parseIndex(text("index") ?? "index.html"),
    keepAlive: parsed["no-keep-alive"] !== true,
    verbosity: parsed.quiet === true ? "quiet" : parsed.verbose === true ? "verbose" : "normal",
  };
}

/** Unknown flags, flags given twice, switches with a value, values left out: parseArgs lets all of these pass. */
function rejectMalformed(args: readonly string[], alias: Readonly<Record<string, string>>): void {
  const seen = new Set<string>();
  for (let i = 0; i < args.length && args[i] !== "--"; i++) {
    const match = /^(?:--(?<long>[^=]*)|-(?<short>[^-=]))(?<value>=?[^]*)$/.exec(args[i]);
    if (match === null) {
      if (args[i].startsWith("-") && args[i] !== "-") throw unknownFlag(args[i]);
      continue;
    }
    const { long, short, value } = match.groups!;
    const name = long ?? alias[short];
    const flag = FLAGS.find((flag) => flag.name === name);
    if (flag === undefined) throw unknownFlag(long === undefined ? `-${short}` : `--${long}`);
    if (seen.has(flag.name)) throw new UsageError(`--${flag.name} is given twice: give it once`);
    seen.add(flag.name);
    if (flag.value === undefined) {
      if (value !== "") throw new UsageError(`--${flag.name} takes no value: write --${flag.name} alone`);
    } else if (value === "" || value === "=") {
      const next = value === "" ? args[++i] : "";
      if (next === undefined || next === "" || next.startsWith("-")) {
        throw new UsageError(`--${flag.name} needs a value: --${flag.name} ${flag.value}`);
      }
    }
  }
}

function unknownFlag(flag: string): UsageError {
  return new UsageError(`Unknown flag ${flag}: see --help for those that there are`);
}

function one(name: string, flag: string | undefined, positional: string | undefined): string | undefined {
  if (flag !== undefined && positional !== undefined) {
    throw new UsageError(
      `The ${name} is given twice, as "${positional}" and as --${name} ${flag}: give it once`,
    );
  }
  return flag ?? positional;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535) {
    throw new UsageError(`Bad port "${text}": expected a whole number from 0 to 65535`);
  }
  return port;
}

/** Whether the address has the right digits is for the kernel to say; a name would have to be looked up. */
function parseHost(text: string): string {
  const host = text === "localhost" ? "127.0.0.1" : text.replace(/^\[(.*)\]$/, "$1");
  if (!/^[0-9.]+$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(host)) {
    throw new UsageError(`Bad host "${text}": expected an IPv4 or IPv6 address such as 127.0.0.1 or ::1`);
  }
  return host;
}

function parsePoller(text: string): PollerName {
  const name = POLLER_NAMES.find((name) => name === text);
  if (name === undefined) {
    throw new UsageError(`Unknown poller "${text}": expected one of ${POLLER_NAMES.join(", ")}`);
  }
  return name;
}

function parseIndex(text: string): string[] {
  const names = text.split(",");
  for (const name of names) {
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
      throw new UsageError(
        `Bad index "${text}": expected file names separated by commas, such as index.html,index.htm`,
      );
    }
  }
  return names;
}
