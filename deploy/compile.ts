/**
 * `deno task compile`: makes one executable of the program, `./epollet`; with `--site DIR` also the site is in it.
 *
 *   deno task compile [--site DIR] [--config FILE] [--output FILE] [--target linux-x64|linux-arm64]
 *
 * Deno puts the modules into a copy of its runtime. The files of the site follow uncompressed, so that they are sent
 * straight from the executable and take no memory. DENO_COMPILE names another Deno for the compilation. DENORT_BIN
 * names its runtime, for machines that cannot download it.
 * @module
 */
import { runTool } from "./run_tool.ts";
import { parseArgs } from "node:util";
import { EM_AARCH64, EM_X86_64 } from "../ffi/libc/constants.ts";
import { SystemError } from "../ffi/libc/errno.ts";
import { type ElfHeader, readElfHeader } from "../ffi/process/executable.ts";
import { ELF64_EHDR } from "../ffi/libc/structs.ts";
import { parseConfig } from "../program/config/file/config_file.ts";
import { UsageError } from "../server/usage_error.ts";
import type { ConfigText } from "../handlers/site/files/archive.ts";
import { PackError, packSite } from "./pack_site.ts";

/** Deno's name of each target, and the machine number in its ELF header. */
const TARGETS: Readonly<Record<string, { readonly triple: string; readonly machine: number }>> = {
  "linux-x64": { triple: "x86_64-unknown-linux-gnu", machine: EM_X86_64 },
  "linux-arm64": { triple: "aarch64-unknown-linux-gnu", machine: EM_AARCH64 },
};
const OWN_TARGET = Deno.build.arch === "aarch64" ? "linux-arm64" : "linux-x64";
const REPOSITORY = new URL("../", import.meta.url).pathname;

const HELP = `deno task compile [--site DIR] [--config FILE] [--output FILE] [--target TARGET]

Makes the program ./epollet, which needs no Deno; with --site server and site in one file.

      --site DIR       the site to put into the program
      --config FILE    settings for it, as in epollet.json
  -o, --output FILE    what is made (./epollet)
      --target TARGET  ${Object.keys(TARGETS).join(" or ")} (${OWN_TARGET})
  -h, --help           print this help

Environment
  DENORT_BIN           a runtime that Deno need not download: the file denort out of denort-TRIPLE.zip of Deno's
                       release page, of the version of the Deno that compiles, and for the target's machine
  DENO_COMPILE         another Deno to compile with (the one that runs this)`;

/** The choices of the command line. */
interface Choices {
  readonly site: string | null;
  readonly config: string | null;
  readonly output: string;
  readonly target: string;
}

/** A failure that is not a mistake on the command line. */
class Failure extends Error {}

/** Resolves a path in the caller's directory: `deno task` runs in the project's folder, wherever it was called. */
function fromCaller(path: string): string {
  const folder = Deno.env.get("INIT_CWD");
  return path.startsWith("/") || folder === undefined ? path : `${folder}/${path}`;
}

/**
 * Reads the command line. Returns null when it asks for the help.
 * @throws {UsageError} for a bad target, and --config without --site
 */
function readChoices(args: string[]): Choices | null {
  const option = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      site: option,
      config: option,
      output: { ...option, short: "o" },
      target: option,
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return null;
  const { site = null, config = null, output = `${REPOSITORY}epollet`, target = OWN_TARGET } = values;
  if (!Object.hasOwn(TARGETS, target)) {
    throw new UsageError(`Bad target "${target}": expected ${Object.keys(TARGETS).join(" or ")}`);
  }
  if (config !== null && site === null) throw new UsageError("--config goes with --site: name the site, too");
  return {
    site: site === null ? null : fromCaller(site),
    config: config === null ? null : fromCaller(config),
    output: fromCaller(output),
    target,
  };
}

/**
 * Reads and checks the configuration for the site.
 * @throws {UsageError} when it is missing, invalid, or has a root
 */
function readConfig(path: string): ConfigText {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    throw new UsageError(`Cannot read ${path}: expected a configuration as epollet.json is one`);
  }
  const { site } = parseConfig(path, text);
  if (site.root !== undefined) throw new UsageError(`${path}: leave "root" out: the site is in the program`);
  return { path: `embedded ${path.slice(path.lastIndexOf("/") + 1)}`, text };
}

/** Runs `deno compile`, which puts all packages of `deno.lock` into the program. */
async function compile(output: string, target: string): Promise<void> {
  await runDeno([
    "compile",
    "--quiet",
    "--no-check",
    "--no-prompt",
    "--allow-ffi",
    // A young generation of 12 MiB in place of up to 96: most objects here die at once or live long.
    "--v8-flags=--max-semi-space-size=4",
    // A code cache would be read from $TMPDIR/deno-compile-NAME.cache, where any user can put one.
    "--no-code-cache",
    ...(target === OWN_TARGET ? [] : ["--target", TARGETS[target]!.triple]),
    ...["--output", output],
    ...["--config", `${REPOSITORY}deno.json`],
    `${REPOSITORY}main.ts`,
  ]);
}

/** Returns DENORT_BIN with its path resolved in the caller's directory. */
function runtimeOfCaller(): Record<string, string> {
  const path = Deno.env.get("DENORT_BIN");
  return path === undefined ? {} : { DENORT_BIN: fromCaller(path) };
}

/** Runs the Deno that compiles. Its output is shown when it fails. */
async function runDeno(args: readonly string[]): Promise<void> {
  const command = new Deno.Command(Deno.env.get("DENO_COMPILE") ?? Deno.execPath(), {
    args: [...args],
    // Old versions trust only their own list of authorities, so they fail behind a proxy with another one.
    env: { DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "system,mozilla", ...runtimeOfCaller() },
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await command.output();
  if (success) return;
  const words = new TextDecoder().decode(stderr).trim();
  const hint = Deno.env.has("DENORT_BIN")
    ? ""
    : "\nNo network? Download the file that is named above elsewhere, unzip it, and run DENORT_BIN=./denort deno task compile";
  throw new Failure(`deno ${args[0]} failed:\n${words}${hint}`);
}

/**
 * Reads the ELF header, and checks that the executable is for the target.
 * @throws {Failure} when it is for another machine
 */
function inspect(path: string, target: string): ElfHeader {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(ELF64_EHDR.size);
  file.readSync(bytes);
  const header = readElfHeader(bytes);
  if (header?.machine === TARGETS[target]!.machine) return header;
  throw new Failure(
    `what Deno made is no program for ${target}: DENORT_BIN has to name a runtime for that machine`,
  );
}

/** Copies the program to `to`, with the site inserted after the part that the linker wrote. */
async function insertSite(program: string, { end }: ElfHeader, choices: Choices, to: string): Promise<void> {
  const { site, config } = choices;
  using file = Deno.openSync(to, { write: true, createNew: true });
  const copy = async (from: number, length: number) => {
    using source = Deno.openSync(program);
    source.seekSync(from, Deno.SeekMode.Start);
    for (let left = length; left > 0;) {
      const bytes = new Uint8Array(Math.min(left, 1024 * 1024));
      const count = await source.read(bytes);
      if (count === null) break;
      for (let done = 0; done < count;) done += await file.write(bytes.subarray(done, count));
      left -= count;
    }
  };
  await copy(0, end);
  const { files, size, leftOut } = packSite(site!, file, {
    configPath: config,
    config: config === null ? null : readConfig(config),
  });
  // Some versions of Deno append the modules after the last section, and look for them at the end.
  await copy(end, Infinity);
  for (const line of leftOut) console.error(`compile: not packed: ${line}`);
  console.log(`${files} ${files === 1 ? "file" : "files"}, ${size} bytes, of ${site}`);
}

/** Starts the program once, when this machine can run it. */
async function tryOut(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(path, { args: ["--version"], stdout: "null" }).output();
  if (success) return;
  const words = new TextDecoder().decode(stderr).trim().split("\n")[0];
  throw new Failure(
    `the program does not start (${words}): DENORT_BIN has to be of the version of the Deno that compiles`,
  );
}

async function main(args: string[]): Promise<void> {
  const choices = readChoices(args);
  if (choices === null) return console.log(HELP);
  const { output, site, target } = choices;
  if (choices.config !== null) readConfig(choices.config);
  if (site !== null && !isDirectory(site)) throw new UsageError(`Bad site "${site}": expected a directory`);
  // The file is made in the same directory and then renamed, so that an unfinished file never has its name.
  const parent = output.includes("/") ? output.slice(0, output.lastIndexOf("/") + 1) : "./";
  Deno.mkdirSync(parent, { recursive: true });
  const folder = Deno.makeTempDirSync({ dir: parent, prefix: ".compile-" });
  try {
    let made = `${folder}/program`;
    await compile(made, target);
    const header = inspect(made, target);
    if (site !== null) {
      await insertSite(made, header, choices, `${folder}/with-site`);
      made = `${folder}/with-site`;
    }
    Deno.chmodSync(made, 0o755);
    if (target === OWN_TARGET) await tryOut(made);
    Deno.renameSync(made, output);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  console.log(`${output} (${target}, ${(Deno.statSync(output).size / 1e6).toFixed(0)} MB)`);
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

if (import.meta.main) await runTool("compile", main, [Failure, PackError, SystemError]);
