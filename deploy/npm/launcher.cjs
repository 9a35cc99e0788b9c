#!/usr/bin/env node
/**
 * The command `epollet` of the npm package: runs the program with the Deno of the package `deno`.
 *
 * Node replaces itself by Deno where it can (process.execve, since 22.15), so nothing stays between the program and
 * whatever started it. Older versions keep a process above the program, which passes signals down and ends as the
 * program ends. The syntax is that of old versions of Node, so that these print a line, too.
 */
"use strict";
const { spawn } = require("child_process");
const fs = require("fs");
const { createRequire } = require("module");
const path = require("path");
const process = require("process");

const NODE_MIN = 18;
/** For each processor: the package with Deno's executable, and the loader of glibc that the executable asks for. */
const PROCESSORS = {
  x64: { name: "@deno/linux-x64-glibc", loader: "/lib64/ld-linux-x86-64.so.2" },
  arm64: { name: "@deno/linux-arm64-glibc", loader: "/lib/ld-linux-aarch64.so.1" },
};
/** Signals that have a meaning for the program, and SIGQUIT. A process cannot pass on SIGKILL and SIGSTOP. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
/** The exit status of the program when it cannot run. */
const EXIT_FAILURE = 1;

function fail(message) {
  fs.writeSync(2, `epollet: ${message}\n`);
  process.exit(EXIT_FAILURE);
}

/** Returns the path of the module or file that `specifier` names for `module`; null if there is none. */
function resolve(module, specifier) {
  try {
    return createRequire(module).resolve(specifier);
  } catch (_error) {
    return null;
  }
}

/**
 * Returns the path of Deno's executable, or null. It is in a package for this processor, and the install script of
 * `deno` links it into that package, too. Only one of both is needed: npm may be told to run no install scripts.
 */
function findDeno(name) {
  const deno = resolve(__filename, "deno/package.json");
  if (deno === null) return null;
  const own = resolve(deno, `${name}/package.json`);
  const folders = own === null ? [deno] : [own, deno];
  const paths = folders.map((manifest) => path.join(path.dirname(manifest), "deno"));
  return paths.find((each) => fs.existsSync(each)) || null;
}

/** Runs Deno below this process. */
function runBelow(deno, args) {
  const env = Object.assign({}, process.env, { EPOLLET_LAUNCHER: String(process.pid) });
  let child = null;
  for (const signal of SIGNALS) {
    process.on(signal, () => child.kill(signal));
  }
  child = spawn(deno, args, { stdio: "inherit", env });
  child.on("error", (error) => fail(`cannot start ${deno}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    for (const each of SIGNALS) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}

function main() {
  const platform = `${process.platform} on ${process.arch}`;
  if (Number(process.versions.node.split(".")[0]) < NODE_MIN) {
    fail(`needs Node ${NODE_MIN} or newer, and this is ${process.versions.node}`);
  }
  const processor = process.platform === "linux" ? PROCESSORS[process.arch] : undefined;
  if (processor === undefined) {
    fail(`needs Linux on x86-64 or aarch64, and this is ${platform}: use a container`);
  }
  if (!fs.existsSync(processor.loader)) {
    fail(
      `needs glibc, and ${processor.loader} is missing (Alpine has musl): use an image with glibc, as node:slim`,
    );
  }
  const deno = findDeno(processor.name);
  if (deno === null) {
    fail(`the package ${processor.name} is missing: install epollet again, with optional dependencies`);
  }
  try {
    fs.accessSync(deno, fs.constants.X_OK);
  } catch (_error) {
    fail(`cannot run ${deno}: expected an executable file on a file system that permits that`);
  }
  const program = path.join(__dirname, "..", "lib", "main.js");
  const args = ["run", "--no-prompt", "--allow-ffi", "--no-config", "--no-lock", program].concat(
    process.argv.slice(2),
  );
  if (typeof process.execve !== "function") return runBelow(deno, args);
  process.emitWarning = () => {}; // the call is experimental, which would be a line above the program's own
  process.execve(deno, [deno].concat(args), process.env);
}

main();
