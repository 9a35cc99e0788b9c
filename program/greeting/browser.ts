/**
 * `--open`: opens the site in the user's browser.
 *
 * The browser is started while this process may still start programs, so before it serves. Its request waits in the
 * socket's queue.
 * @module
 */
import { isCommand, runCommand } from "../../ffi/process/command.ts";
import { currentIds, setNoNewPrivileges } from "../../ffi/process/privileges.ts";
import { environmentVariable } from "../../ffi/process/process.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { reachableHere } from "../listening/reachable.ts";
import type { Sockets } from "../listening/sockets.ts";
import { warn } from "../terminal/output.ts";

/** Programs that open a URL in the browser that the user has chosen: of desktops, of WSL, of Debian. */
const OPENERS = ["xdg-open", "wslview", "x-www-browser"] as const;
/** Variables of programs that give a user the rights of root. */
const BECAME_ROOT = ["SUDO_UID", "DOAS_USER", "PKEXEC_UID"] as const;
/** A value of `BROWSER` by which users of other development servers switch this off. */
const NO_BROWSER = "none";
/**
 * Runs its arguments in a session of their own, so that Ctrl-C in this terminal does not reach the browser. A program that
 * ends within half a second is waited for, because what fails, fails at once; a browser that stays open is not.
 */
const SCRIPT =
  `{ if command -v setsid >/dev/null; then setsid -- "$@" & else "$@" & fi; } </dev/null >/dev/null 2>&1
tries=5
while [ $tries -gt 0 ] && kill -0 $! 2>/dev/null; do sleep 0.1; tries=$((tries - 1)); done
kill -0 $! 2>/dev/null || wait $!`;

/** Returns the URL that is opened, such as `http://127.0.0.1:7890/docs/`; null if no socket speaks HTTP by TCP. */
export function openedUrl({ open }: Pick<CommandLine, "open">, { listening }: Sockets): string | null {
  const socket = listening.find(({ scheme, address }) =>
    scheme !== "redirect" && !address.address.startsWith("unix:")
  );
  if (open === null || socket === undefined) return null;
  return new URL(`${socket.scheme ?? "http"}://${reachableHere(socket)}${open}`).href;
}

/**
 * Opens the browser, if that is wanted, and gives up the right to gain rights by starting programs. A browser that
 * cannot be started is one line, and nothing else.
 */
export async function openBrowser(command: CommandLine, sockets: Sockets): Promise<void> {
  if (command.open === null) return;
  try {
    const url = openedUrl(command, sockets);
    const trouble = url === null ? "no address speaks HTTP" : await start(url, command);
    if (trouble !== null) warn(`No browser is opened: ${trouble}${url === null ? "" : `: open ${url}`}`);
  } finally {
    setNoNewPrivileges();
  }
}

/** Starts the browser. Returns why there is none; null if there is one, or if none is wanted. */
async function start(url: string, { user }: CommandLine): Promise<string | null> {
  const chosen = environmentVariable("BROWSER") ?? "";
  if (chosen === NO_BROWSER) return null;
  const isForAnother = BECAME_ROOT.some((name) => environmentVariable(name) !== undefined) || user !== null;
  if (currentIds().uids[1] === 0 && isForAnother) return "this process is root for another user";
  const words = chosen.split(":").filter((part) => part !== "").map((part) => commandOf(part, url))
    .concat(OPENERS.map((name) => [name, url]))
    .find(([program]) => isCommand(program!));
  if (words === undefined) return `there is none of ${OPENERS.join(", ")}, and BROWSER names none`;
  try {
    const ended = await runCommand(["sh", "-c", SCRIPT, "sh", ...words]);
    if (ended === null) return `${words[0]} cannot be started`;
    return ended.status === 0 ? null : `${words[0]} ended with status ${ended.status}`;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A command of `BROWSER`, in which `%s` stands for the URL; without it, the URL comes last. */
function commandOf(text: string, url: string): string[] {
  const words = text.trim().split(/\s+/);
  return words.some((word) => word.includes("%s"))
    ? words.map((word) => word.replaceAll("%s", () => url))
    : [...words, url];
}
