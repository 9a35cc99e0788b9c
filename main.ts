/**
 * The command-line program: `deno run --allow-ffi main.ts 7890`.
 * @module
 */
import config from "./deno.json" with { type: "json" };
import { returnFreedMemory } from "./ffi/process/allocator.ts";
import { SystemError } from "./ffi/libc/errno.ts";
import { OpensslMissing } from "./ffi/openssl/openssl.ts";
import { setNoNewPrivileges } from "./ffi/process/privileges.ts";
import { EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE } from "./program/terminal/exit.ts";
import { kindOfLaunch, readLaunchContext } from "./program/lifecycle/launch.ts";
import { warn } from "./program/terminal/output.ts";
import { serveProgram } from "./program/serve.ts";
import { siteOptionsOf, withSites } from "./program/setup/sites.ts";
import { parseCommandLine } from "./program/config/flags/command_line.ts";
import { helpText, shortHelp } from "./program/commands/help.ts";
import { loadSettings, readConfig, unknownVariables } from "./program/config/load_settings.ts";
import { readPassword } from "./program/commands/read_password.ts";
import type { Arguments, CommandLine } from "./program/config/settings/settings.ts";
import { UsageError } from "./server/usage_error.ts";
import { hashPassword } from "./handlers/site/auth/password_hash.ts";

/** Prints one line to standard error and ends the process. */
function fail(message: string, status: number): never {
  console.error(`epollet: ${message}`);
  Deno.exit(status);
}

/** Returns the message of `error`, and the line that was probably meant, if that is obvious. */
async function withLine({ message, correct }: UsageError): Promise<string> {
  const { correctedWords, lineOf } = await import("./program/config/flags/corrections.ts");
  const words = correct === null ? correctedWords(Deno.args) : correct(Deno.args);
  const line = words === null ? null : lineOf(words);
  return line === null || message.includes(`"${line}"`) ? message : `${message}; type: ${line}`;
}

async function printExplanation(command: CommandLine): Promise<void> {
  const { explain } = await import("./handlers/explain.ts");
  const { looksAs } = await import("./program/commands/explain_user.ts");
  const whenOpen = looksAs(command);
  const work = () => explain(siteOptionsOf(command), command.explain, whenOpen, command.live);
  console.log(await withSites(command, work));
}

/** Runs an action that needs no settings. Returns false when `args` name no such action. */
async function runWithoutSettings({ action, isShortHelp, shell }: Arguments): Promise<boolean> {
  if (action === "help") console.log(isShortHelp ? shortHelp() : helpText());
  else if (action === "version") console.log(`epollet ${config.version}`);
  else if (action === "man") {
    console.log((await import("./program/commands/manual.ts")).manualPage(config.version));
  } else if (shell !== null) {
    console.log((await import("./program/commands/completions.ts")).completionsFor(shell));
  } else if (action === "hash-password") await printPasswordHash();
  else return false;
  return true;
}

/** Returns the text of `epollet help NAME`. @throws {UsageError} */
async function helpAbout([name, ...others]: readonly string[]): Promise<string> {
  if (name === undefined || /^(-h|--help)$/.test(name)) return helpText();
  const { commandHelp, settingHelp } = await import("./program/commands/setting_help.ts");
  if (others.length > 0) {
    throw new UsageError(
      `Unexpected argument "${others[0]}": epollet help explains one name`,
      () => ["help", name],
    );
  }
  return await commandHelp(name) ?? settingHelp(name);
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

async function main(argv: readonly string[]): Promise<void> {
  if (argv[0] === "certificate") {
    returnFreedMemory();
    setNoNewPrivileges();
    const { getCertificates } = await import("./program/commands/certificate.ts");
    Deno.exit(await getCertificates(argv.slice(1)));
  }
  if (argv[0] === "help") return void console.log(await helpAbout(argv.slice(1)));
  if (argv[0] === "trust") { // it starts programs, so it keeps the right to gain rights
    const { trust } = await import("./program/commands/trust.ts");
    Deno.exit(await trust(argv.slice(1), (line) => console.log(line)));
  }
  if (argv[0] === "deploy" || argv[0] === "rollback") {
    setNoNewPrivileges();
    const commands = await import("./program/commands/deploy.ts");
    Deno.exit(await commands[argv[0]](argv.slice(1), (line) => console.log(line)));
  }
  if (argv[0] === "learn") {
    setNoNewPrivileges();
    const { learn } = await import("./program/commands/learn.ts");
    Deno.exit(await learn(argv.slice(1), (line) => console.log(line)));
  }
  const args = parseCommandLine(argv);
  if (await runWithoutSettings(args)) return;
  returnFreedMemory();
  if (args.action !== "serve") setNoNewPrivileges();
  if (args.action === "check") {
    const { checkSettings } = await import("./program/commands/check.ts");
    await checkSettings(args);
  } else if (args.action === "healthcheck") {
    const { healthcheck } = await import("./program/commands/healthcheck.ts");
    const trouble = await healthcheck(args);
    if (trouble !== null) fail(trouble, EXIT_FAILURE);
  } else {
    const kind = kindOfLaunch();
    const workerLaunch = kind === "worker" || kind === "companion" ? readLaunchContext() : null;
    const first = workerLaunch?.message;
    const config = first?.kind === "configuration" || first?.kind === "companion"
      ? first.config
      : readConfig(args);
    const warnings = workerLaunch === null ? unknownVariables() : [];
    const command = await loadSettings(args, config, (line) => warnings.push(line));
    const opensBrowser = kind === "user" && command.open !== null; // which may need rights that it gains
    if (!opensBrowser) setNoNewPrivileges();
    if (command.action === "explain") {
      warnings.forEach(warn);
      await printExplanation(command);
    } else await serveProgram(args, command, kind, workerLaunch, config, warnings);
  }
  Deno.exit(0);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    if (error instanceof UsageError) fail(await withLine(error), EXIT_USAGE);
    if (error instanceof SystemError || error instanceof OpensslMissing) fail(error.message, EXIT_FAILURE);
    if (error instanceof Deno.errors.NotCapable) {
      fail("the kernel is reached through FFI: start it with deno run --allow-ffi main.ts", EXIT_USAGE);
    }
    throw error;
  }
}
