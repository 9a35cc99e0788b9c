/**
 * Archives of folders that change while they are made: each file is whole, or left out and named.
 * @module
 */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ContentSource } from "../../handlers/site/content/content_source.ts";
import { type Walked, type WalkFailure, walkFolder } from "../../handlers/site/folders/folder_walk.ts";
import { writeFolder } from "../../handlers/site/folders/folder_writer.ts";
import { TarGz } from "../../handlers/site/folders/tar_gz.ts";
import { Zip } from "../../handlers/site/folders/zip.ts";
import { FOLDER_WHOLE_BYTES_MAX } from "../../handlers/site/limits.ts";
import { concat } from "../../server/http/bytes.ts";
import { contentOf, type Format, FORMATS, unpack } from "../support/folders.ts";
import { Site } from "../support/program.ts";

const NOTE = "top/LEFT-OUT.txt";
/** The size of a file that is sent while it is read. */
const LARGE = FOLDER_WHOLE_BYTES_MAX + 100_000;
const VALIDATIONS = ["auto", "stat"] as const;

/** What happens while an archive is made. */
interface Course {
  readonly format: Format;
  readonly validate?: typeof VALIDATIONS[number];
  readonly bytesMax?: number;
  /** False when other unpackers need not check the archive. */
  readonly isChecked?: boolean;
  /** Called at each step of the walk. */
  readonly onWalk?: (step: number) => void;
  readonly onWalked?: () => void;
  /** Called at each step of the archive, with the bytes so far. */
  readonly onStep?: (step: number, bytes: number) => void;
}

/** Makes an archive of `site`, and returns what is in it. */
function archiveOf(site: Site, course: Course): Record<string, string | null> {
  const { format, validate = "auto", bytesMax = Infinity, isChecked = true } = course;
  const origin = new ContentSource({ root: site.root, etag: "hash" }, { validate }).hold();
  try {
    const path = new Uint8Array(0);
    const walk = walkFolder(path, { root: origin.root, admits: () => "yes", bytesMax });
    let step = 0;
    let walked: IteratorResult<void, Walked | WalkFailure>;
    while (!(walked = walk.next()).done) course.onWalk?.(++step);
    if (typeof walked.value !== "object") throw new Error(`no archive: ${walked.value}`);
    course.onWalked?.();
    const { loader, hidden } = origin;
    const writer = format === "zip" ? new Zip() : new TarGz();
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    step = 0;
    const parts = { walked: walked.value, path, name: "top", format: writer, loader, hidden, bytesMax };
    for (const chunk of writeFolder(parts)) {
      assert(chunk !== "wait");
      if (chunk !== null) {
        chunks.push(chunk.slice());
        bytes += chunk.length;
      }
      course.onStep?.(++step, bytes);
    }
    return contentOf(unpack(concat(chunks), format, isChecked));
  } finally {
    origin.release();
  }
}

/** Returns `count` bytes of text that does not become smaller by much. */
function noise(count: number, letter: string): string {
  let text = "";
  for (let i = 0; text.length < count; i++) text += letter + Math.imul(i, 0x9e3779b1).toString(36);
  return text.slice(0, count);
}

const TEXT = noise(LARGE, "a");
const OTHER_TEXT = noise(LARGE - 1000, "b");

/** Writes into the file that is there, as an editor does that does not rename. */
function rewrite(site: Site, name: string, text: string): void {
  Deno.writeTextFileSync(site.path(name), text);
}

for (const format of FORMATS) {
  Deno.test(`${format}: a file that is rewritten while it is sent is sent again, whole`, () => {
    for (const [name, validate] of [["file.txt", "auto"], ["file.bin", "stat"]] as const) {
      using site = new Site({ [name]: TEXT, "z.txt": "z" });
      let isNew = false;
      const found = archiveOf(site, {
        format,
        validate,
        isChecked: validate === "auto",
        onStep: (step) => {
          if (step < 40 || isNew) return;
          isNew = true;
          rewrite(site, name, OTHER_TEXT);
        },
      });
      assert(isNew);
      assert(found[`top/${name}`] === OTHER_TEXT, `${name} is not whole (${validate})`);
      assertEquals(Object.keys(found), ["top/", `top/${name}`, "top/z.txt"]);
    }
  });

  Deno.test(`${format}: a file that never stays the same is left out, and the archive says so`, () => {
    using site = new Site({ "a.txt": "a", "busy.bin": TEXT, "z.txt": "z" });
    using file = Deno.openSync(site.path("busy.bin"), { write: true });
    const found = archiveOf(site, {
      format,
      onStep: (step) => {
        file.seekSync(0, Deno.SeekMode.Start);
        file.writeSync(Uint8Array.of(step % 256));
      },
    });
    assertMatch(found[NOTE]!, /^top\/busy\.bin: it changed whenever it was read/m);
    // A tar archive cannot take back what it has sent, but what follows replaces it.
    assertEquals(found["top/busy.bin"], format === "zip" ? undefined : "");
    assertEquals([found["top/a.txt"], found["top/z.txt"]], ["a", "z"]);
  });

  Deno.test(`${format}: growth, a rename over the file, and its removal leave the file as it was opened`, () => {
    for (
      const change of [
        (site: Site) => Deno.writeTextFileSync(site.path("log"), "more", { append: true }),
        (site: Site) => Deno.renameSync(site.path("other"), site.path("log")),
        (site: Site) => Deno.removeSync(site.path("log")),
      ]
    ) {
      using site = new Site({ log: TEXT, other: "other" });
      const found = archiveOf(site, {
        format,
        isChecked: false,
        onStep: (step) => step === 40 && change(site),
      });
      assert(found["top/log"] === TEXT, change.toString());
    }
  });

  Deno.test(`${format}: after the walk, a file may be removed, replaced or too large`, () => {
    const names = ["gone", "link", "folder", "grown", "short"];
    using site = new Site({ ...Object.fromEntries(names.map((name) => [name, name])), "z.txt": "z" });
    const found = archiveOf(site, {
      format,
      bytesMax: 1000,
      onWalked: () => {
        for (const name of ["gone", "link", "folder"]) Deno.removeSync(site.path(name));
        Deno.symlinkSync("/etc/passwd", site.path("link"));
        Deno.mkdirSync(site.path("folder"));
        rewrite(site, "grown", "x".repeat(2000));
        rewrite(site, "short", "new");
        site.write("added", "not walked");
      },
    });
    const { [NOTE]: note, ...others } = found;
    assertEquals(others, { "top/": null, "top/short": "new", "top/z.txt": "z" });
    assertMatch(note!, /^top\/grown: the archive would become larger than --archive-size allows$/m);
    for (const name of ["gone", "link", "folder"]) {
      assertMatch(note!, new RegExp(`^top/${name}: it was removed, or became something else$`, "m"));
    }
  });
}

Deno.test("a file that is moved while names are read is found, once", () => {
  for (const [from, to] of [["a", "z"], ["z", "a"]] as const) {
    using site = new Site({ "a/x": "x", "m/x": "x", "z/x": "x", [`${from}/moved`]: "moved" });
    let step = 0;
    const found = archiveOf(site, {
      format: "zip",
      onWalk: () => {
        // A step for each of the four folders: the root, a, m, z.
        if (++step === 3) Deno.renameSync(site.path(`${from}/moved`), site.path(`${to}/moved`));
      },
    });
    assert(step > 4, "the walk began anew");
    assertEquals(Object.keys(found).filter((name) => name.endsWith("moved")), [`top/${to}/moved`]);
  }
});

Deno.test("names that always change do not hold up an archive, which says so", () => {
  using site = new Site({ "a/x": "x", "b/x": "x" });
  let step = 0;
  const found = archiveOf(site, { format: "zip", onWalk: () => site.write(`a/${++step}`, "new") });
  assertEquals([found["top/a/x"], found["top/b/x"]], ["x", "x"]);
  assertMatch(found[NOTE]!, /^Files were added, moved or removed while their names were read\.$/m);
});

Deno.test("what may not be read is named; a note does not replace a file of its name", () => {
  if (Deno.uid() === 0) return console.log("skipped: root may read everything");
  using site = new Site({ "LEFT-OUT.txt": "mine", "closed/x": "x", shut: "x" });
  Deno.chmodSync(site.path("closed"), 0);
  Deno.chmodSync(site.path("shut"), 0);
  const found = archiveOf(site, { format: "zip" });
  Deno.chmodSync(site.path("closed"), 0o700);
  assertEquals(found["top/LEFT-OUT.txt"], "mine");
  assertMatch(
    found["top/LEFT-OUT-2.txt"]!,
    /^top\/closed\/: the server may not read it\ntop\/shut: the server may not/m,
  );
});

Deno.test("names that lead out of a folder elsewhere are left out; the note has each in one line", () => {
  using site = new Site({
    "x\\..\\..\\evil": "x",
    "C:": "x",
    "\\root": "x",
    "a\\b": "kept",
    "c:d": "kept",
    "n\nm\\..\\x": "",
  });
  const { [NOTE]: note, ...others } = archiveOf(site, { format: "zip" });
  assertEquals(others, { "top/": null, "top/a\\b": "kept", "top/c:d": "kept" });
  assertEquals(note!.split("\n").filter((line) => line.startsWith("top/")).length, 4);
});

Deno.test("the size of a folder is known before the archive begins", () => {
  using site = new Site({ a: "x".repeat(600), "d/b": "x".repeat(600) });
  assertThrows(() => archiveOf(site, { format: "zip", bytesMax: 1199 }), Error, "no archive: size");
  assertEquals(Object.keys(archiveOf(site, { format: "zip", bytesMax: 1200 })), [
    "top/",
    "top/a",
    "top/d/",
    "top/d/b",
  ]);
});
