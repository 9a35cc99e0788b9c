/**
 * The program: `deno run --allow-ffi main.ts 7890`.
 * @module
 */
import config from "./deno.json" with { type: "json" };
import { STDERR_FILENO, STDOUT_FILENO } from "./ffi/constants.ts";
import { SystemError } from "./ffi/errno.ts";
import { loadLibc } from "./ffi/libc.ts";
import { type Account, setNoNewPrivileges } from "./ffi/privileges.ts";
import { formatAddress, isIpAddress } from "./ffi/socket.ts";
import { tryPrint } from "./ffi/standard_output.ts";
import { served } from "./handlers/mod.ts";
import { type StaticHandler, staticHandler, type StaticOptions } from "./handlers/static.ts";
import { parseCommandLine } from "./server/config/command_line.ts";
import { describeSite } from "./server/config/describe_site.ts";
import { helpText } from "./server/config/flags.ts";
import { describeLimits } from "./server/config/limit_settings.ts";
import { loadSettings } from "./server/config/load_settings.ts";
import { readPassword } from "./server/config/read_password.ts";
import type { CommandLine } from "./server/config/settings.ts";
import { UsageError } from "./server/config/usage_error.ts";
import { EXPECTED_ADDRESS, formatSize } from "./server/config/values.ts";
import { hashPassword } from "./server/password_hash.ts";
import {
  becomeUser,
  currentAccount,
  describeAccount,
  resolveAccount,
  unreachable,
} from "./server/privileges.ts";
import { Sandbox } from "./server/sandbox.ts";
import { PRINT_PATIENCE_MS } from "./server/limits.ts";
import { Server } from "./server/server.ts";
import { limitsOf } from "./server/server_limits.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
/** What a shell says of a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/** Prints one line to standard error and ends the process. */
function fail(message: string, status: number): never {
  console.error(`epollet: ${message}`);
  Deno.exit(status);
}

function announce(
  command: CommandLine,
  server: Server,
  site: StaticHandler | null,
  account: Account,
  sandbox: Sandbox | null,
): void {
  if (command.verbosity === "quiet") return;
  const { address, port } = server.address;
  const reachable = address === "0.0.0.0" || address === "::" ? "127.0.0.1" : address;
  const where = formatAddress({ address: reachable, port });
  if (site !== null) {
    print(`http服务器使用的port:${port}`);
    if (command.config !== null) print(`Settings from ${command.config}`);
    print(`Serving ${command.site.root} at http://${where}/`);
  } else {
    print(`Serving ${command.handler} at ${where}`);
  }
  if (command.verbosity === "normal") return;
  say("version", `${config.version}, Deno ${Deno.version.deno}, ${Deno.build.arch}`);
  say("config", command.config ?? "none");
  say("listening", formatAddress(server.address));
  say("poller", `${command.poller}${command.coroutine ? ", a coroutine for each connection" : ""}`);
  say("limits", describeLimits(command));
  say("user", describeAccount(account));
  say("sandbox", String(sandbox ?? "off"));
  if (site === null) return;
  say("cache", describeCache(command, site));
  say("keep-alive", command.keepAlive ? "on" : "off");
  for (const [name, value] of describeSite(command.site)) say(name, value);
  for (const [host, settings] of command.hosts) {
    say("host", host);
    for (const [name, value] of describeSite(settings, command.site)) say(`  ${name}`, value);
  }
}

function say(name: string, value: string): void {
  print(`${name.padEnd(13)} ${value}`);
}

/** What handlers print with: a reader may take its time, but not again and again. */
function printer(): (line: string) => void {
  let isHeard = true;
  return (line) => isHeard = tryPrint(STDOUT_FILENO, line, isHeard ? PRINT_PATIENCE_MS : 0);
}

/** A server does not wait for somebody to read that, nor end for want of a disk that takes it. */
function print(line: string): void {
  tryPrint(STDOUT_FILENO, line);
}

/** The size of the cache, and how the files in it are known to be fresh. */
function describeCache({ cacheSize, cacheFileSize }: CommandLine, site: StaticHandler): string {
  if (cacheSize === 0) return "off";
  const how = {
    inotify: "watched by inotify (statx where that cannot be)",
    stat: "checked by statx at each use",
    off: "not checked for changes",
  };
  return `${formatSize(cacheSize)}, files up to ${formatSize(cacheFileSize)}, ${how[site.validation]}`;
}

/** The first SIGINT or SIGTERM lets responses be finished; a second one does not wait. */
function stopOnSignals(server: Server): void {
  let count = 0;
  const onSignal = () => {
    if (++count > 1) Deno.exit(EXIT_FAILURE);
    server.shutdown();
  };
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
}

function optionsOf(command: CommandLine): StaticOptions {
  const { site, hosts, cacheSize, cacheFileSize, validate, config } = command;
  return { ...site, hosts, cacheSize, cacheFileSize, validate, config, onWarning: warn };
}

function warn(message: string): void {
  tryPrint(STDERR_FILENO, `epollet: ${message}`);
}

/** Does what needs the sites: a root or a rule that cannot be is the user's mistake. */
async function withSites<T>({ config }: CommandLine, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SystemError) {
      const where = config === null ? "" : `, or "root" in ${config}`;
      throw new UsageError(`${error.message}: name the directory to serve, as in "epollet 7890 DIR"${where}`);
    }
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

async function printExplanation(command: CommandLine): Promise<void> {
  const { explain } = await import("./handlers/explain.ts");
  console.log(await withSites(command, () => explain(optionsOf(command), command.explain)));
}

async function printPasswordHash(): Promise<void> {
  const password = await readPassword();
  if (password === null) Deno.exit(EXIT_INTERRUPTED);
  try {
    console.log(hashPassword(password));
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
}

async function main(args: readonly string[]): Promise<void> {
  const said = parseCommandLine(args);
  if (said.action === "help") return console.log(helpText());
  if (said.action === "version") return console.log(`epollet ${config.version}`);
  if (said.action === "hash-password") return await printPasswordHash();
  loadLibc();
  setNoNewPrivileges();
  const command = await loadSettings(said);
  if (command.action === "explain") {
    await printExplanation(command);
    Deno.exit(0);
  }
  if (!isIpAddress(command.host)) {
    throw new UsageError(`Bad host "${command.host}": expected ${EXPECTED_ADDRESS}`);
  }
  const account = command.user === null ? null : resolveAccount(command.user);
  const { host: hostname, port, poller, keepAlive, handler, coroutine } = command;
  const site = handler === "static"
    ? await withSites(command, () => staticHandler(optionsOf(command)))
    : null;
  const what = served(handler, coroutine, site, printer());
  const server = new Server({
    ...what,
    ...limitsOf(command),
    hostname,
    port,
    poller,
    keepAlive,
    onError: warn,
  });
  stopOnSignals(server);
  const roots = site === null ? [] : [command.site, ...command.hosts.values()].map(({ root }) => root);
  const sandbox = command.sandbox ? new Sandbox(roots) : null;
  if (account !== null) {
    becomeUser(account);
    unreachable(account, roots).forEach(warn);
  }
  const who = account ?? currentAccount(); // which cannot be looked up any more in a moment
  sandbox?.enter();
  announce(command, server, site, who, sandbox);
  await server.run();
  Deno.exit(0);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    if (error instanceof UsageError) fail(error.message, EXIT_USAGE);
    if (error instanceof SystemError) fail(error.message, EXIT_FAILURE);
    if (error instanceof Deno.errors.NotCapable) {
      fail("the kernel is reached through FFI: start it with deno run --allow-ffi main.ts", EXIT_USAGE);
    }
    throw error;
  }
}
