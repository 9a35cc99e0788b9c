/**
 * `deno task npm`: makes the package `epollet` for npm, in `./npm`.
 *
 *   deno task npm [--output DIR]
 *
 * Deno does not run TypeScript below `node_modules`. So the program and the library are bundled into JavaScript, with
 * the packages that they import: nothing else has to be found when they run, and the program starts in half the time.
 * What is imported on demand stays in files of its own. The declarations are those of `deno pack`. The same sources and
 * the same Deno make the same bytes.
 * @module
 */
import { runTool } from "./run_tool.ts";
import { parseArgs } from "node:util";
import config from "../deno.json" with { type: "json" };
import { UsageError } from "../server/usage_error.ts";
import { withPlainNames } from "./npm/plain_names.ts";

const REPOSITORY = new URL("../", import.meta.url).pathname;
/** The oldest Deno that makes packages. */
const DENO_MIN = [2, 9] as const;
/** The Deno that runs the program: the newest one that the tests run on, and its corrections. */
const DENO_RANGE = "~2.9.6";
/** The oldest Node that starts the program; the launcher has the same number. */
const NODE_RANGE = ">=18";
/** What the library does not import, so that its declarations take less time to make. */
const NOT_LIBRARY = ["main.ts", "program", "docs", "examples", "html"];
/** Whose works are in the bundle. All have the licence of this project. */
const NOTICES = `
This package contains parts of these works, under the same licence:

  zod                       Copyright (c) 2025 Colin McDonnell
  Deno's standard library   Copyright 2018-2026 the Deno authors
`;

const HELP = `deno task npm [--output DIR]

Makes the package epollet for npm. Publish it by: npm publish ./npm

  -o, --output DIR  what is made (./npm)
  -h, --help        print this help`;

/** A failure that is not a mistake on the command line. */
class Failure extends Error {}

/** Resolves a path in the caller's directory: `deno task` runs in the project's folder, wherever it was called. */
function fromCaller(path: string): string {
  const folder = Deno.env.get("INIT_CWD");
  return path.startsWith("/") || folder === undefined ? path : `${folder}/${path}`;
}

/** Returns the contents of package.json. */
function manifest(): string {
  const { version, license } = config;
  const contents = {
    name: "epollet",
    version,
    description: "A fast web server for static files, on Linux",
    keywords: ["http-server", "static", "server", "epoll", "http2", "https", "deno", "cli"],
    license,
    type: "module",
    bin: { epollet: "bin/epollet.cjs" },
    exports: {
      ".": { types: "./types/mod.d.ts", deno: "./lib/mod.js", default: "./lib/no_deno.js" },
      "./package.json": "./package.json",
    },
    engines: { node: NODE_RANGE },
    dependencies: { deno: DENO_RANGE },
    preferUnplugged: true,
  };
  return `${JSON.stringify(contents, null, 2)}\n`;
}

/** Runs a program in the repository. What it prints is shown when it fails. */
async function run(program: string, what: string, args: readonly string[]): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, {
      args: [...args],
      cwd: REPOSITORY,
      // Old lists of authorities fail behind a proxy with another one.
      env: { NO_COLOR: "1", DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "system,mozilla" },
      stdout: "null",
      stderr: "piped",
    }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Failure(`${what} is missing: install it`);
    throw error;
  }
  if (!output.success) {
    throw new Failure(`${what} failed:\n${new TextDecoder().decode(output.stderr).trim()}`);
  }
}

/** Bundles the program and the library into `folder`. */
async function bundle(folder: string, temporary: string): Promise<void> {
  const made = `${temporary}/bundle`;
  const flags = ["--quiet", "--no-check", "--platform", "deno", "--code-splitting", "--outdir", made];
  await run(Deno.execPath(), "deno bundle", ["bundle", ...flags, "main.ts", "mod.ts"]);
  const files = new Map(
    Array.from(Deno.readDirSync(made), ({ name }) => [name, Deno.readTextFileSync(`${made}/${name}`)]),
  );
  Deno.mkdirSync(folder);
  for (const [name, text] of withPlainNames(files, ["main.js", "mod.js"])) {
    Deno.writeTextFileSync(`${folder}/${name}`, text);
  }
}

/** Writes the declarations of the library into `folder`. */
async function declare(folder: string, temporary: string): Promise<void> {
  const packed = `${temporary}/packed.tgz`;
  const flags = ["--quiet", "--allow-dirty", "--no-source-maps", `--ignore=${NOT_LIBRARY.join()}`];
  await run(Deno.execPath(), "deno pack", ["pack", ...flags, "--output", packed]);
  Deno.mkdirSync(folder);
  const only = ["--wildcards", "*.d.ts", "--exclude", "std*.d.ts", "--strip-components=1"];
  await run("tar", "tar", ["-xzf", packed, "-C", folder, "--no-same-owner", ...only]);
  const entry = `${folder}/mod.d.ts`;
  Deno.writeTextFileSync(entry, Deno.readTextFileSync(entry).replaceAll(`"./mod.ts"`, `"npm:epollet"`));
}

/** Makes the package in `folder`, which exists. */
async function make(folder: string, temporary: string): Promise<void> {
  const copy = (from: string, to: string) => Deno.copyFileSync(REPOSITORY + from, `${folder}/${to}`);
  await declare(`${folder}/types`, temporary);
  await bundle(`${folder}/lib`, temporary);
  Deno.mkdirSync(`${folder}/bin`);
  copy("deploy/npm/launcher.cjs", "bin/epollet.cjs");
  Deno.chmodSync(`${folder}/bin/epollet.cjs`, 0o755);
  copy("deploy/npm/no_deno.js", "lib/no_deno.js");
  copy("README.md", "README.md");
  Deno.writeTextFileSync(`${folder}/LICENSE`, Deno.readTextFileSync(`${REPOSITORY}LICENSE`) + NOTICES);
  Deno.writeTextFileSync(`${folder}/package.json`, manifest());
}

/** True for the contents of a package.json that this program wrote. */
function isOurs(text: string): boolean {
  try {
    return JSON.parse(text).name === "epollet";
  } catch {
    return false;
  }
}

/**
 * Returns true if there is a directory `path`, and false if nothing has that name.
 * @throws {UsageError} when something else than a package made before would be replaced
 */
function isThere(path: string): boolean {
  let names: string[];
  try {
    names = Array.from(Deno.readDirSync(path), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw new UsageError(`Bad output "${path}": expected a directory`);
  }
  if (names.length === 0) return true;
  if (names.includes("package.json") && isOurs(Deno.readTextFileSync(`${path}/package.json`))) return true;
  throw new UsageError(`Bad output "${path}": it has other files, which would be lost: name a new directory`);
}

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { output: { type: "string", short: "o" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) return console.log(HELP);
  const [major, minor] = Deno.version.deno.split(".").map(Number) as [number, number];
  if (major < DENO_MIN[0] || (major === DENO_MIN[0] && minor < DENO_MIN[1])) {
    throw new Failure(
      `needs Deno ${DENO_MIN.join(".")} or newer, and this is ${Deno.version.deno}: npx -y deno@${
        DENO_RANGE.slice(1)
      } task npm`,
    );
  }
  const output = (values.output === undefined ? `${REPOSITORY}npm` : fromCaller(values.output)).replace(
    /\/+$/,
    "",
  );
  const isReplaced = isThere(output);
  const parent = output.includes("/") ? output.slice(0, output.lastIndexOf("/") + 1) : "./";
  Deno.mkdirSync(parent, { recursive: true });
  // The package is made in the same directory and then renamed, so that an unfinished one never has its name.
  const temporary = Deno.makeTempDirSync({ dir: parent, prefix: ".npm-" });
  try {
    const made = `${temporary}/package`;
    Deno.mkdirSync(made);
    await make(made, temporary);
    if (isReplaced) Deno.removeSync(output, { recursive: true });
    Deno.renameSync(made, output);
  } finally {
    Deno.removeSync(temporary, { recursive: true });
  }
  console.log(`${output} (epollet ${config.version})`);
}

if (import.meta.main) await runTool("npm", main, [Failure]);
