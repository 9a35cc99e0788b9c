/**
 * docs/mistakes.md shows the real output of the programs in examples/mistakes/, and quotes lines that exist.
 *
 * The form of a section: each block of code is a quotation from the file that is linked last above it. The first file
 * is the program, with the wrong lines and then the mended ones. The others are files of the server. Two blocks have
 * the commands, wrong and mended, with all that they print.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { run } from "../support/commands.ts";
import { readDocument, wordsOf } from "../support/documents.ts";
import { anchorsOf } from "../support/markdown.ts";
import { DENO, REPOSITORY } from "../support/program.ts";

const FOLDER = "examples/mistakes/";
const LINES_MAX = 80;
/** What the programs share. */
const SCENE = "scene.ts";
/** The permissions that a program may ask for. */
const PERMISSIONS = ["--allow-ffi", "--allow-read=."];

/** A mistake, as the document shows it. */
interface Section {
  readonly heading: string;
  /** The file name of its program. */
  readonly program: string;
  /** The blocks of code, each with the file of the repository that it is from. */
  readonly quotations: readonly { readonly file: string; readonly code: string }[];
  /** The commands with their output, in order. */
  readonly runs: readonly { readonly command: string; readonly printed: string }[];
}

function sectionOf(text: string): Section {
  const [heading] = text.split("\n") as [string];
  const quotations: { file: string; code: string }[] = [];
  const runs: { command: string; printed: string }[] = [];
  let file = "";
  const parts = /\]\(\.\.\/([^)#]+\.ts)\)|^```(\w*)\n([^]*?)^```$/gm;
  for (const [, link, kind, block = ""] of text.matchAll(parts)) {
    if (link !== undefined) file = link;
    else if (kind === "ts") quotations.push({ file, code: block });
    else {
      const [, command, printed] = /^\$ (.*)\n([^]*)$/.exec(block) ?? [];
      assert(command !== undefined, `${heading} has a block without a command:\n${block}`);
      runs.push({ command, printed: printed! });
    }
  }
  return { heading, program: quotations[0]?.file.replace(FOLDER, "") ?? "", quotations, runs };
}

const DOCUMENT = readDocument("docs/mistakes.md");
const SECTIONS = DOCUMENT.split(/^## /m).slice(1).map(sectionOf);

/** Returns the lines of code without their indentation, which a quotation may leave out. */
function linesOf(code: string): string {
  return `\n${code.split("\n").map((line) => line.trim()).filter((line) => line !== "").join("\n")}\n`;
}

Deno.test("each mistake has a program, and each program a section of docs/mistakes.md", () => {
  const programs = Array.from(Deno.readDirSync(REPOSITORY + FOLDER), ({ name }) => name)
    .filter((name) => name !== SCENE);
  assertEquals(SECTIONS.map(({ program }) => program).sort(), programs.sort());
  for (const name of programs) {
    const lines = readDocument(FOLDER + name).trimEnd().split("\n").length;
    assert(lines <= LINES_MAX, `${name} has ${lines} lines`);
  }
});

Deno.test("the table of symptoms in docs/mistakes.md leads to each section, in order", () => {
  const [preface] = DOCUMENT.split(/^## /m) as [string];
  const links = Array.from(preface.matchAll(/^\| .* \| \[.*\]\(#(.*)\) +\|$/gm), ([, anchor]) => anchor);
  assertEquals(links, anchorsOf(DOCUMENT).slice(1));
});

Deno.test("docs/mistakes.md quotes the wrong lines, the mended ones, and those of the server", () => {
  for (const { heading, program, quotations } of SECTIONS) {
    for (const { file, code } of quotations) {
      assert(
        linesOf(readDocument(file)).includes(linesOf(code)),
        `${heading}: ${file} does not have\n${code}`,
      );
    }
    const isOwn = quotations.map(({ file }) => file === FOLDER + program);
    assertEquals(isOwn.slice(0, 2), [true, true], `${heading}: the program's own lines come first`);
    assert(isOwn.includes(false), `${heading}: no line of the server`);
  }
});

for (const { heading, program, runs } of SECTIONS) {
  Deno.test(`the mistake shows, and mended it does not: ${heading}`, async () => {
    assertEquals(runs.map(({ command }) => command.split(" ").slice(-1)), [[FOLDER + program], ["mended"]]);
    await Promise.all(runs.map(async ({ command, printed }, i) => {
      const [deno, word, ...args] = wordsOf(command) as [string, string, ...string[]];
      assertEquals([deno, word], ["deno", "run"]);
      for (const flag of args.filter((arg) => arg.startsWith("-"))) {
        assert(PERMISSIONS.includes(flag), command);
      }
      const lock = `--lock=${REPOSITORY}tests/deno.lock`;
      const ours = [...DENO, "run", lock, "--no-prompt", ...args] as [string, ...string[]];
      const { code, stdout, stderr } = await run(ours, "", REPOSITORY);
      assertEquals([stdout, stderr, code], [printed, "", 1 - i], command);
      assertMatch(stdout, i === 0 ? /\nwrong: .*\n$/ : /\nright: .*\n$/);
    }));
  });
}
