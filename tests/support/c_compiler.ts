/**
 * Asks the machine's C compiler for the values of expressions.
 * @module
 */

/** The architecture of this process, as compilers name it. */
const ARCHITECTURE = Deno.build.arch;

/** Returns the output of a compiler's command, or null when there is no such command. */
async function run(command: string, args: readonly string[]): Promise<string | null> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, { args: [...args], stdout: "piped", stderr: "piped" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const decoder = new TextDecoder();
  if (!output.success) throw new Error(`${command} failed: ${decoder.decode(output.stderr)}`);
  return decoder.decode(output.stdout);
}

/** Returns false, with a message, when there is no C compiler for the architecture of this process. */
async function hasCompiler(what: string): Promise<boolean> {
  const machine = await run("cc", ["-dumpmachine"]);
  if (machine !== null && machine.startsWith(ARCHITECTURE)) return true;
  const why = machine === null ? "there is no C compiler `cc`" : `cc compiles for ${machine.trim()}`;
  console.log(`SKIPPED: ${what}, because ${why}, and this is ${ARCHITECTURE}.`);
  return false;
}

/** Compiles a C file to the shared library `output`. Returns false, with a message, when that is impossible. */
export async function compileLibrary(source: string, output: string): Promise<boolean> {
  if (!await hasCompiler(`${source} was not compiled`)) return false;
  await run("cc", ["-shared", "-fPIC", "-O1", "-o", output, source, "-ldl"]);
  return true;
}

/** Compiles a C file to the program `output`. Returns false, with a message, when that is impossible. */
export async function compileProgram(source: string, output: string): Promise<boolean> {
  if (!await hasCompiler(`${source} was not compiled`)) return false;
  await run("cc", ["-O1", "-o", output, source]);
  return true;
}

/**
 * Returns the values of integer expressions, as the C compiler `cc` computes them after including `headers`.
 * `fallbacks` are names and values of macros that older headers lack. Returns null, with a message, when there is no
 * compiler for the architecture of this process, which may be emulated.
 */
export async function evaluateInC(
  headers: readonly string[],
  expressions: readonly string[],
  fallbacks: readonly (readonly [name: string, value: string])[] = [],
): Promise<bigint[] | null> {
  if (!await hasCompiler("nothing was compared with C")) return null;
  const directory = await Deno.makeTempDir({ prefix: "epollet-test-" });
  try {
    const source = [
      "#define _GNU_SOURCE",
      ...["stddef.h", "stdint.h", "stdio.h", ...headers].map((header) => `#include <${header}>`),
      ...fallbacks.flatMap(([name, value]) => [`#ifndef ${name}`, `#define ${name} ${value}`, "#endif"]),
      "int main(void) {",
      ...expressions.map((expression) => `  printf("%lld\\n", (long long)(${expression}));`),
      "}",
    ];
    await Deno.writeTextFile(`${directory}/values.c`, source.join("\n") + "\n");
    await run("cc", ["-o", `${directory}/values`, `${directory}/values.c`]);
    const lines = (await run(`${directory}/values`, []) ?? "").trim().split("\n");
    if (lines.length !== expressions.length) throw new Error(`${lines.length} values came back`);
    return lines.map(BigInt);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
