/**
 * The formats of archives beyond the sizes that a test can send: more than 4 GiB, more than 65,535 members.
 * @module
 */
import { assertEquals } from "@std/assert";
import type { FolderFormat, Member } from "../../handlers/site/folders/member.ts";
import { TarGz } from "../../handlers/site/folders/tar_gz.ts";
import { tarHeader } from "../../handlers/site/folders/tar_headers.ts";
import { Zip } from "../../handlers/site/folders/zip.ts";
import { FOLDER_PIECE_BYTES } from "../../handlers/site/limits.ts";
import { run, unpack } from "../support/folders.ts";
import { Site } from "../support/program.ts";
import { Random, SEED } from "../support/random.ts";
import { concat } from "../../server/http/bytes.ts";

function member(path: string, size: number, more: Partial<Member> = {}): Member {
  const isDirectory = path.endsWith("/");
  return { path, isDirectory, size, modifiedSeconds: 1e9, isExecutable: false, isText: false, ...more };
}

/** Writes the bytes of `steps` to `file` from `offset`, with holes for zeros. Returns the offset behind them. */
function write(file: Deno.FsFile, steps: Iterable<Uint8Array>, offset: number, isZeros = false): number {
  for (const bytes of steps) {
    if (!isZeros) {
      file.seekSync(offset, Deno.SeekMode.Start);
      file.writeSync(bytes);
    }
    offset += bytes.length;
  }
  return offset;
}

Deno.test("a ZIP has files of more than 4 GiB, others behind them, and more than 65,535 members", () => {
  const size = 2 ** 32 + 5 * FOLDER_PIECE_BYTES;
  const folders = 66_000;
  using folder = new Site();
  const path = folder.path("a.zip");
  {
    using file = Deno.createSync(path);
    const zip: FolderFormat = new Zip();
    const zeros = new Uint8Array(FOLDER_PIECE_BYTES);
    let end = write(file, zip.open(member("large.bin", size)), 0);
    for (let left = size; left > 0; left -= zeros.length) {
      end = write(file, zip.piece(zeros.subarray(0, Math.min(left, zeros.length))), end, true);
    }
    end = write(file, zip.close(), end);
    end = write(
      file,
      zip.file(member("behind.txt", 6, { isText: true }), new TextEncoder().encode("behind")),
      end,
    );
    const rest: Uint8Array[] = [];
    for (let i = 0; i < folders; i++) rest.push(...zip.directory(member(`${i}/`, 0)));
    end = write(file, [concat(rest)], end);
    write(file, zip.end(), end);
  }
  const script = `
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
infos = archive.infolist()
print(len(infos), infos[0].filename, infos[0].file_size, infos[0].compress_size, archive.read('behind.txt').decode())
`;
  const listed = run("/usr/bin/python3", "-c", script, path).trim();
  assertEquals(listed, `${folders + 2} large.bin ${size} ${size} behind`);
  assertEquals(run("unzip", "-p", path, "behind.txt"), "behind");
  assertEquals(run("bsdtar", "-xOf", path, "behind.txt"), "behind");
});

Deno.test("a tar header has any size, time and name", () => {
  const names = [
    "x".repeat(100),
    "x".repeat(101),
    "é",
    "\xff".repeat(3),
    "\xff".repeat(120),
    "a/".repeat(1500),
  ];
  const members = [
    ...names.map((name) => member(`d/${name}`, 0)),
    member("old", 0, { modifiedSeconds: -5 }),
    member("late", 0, { modifiedSeconds: 8 ** 11 }),
    member("large", 2 ** 33),
  ];
  const headers = concat(members.map(tarHeader));
  using folder = new Site({ "a.tar": headers });
  Deno.truncateSync(folder.path("a.tar"), headers.length + 2 ** 33 + 1024);
  const script = `
import os, sys, tarfile
for info in tarfile.open(sys.argv[1], encoding='utf-8', errors='surrogateescape'):
    print(os.fsencode(info.name).hex(), int(info.mtime), info.size)
`;
  const hex = (name: string) =>
    Array.from(name, (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  const expected = members.map(({ path, modifiedSeconds, size }) =>
    `${hex(path.replace(/\/$/, ""))} ${modifiedSeconds} ${size}`
  );
  assertEquals(run("/usr/bin/python3", "-c", script, folder.path("a.tar")).trim().split("\n"), expected);
});

Deno.test("deflated and stored pieces make one stream, whatever their sizes are", () => {
  console.log(`seed ${SEED}`);
  const random = new Random();
  for (const format of ["zip", "tar.gz"] as const) {
    const writer = format === "zip" ? new Zip() : new TarGz();
    const contents: [string, Uint8Array][] = [];
    const chunks = Array.from(writer.start(), (bytes) => bytes.slice());
    for (let i = 0; i < 20; i++) {
      const size = random.below(3) === 0 ? random.below(10) : random.below(5 * FOLDER_PIECE_BYTES);
      const range = random.pick([1, 20, 256]);
      const content = Uint8Array.from({ length: size }, () => random.below(range));
      contents.push([`${i}`, content]);
      const isText = random.oneIn(2);
      for (const bytes of writer.file(member(`${i}`, size, { isText }), content)) chunks.push(bytes.slice());
    }
    for (const bytes of writer.end()) chunks.push(bytes.slice());
    const found = unpack(concat(chunks), format).map(([name, { content }]) => [name, content]);
    const expected = contents.map((
      [name, content],
    ) => [name, Array.from(content, (byte) => String.fromCharCode(byte)).join("")]);
    for (const [i, one] of expected.entries()) {
      assertEquals(found[i]![1] === one[1], true, `${format} ${one[0]}`);
    }
    assertEquals(found.length, expected.length);
  }
});
