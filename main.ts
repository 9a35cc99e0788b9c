/**
 * The program: `deno run --allow-ffi main.ts 7890`.
 * @module
 */
import config from "./deno.json" with { type: "json" };
import { SystemError } from "./ffi/errno.ts";
import { loadLibc } from "./ffi/libc.ts";
import { formatAddress, isIpAddress } from "./ffi/socket.ts";
import { served } from "./handlers/mod.ts";
import { type StaticHandler, staticHandler } from "./handlers/static.ts";
import {
  type CommandLine,
  formatSize,
  helpText,
  parseCommandLine,
  UsageError,
} from "./server/command_line.ts";
import { Server } from "./server/server.ts";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** Prints one line to standard error and ends the process. */
function fail(message: string, status: number): never {
  console.error(`epollet: ${message}`);
  Deno.exit(status);
}

function announce(command: CommandLine, server: Server, site: StaticHandler | null): void {
  if (command.verbosity === "quiet") return;
  const { address, port } = server.address;
  const reachable = address === "0.0.0.0" || address === "::" ? "127.0.0.1" : address;
  const where = formatAddress({ address: reachable, port });
  if (site !== null) {
    console.log(`http服务器使用的port:${port}`);
    console.log(`Serving ${command.root} at http://${where}/`);
  } else {
    console.log(`Serving ${command.handler} at ${where}`);
  }
  if (command.verbosity === "normal") return;
  console.log(`version    ${config.version}, Deno ${Deno.version.deno}, ${Deno.build.arch}`);
  console.log(`listening  ${formatAddress(server.address)}`);
  console.log(`poller     ${command.poller}${command.coroutine ? ", a coroutine for each connection" : ""}`);
  if (site === null) return;
  console.log(`index      ${command.index.join(", ")}`);
  console.log(`cache      ${describeCache(command, site)}`);
  console.log(`keep-alive ${command.keepAlive ? "on" : "off"}`);
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

function openSite(command: CommandLine): StaticHandler {
  try {
    return staticHandler({ ...command, onWarning: (message) => console.error(`epollet: ${message}`) });
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new UsageError(`${error.message}: name the directory to serve, as in "epollet 7890 DIR"`);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const command = parseCommandLine(args);
  if (command.action === "help") return console.log(helpText());
  if (command.action === "version") return console.log(`epollet ${config.version}`);
  loadLibc();
  if (!isIpAddress(command.host)) {
    throw new UsageError(
      `Bad host "${command.host}": expected an IPv4 or IPv6 address such as 127.0.0.1 or ::1`,
    );
  }
  const { host: hostname, port, poller, keepAlive, handler, coroutine } = command;
  const site = handler === "static" ? openSite(command) : null;
  const onError = (message: string) => console.error(`epollet: ${message}`);
  const what = served(handler, coroutine, site, console.log);
  const server = new Server({ ...what, hostname, port, poller, keepAlive, onError });
  stopOnSignals(server);
  announce(command, server, site);
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
