/**
 * The README, in both languages, shows what the program really does.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { helpText } from "../../program/commands/help.ts";
import { blocksOf, readDocument, runsAndAnswers, withoutTimes } from "../support/documents.ts";
import { DENO, Program, programCommand, REPOSITORY } from "../support/program.ts";
import { head as requestOf, Wire } from "../support/wire.ts";

const README = readDocument("README.md");
const CHINESE = readDocument("README.zh-CN.md");

Deno.test("the README has the program's own help", () => {
  assertStringIncludes(README, `\`\`\`\n${helpText()}\n\`\`\``);
});

Deno.test("the README's first screen has the real output", async () => {
  const [screen] = blocksOf(README, "") as [string];
  const [, greeting, head] = /^\$ deno run [^\n]*\n(.*?)\$ curl [^\n]*\n(.*)$/s.exec(screen) ?? [];
  await using program = await Program.startCommand(programCommand(["--port", "0"]));
  assertEquals(program.greeting.replaceAll(String(program.port), "7890"), greeting);
  using wire = await Wire.connect(program.port);
  await wire.send(requestOf("/"));
  const answer = new TextDecoder().decode(await wire.some() ?? new Uint8Array(0));
  assertEquals(withoutTimes(answer.replaceAll("\r", "")), withoutTimes(head!));
});

Deno.test("each command of the README starts the program", async () => {
  const commands = Array.from(
    README.matchAll(/`deno run --allow-ffi main\.ts 7890 ?([^`]*)`/g),
    ([, flags]) => flags!,
  );
  const distinct = [...new Set(commands)].filter((flags) => flags !== "path/to/site");
  assert(distinct.length >= 13, distinct.join("; "));
  for (const flags of distinct) {
    const args = flags.split(" ").filter((word) => word !== "");
    await using program = await Program.startCommand(programCommand(["--port", "0", ...args]));
    const [, handler = "static"] = /--handler (\w+)/.exec(flags) ?? [];
    assertStringIncludes(
      program.greeting,
      handler === "static" ? "Serving ./html at" : `Serving ${handler} at`,
    );
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" }, flags);
  }
});

Deno.test("the program in the README runs and answers", async () => {
  const programs = blocksOf(README, "ts");
  assertEquals(programs.length, 1);
  await runsAndAnswers(programs[0]!);
});

Deno.test("the README's install commands work, and compiling and the image take what it shows", async () => {
  const quickStart = blocksOf(README, "sh").join("");
  const root = Deno.makeTempDirSync({ prefix: "epollet-test-" });
  try {
    const [install] = /^deno install .*$/m.exec(quickStart)!;
    const [, ...words] = install.split(" ");
    const [deno, ...rest] = DENO;
    const env = { DENO_INSTALL_ROOT: root };
    const args = [...rest, ...words];
    const { success } = await new Deno.Command(deno, {
      args,
      env,
      cwd: REPOSITORY,
      stderr: "null",
      stdout: "null",
    })
      .output();
    assert(success, install);
    assertMatch(Deno.readTextFileSync(`${root}/bin/epollet`), /run .*--allow-ffi .*main\.ts/);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
  for (const [command, args] of quickStart.matchAll(/^deno task compile(.*)$/gm)) {
    for (const [flag] of args!.matchAll(/--\w+/g)) {
      assertStringIncludes(readDocument("deploy/compile.ts"), flag, command);
    }
  }
  const [, port, mounted] = /docker run -p \d+:(\d+) -v \.\/html:(\S+):ro epollet/.exec(quickStart)!;
  assertStringIncludes(readDocument("Dockerfile"), `EPOLLET_PORT=${port} EPOLLET_ROOT=${mounted} `);
});

Deno.test("one table of the README says for whom npx, deno install, the compiled program, the image and the library are", () => {
  for (const text of [README, CHINESE]) {
    const tables = text.match(/(?:^\|.*\|\n)+/gm)!.filter((table) => table.includes("`npx epollet"));
    assertEquals(tables.length, 1);
    const rows = tables[0]!.trim().split("\n").slice(2).map((row) =>
      row.split("|").map((cell) => cell.trim())
    );
    assertEquals(rows.map(([, , command]) => command), [
      "`npx epollet 7890 ./site`",
      "`deno install -g --allow-ffi -c deno.json -n epollet main.ts`",
      "`deno task compile`",
      "`docker build -t epollet .`",
      '`import { serve } from "npm:epollet"`',
    ]);
    assert(rows.every(([, whom, , needs]) => whom !== "" && needs !== ""));
  }
});
