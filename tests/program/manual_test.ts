/**
 * The manual page is made from the table of flags, and the tools that read such pages accept it without warnings.
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { manualPage } from "../../program/commands/manual.ts";
import { SUBCOMMANDS } from "../../program/config/flags/subcommands.ts";
import { FLAG_FORMS, variableOf } from "../../program/config/flags/flag_forms.ts";
import { FLAGS } from "../../program/config/flags/flags.ts";
import { runProgram } from "../support/program.ts";

/** Returns what a tool prints about the page on both outputs; null when it is not installed. */
async function judgedBy(tool: string, args: readonly string[]): Promise<string | null> {
  const page = Deno.makeTempFileSync({ suffix: ".1" });
  try {
    Deno.writeTextFileSync(page, `${manualPage("1.2.3")}\n`);
    const env = { LC_ALL: "C.UTF-8", MANWIDTH: "100", MANPAGER: "cat", GROFF_NO_SGR: "1" };
    const output = await new Deno.Command(tool, { args: [...args, page], env }).output();
    return new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  } finally {
    Deno.removeSync(page);
  }
}

Deno.test("--man prints the page with the program's version", async () => {
  const { code, stdout, stderr } = await runProgram(["--man"], "/");
  assertEquals([code, stdout, stderr], [0, `${manualPage(config.version)}\n`, ""]);
});

Deno.test("the page has its sections, every flag, and every variable", () => {
  const page = manualPage("1.2.3");
  assertMatch(page, /^\.TH EPOLLET 1 "\d{4}-\d\d-\d\d" "epollet 1\.2\.3" "User Commands"$/m);
  const sections = Array.from(page.matchAll(/^\.SH (.*)$/gm), ([, name]) => name);
  assertEquals(
    sections,
    "NAME,SYNOPSIS,DESCRIPTION,COMMANDS,OPTIONS,ENVIRONMENT,FILES,SIGNALS,EXIT STATUS,EXAMPLES,SEE ALSO"
      .split(","),
  );
  const text = page.replaceAll(/\\f[BIR]/g, "").replaceAll("\\-", "-");
  for (const { name, flag } of FLAG_FORMS.values()) {
    assertMatch(text, new RegExp(`^\\.TP\n.*--${name}\\b.*$`, "m"), flag.name);
  }
  for (const flag of FLAGS) {
    const names = [...FLAG_FORMS.values()].filter((form) => form.flag === flag).flatMap((form) =>
      variableOf(form) ?? []
    );
    assert(names.length === 0 || names.some((name) => text.includes(name)), flag.name);
  }
  for (const { name, args } of SUBCOMMANDS) assertStringIncludes(text, `epollet ${name} ${args}\n`);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"]) {
    assertStringIncludes(text, signal);
  }
  for (const line of page.split("\n")) assert(line.length <= 100, line);
});

Deno.test("mandoc and groff have no warnings, and man shows the page as intended", async () => {
  const judges: [tool: string, args: string[]][] = [
    ["mandoc", ["-T", "lint"]],
    ["groff", ["-ww", "-man", "-Tutf8", "-z"]],
  ];
  let asked = 0;
  for (const [tool, args] of judges) {
    const judgement = await judgedBy(tool, args);
    if (judgement === null) continue;
    asked++;
    assertEquals(judgement, "", tool);
  }
  const shown = await judgedBy("man", ["--warnings", "-l"]) ?? await judgedBy("mandoc", ["-T", "utf8"]);
  if (shown === null) return console.log("skipped: neither man nor mandoc is installed");
  const text = shown.replaceAll(/.[\b]/g, "");
  assertMatch(text, /^EPOLLET\(1\) +User Commands +EPOLLET\(1\)$/m);
  assertMatch(text, /^ +-H, --header NAME: VALUE$/m);
  assertMatch(text, /^ +--spa\[=FILE\], --no-spa$/m);
  assertMatch(text, /^ +Serve about\.html at \/about, and redirect to it\./m);
  assertMatch(text, /^ +epollet 80 \/srv\/www --user www-data$/m);
  if (asked === 0) console.log("neither mandoc nor groff is installed");
});
