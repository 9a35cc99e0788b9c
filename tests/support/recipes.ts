/**
 * Recipes of a document: a section with a configuration, a program, the command of a server, and commands of a second
 * terminal with their output.
 * @module
 */
import { assert, assertMatch } from "@std/assert";
import { blocksOf } from "./documents.ts";
import { freePort } from "./free_port.ts";
import { DENO, REPOSITORY } from "./program.ts";
import { awaited, outputOf } from "./waiting.ts";

/** A command and its output; `…` stands for anything within a line. */
interface Typed {
  readonly command: string;
  readonly prints: string;
}

/** A section of the document. */
export interface Recipe {
  readonly title: string;
  readonly config: string | null;
  readonly program: string | null;
  /** The commands of the first terminal, of which the last one serves; null when nothing serves. */
  readonly server: string | null;
  readonly typed: readonly Typed[];
}

/** Returns the recipes of `document`. `setup` are the commands that make the folder for them. */
export function readRecipes(document: string): { setup: string; recipes: Recipe[] } {
  const [intro, ...sections] = document.split(/^## /m);
  const recipes = sections.map((section) => ({
    title: section.slice(0, section.indexOf("\n")),
    config: blocksOf(section, "json")[0] ?? null,
    program: blocksOf(section, "ts")[0] ?? null,
    server: blocksOf(section, "sh")[0] ?? null,
    typed: blocksOf(section.replaceAll(/^ {3}/gm, ""), "").filter((block) => block.startsWith("$ ")).flatMap(
      typedIn,
    ),
  }));
  return { setup: blocksOf(intro!, "sh")[0] ?? "", recipes };
}

function typedIn(block: string): Typed[] {
  return block.split(/^\$ /m).slice(1).map((part) => {
    const [command, ...lines] = part.split("\n");
    return { command: command!, prints: lines.join("\n").trimEnd() };
  });
}

function patternOf(prints: string): RegExp {
  const literal = prints.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${literal.replaceAll("…", ".*")}$`);
}

/** Runs `script` by bash, and returns standard output without carriage returns. */
async function runScript(script: string, cwd: string, env: Record<string, string>): Promise<string> {
  const bash = new Deno.Command("bash", { args: ["-c", script], cwd, env, stdout: "piped", stderr: "null" });
  const { stdout } = await outputOf(bash.spawn(), script);
  return new TextDecoder().decode(stdout).replaceAll("\r", "").trimEnd();
}

/** Waits until `server` has printed where it listens. Later output is read and dropped. */
async function untilServing(server: Deno.ChildProcess, title: string): Promise<void> {
  const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let printed = "";
  while (!/^(Serving|Listening) /m.test(printed)) {
    const { value, done } = await awaited(reader.read(), `the server of "${title}"`);
    assert(!done, `${title}: the server ended: ${printed}`);
    printed += value;
  }
  (async () => {
    while (!(await reader.read()).done);
  })().catch(() => {});
}

/** Follows `recipe` in a new folder that `setup` fills, and compares the output. */
export async function follow(
  { title, config, program, server, typed }: Recipe,
  setup: string,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "epollet-test-" });
  // Inside of the repository, so that deno.json is found.
  const beside = Deno.makeTempDirSync({ dir: REPOSITORY, prefix: ".shown-" });
  const [port, adminPort] = [String(freePort()), String(freePort())];
  const here = (text: string) => text.replaceAll("7890", port).replaceAll("9090", adminPort);
  const shown = (text: string) => text.replaceAll(port, "7890").replaceAll(adminPort, "9090");
  const deno = DENO.join(" ");
  Deno.mkdirSync(`${folder}/bin`);
  Deno.writeTextFileSync(
    `${folder}/bin/epollet`,
    `#!/bin/sh\nexec ${deno} run --no-prompt --allow-ffi ${REPOSITORY}main.ts "$@"\n`,
    { mode: 0o755 },
  );
  const env = { PATH: `${folder}/bin:${Deno.env.get("PATH")}`, LC_ALL: "C.UTF-8" };
  let process: Deno.ChildProcess | null = null;
  try {
    await runScript(setup, folder, env);
    if (config !== null) Deno.writeTextFileSync(`${folder}/epollet.json`, config);
    if (program !== null) Deno.writeTextFileSync(`${beside}/program.ts`, here(program));
    if (server !== null) {
      const lines = here(server).trimEnd().split("\n");
      const last = lines.pop()!.replace(/^deno (.*) examples\/\w+\.ts/, `${deno} $1 ${beside}/program.ts`);
      const args = ["-ec", [...lines, `exec ${last}`].join("\n")];
      process = new Deno.Command("bash", { args, cwd: folder, env, stdout: "piped", stderr: "null" }).spawn();
      await untilServing(process, title);
    }
    assert(typed.length > 0, `${title} proves nothing`);
    for (const { command, prints } of typed) {
      const output = await runScript(here(command), folder, { ...env, PID: String(process?.pid) });
      assertMatch(shown(output), patternOf(prints), `${title}: ${command}`);
    }
  } finally {
    process?.kill("SIGKILL");
    await process?.status;
    Deno.removeSync(folder, { recursive: true });
    Deno.removeSync(beside, { recursive: true });
  }
}
