/**
 * `epollet trust`: makes the system and the user's browsers trust the local authority of `--https`, where it may, and
 * says what else is to be done. `--remove` takes that back.
 *
 * Source: certutil(1).
 * @module
 */
import { FileStatus } from "../../ffi/file/file_status.ts";
import { openPath } from "../../ffi/file/path_walk.ts";
import { exists, makePrivateDirectory, mayWriteInto } from "../../ffi/file/private_file.ts";
import { runCommand, shellLine } from "../../ffi/process/command.ts";
import { currentIds, findUser } from "../../ffi/process/privileges.ts";
import { environmentVariable } from "../../ffi/process/process.ts";
import { close } from "../../ffi/socket/socket.ts";
import { UsageError } from "../../server/usage_error.ts";
import { ensureAuthority } from "../setup/local_authority.ts";
import { EXIT_FAILURE } from "../terminal/exit.ts";
import { type BrowserStore, browserStores, type SystemStore, systemStore } from "./trust_stores.ts";

/** The text of `--help`. */
export const TRUST_HELP = `epollet trust [--remove]

Makes the system, Chromium and Firefox trust the local authority of --https,
which is made if there is none yet. --remove takes that back.`;

/** How browsers list the authority. */
const NICKNAME = "epollet development authority";
/** Trusted for websites, and for nothing else. */
const TRUST = "C,,";
/** How many certificates of that name are removed from a database. */
const REMOVALS_MAX = 16;

type Words = readonly [string, ...string[]];

/** What has been done, and what is to be done by hand. */
class Report {
  readonly #say: (line: string) => void;
  /** Commands that need the rights of root. */
  readonly forRoot: string[] = [];
  readonly forUser: string[] = [];
  hasFailed = false;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  say(line: string): void {
    this.#say(line);
  }

  failed(what: string, words: Words, output: string): void {
    this.hasFailed = true;
    const reason = output.trim().split("\n").at(-1) ?? "";
    this.#say(`${what}: failed: ${shellLine(words)}${reason === "" ? "" : `: ${reason}`}`);
  }

  /** Runs a command. Returns true if it succeeded. */
  async run(what: string, words: Words): Promise<boolean> {
    const ended = await runCommand(words);
    if (ended?.status === 0) return true;
    this.failed(what, words, ended === null ? "there is no such command" : ended.output);
    return false;
  }

  end(): void {
    if (this.forRoot.length > 0) this.#say("To do, with the rights of root:");
    for (const line of this.forRoot) this.#say(`  sudo ${line}`);
    if (this.forUser.length > 0) this.#say("To do:");
    for (const line of this.forUser) this.#say(`  ${line}`);
  }
}

/** Reads the arguments after `trust`. @throws {UsageError} for an unknown one */
export function parseTrust(args: readonly string[]): "help" | "remove" | "install" {
  if (args.includes("-h") || args.includes("--help")) return "help";
  const unknown = args.find((word) => word !== "--remove");
  if (unknown !== undefined) {
    throw new UsageError(`Unexpected argument "${unknown}": epollet trust takes --remove, or nothing`);
  }
  return args.length > 0 ? "remove" : "install";
}

/**
 * Runs the command with its arguments, and returns the exit status.
 * @throws {UsageError} for an unknown argument, and when there can be no authority
 * @throws {SystemError | OpensslMissing}
 */
export async function trust(args: readonly string[], say: (line: string) => void): Promise<number> {
  const action = parseTrust(args);
  if (action === "help") {
    say(TRUST_HELP);
    return 0;
  }
  checkHome();
  const report = new Report(say);
  await (action === "remove" ? remove(report) : install(report));
  report.end();
  return report.hasFailed ? EXIT_FAILURE : 0;
}

/** Root makes no databases in the home of another user. @throws {UsageError} */
function checkHome(): void {
  const home = environmentVariable("HOME") ?? "";
  const isRoot = currentIds().uids[1] === 0;
  const fd = openPath(home === "" ? "/" : home);
  if (fd < 0) return;
  const status = new FileStatus();
  const isKnown = status.readDescriptor(fd) === 0;
  close(fd);
  if (isRoot && isKnown && status.owner !== 0) {
    throw new UsageError(`HOME (${home}) belongs to another user than root: run epollet trust as that user`);
  }
}

async function install(report: Report): Promise<void> {
  const { authority, rootPath, root, isNew } = ensureAuthority([]);
  const until = new Date(authority.facts.notAfterMs).toISOString().slice(0, 10);
  authority.free();
  const sudoer = environmentVariable("SUDO_USER") ?? "root";
  if (currentIds().uids[1] === 0 && sudoer !== "root") {
    report.say(
      `This is the authority of root. For that of ${sudoer}, run epollet trust without sudo: it shows the commands that need root`,
    );
  }
  report.say(`Local authority: ${rootPath}, valid until ${until}${isNew ? ", made now" : ""}`);
  await installInSystem(report, rootPath);
  for (const store of browserStores()) await installInBrowser(report, store, rootPath, root);
}

/** Returns the path of this user's authority in the system's store. */
function pathIn({ directory, suffix }: SystemStore): string {
  const user = currentIds().uids[1]!;
  const name = (findUser(user)?.name ?? String(user)).replaceAll(/[^\w.-]/g, "_");
  return `${directory}/epollet-${name}${suffix}`;
}

async function installInSystem(report: Report, rootPath: string): Promise<void> {
  const store = systemStore();
  if (store === null) {
    return report.say(`System: its store of authorities is not known here; add ${rootPath} to it by hand`);
  }
  const path = pathIn(store);
  const commands = [["install", "-m", "644", rootPath, path] as const, store.update];
  if (mayWriteInto(store.directory) !== 0) {
    report.forRoot.push(...commands.map(shellLine));
    return report.say("System: not yet, see below");
  }
  for (const words of commands) if (!await report.run("System", words)) return;
  report.say(`System: trusted (${path})`);
}

function certutil(directory: string, ...words: readonly string[]): Words {
  return ["certutil", "-d", `sql:${directory}`, ...words];
}

async function installInBrowser(
  report: Report,
  { browser, directory, exists }: BrowserStore,
  rootPath: string,
  root: string,
): Promise<void> {
  const create = certutil(directory, "-N", "--empty-password");
  const add = certutil(directory, "-A", "-t", TRUST, "-n", NICKNAME, "-i", rootPath);
  const present = await runCommand(certutil(directory, "-L", "-n", NICKNAME, "-a"));
  if (present === null) {
    report.say(`${browser}: not yet (${directory}): certutil is missing, see below`);
    const install = "apt-get install libnss3-tools   # Debian, Ubuntu; nss-tools in Fedora, nss in Arch";
    if (!report.forRoot.includes(install)) report.forRoot.push(install);
    if (!report.forUser.includes("epollet trust")) report.forUser.push("epollet trust");
    return;
  }
  if (!exists) {
    makePrivateDirectory(directory);
    if (!await report.run(browser, create)) return;
  } else if (
    present.status === 0 && !isSame(present.output, root) && !await forget(report, browser, directory)
  ) {
    return;
  }
  if (await report.run(browser, add)) {
    report.say(`${browser}: trusted (${directory}); restart it if it is open`);
  }
}

/** Returns true if `output` has one certificate, that of `root`. */
function isSame(output: string, root: string): boolean {
  const plain = (text: string) => text.replaceAll(/\s/g, "");
  return plain(output) === plain(root);
}

/** Removes all authorities of this program from a database. Returns false if that fails. */
async function forget(report: Report, browser: string, directory: string): Promise<boolean> {
  const remove = certutil(directory, "-D", "-n", NICKNAME);
  for (let count = 0; count < REMOVALS_MAX; count++) {
    const present = await runCommand(certutil(directory, "-L", "-n", NICKNAME));
    if (present?.status !== 0) return true;
    if (!await report.run(browser, remove)) return false;
  }
  return true;
}

async function remove(report: Report): Promise<void> {
  await removeFromSystem(report);
  for (const { browser, directory, exists } of browserStores()) {
    if (!exists) continue;
    const present = await runCommand(certutil(directory, "-L", "-n", NICKNAME));
    if (present === null) {
      report.say(`${browser}: not removed (${directory}): certutil is missing, see below`);
      report.forUser.push(shellLine(certutil(directory, "-D", "-n", NICKNAME)));
    } else if (present.status !== 0) report.say(`${browser}: does not trust it (${directory})`);
    else if (await forget(report, browser, directory)) {
      report.say(`${browser}: removed (${directory}); restart it if it is open`);
    }
  }
}

async function removeFromSystem(report: Report): Promise<void> {
  const store = systemStore();
  const path = store === null ? null : pathIn(store);
  if (store === null || path === null || !exists(path)) return report.say("System: does not trust it");
  const commands = [["rm", "-f", path] as const, store.remove];
  if (mayWriteInto(store.directory) !== 0) {
    report.forRoot.push(...commands.map(shellLine));
    return report.say("System: not removed yet, see below");
  }
  for (const words of commands) if (!await report.run("System", words)) return;
  report.say(`System: removed (${path})`);
}
