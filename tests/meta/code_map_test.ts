/**
 * The code map of docs/architecture.md lists the files that exist, and documents name no other files.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { readDocument, spansOf } from "../support/documents.ts";
import { REPOSITORY } from "../support/program.ts";

const HOUSE = ["ffi/", "server/", "handlers/", "program/"];
const OTHERS = ["bench/", "deploy/", "examples/", "html/", "tests/"];

function* filesIn(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(REPOSITORY + folder)) {
    if (entry.isDirectory) yield* filesIn(`${folder}${entry.name}/`);
    else yield folder + entry.name;
  }
}

const SOURCES = ["main.ts", "mod.ts", ...HOUSE.flatMap((folder) => [...filesIn(folder)])];

/** Reads the code map: each folder with its rows of file name and description. */
function readCodeMap(): Map<string, [name: string, does: string][]> {
  const [, map = ""] = readDocument("docs/architecture.md").split("## Code map\n");
  const sections = map.matchAll(/^### `([^`]+\/)`\n([^]*?)(?=^### |$(?![^]))/gm);
  return new Map(Array.from(sections, ([, folder, text]) => {
    const rows = text!.matchAll(/^\| `([^`]+)` *\| (.*) \|$/gm);
    return [folder!.replace(/^\.\//, ""), Array.from(rows, ([, name, does]) => [name!, does!.trim()])];
  }));
}

Deno.test("each source file is in the code map once, and each name in the code map is a file", () => {
  const named = [...readCodeMap()].flatMap(([folder, rows]) => rows.map(([name]) => folder + name));
  assertEquals(named.toSorted(), SOURCES.toSorted());
});

Deno.test("the code map describes each file in one line", () => {
  for (const [folder, rows] of readCodeMap()) {
    for (const [name, does] of rows) assert(/^\S.{3,90}$/.test(does), `${folder}${name}: ${does}`);
  }
});

Deno.test("the code map has the folders in the order in which they may import each other", () => {
  const [, list] =
    /const FOLDERS[^[]*\[\]\s*=\s*\[([^\]]*)\]/.exec(readDocument("tests/meta/layering_test.ts")) ??
      [];
  const folders = Array.from(list!.matchAll(/"([^"]*)"/g), ([, folder]) => folder === "" ? "" : `${folder}/`);
  assertEquals([...readCodeMap().keys()], folders);
});

Deno.test("modules and folders that documents name exist", () => {
  const known = [...SOURCES, ...OTHERS.flatMap((folder) => [...filesIn(folder)])].map((file) => `/${file}`);
  // A file that readers write themselves, and the ending of test files.
  const own = ["examples/lesson.ts", "_test.ts"];
  let count = 0;
  for (
    const name of [
      "docs/architecture.md",
      "docs/decisions.md",
      "docs/understand.md",
      "docs/inside-epoll.md",
      "docs/mistakes.md",
      "SECURITY.md",
      "CONTRIBUTING.md",
    ]
  ) {
    for (const span of spansOf(readDocument(name))) {
      const isFolder = /^(?:\w+\/)+$/.test(span);
      if (!isFolder && !/^[\w/]+\.ts$/.test(span) || own.includes(span)) continue;
      const isThere = (file: string) => isFolder ? file.includes(`/${span}`) : file.endsWith(`/${span}`);
      assert(known.some(isThere), `${name} names ${span}`);
      count++;
    }
  }
  assert(count > 300, `${count} names were found`);
});
