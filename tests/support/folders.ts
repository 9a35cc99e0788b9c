/**
 * Archives of folders, as clients receive and unpack them.
 * @module
 */
import { assertEquals } from "@std/assert";
import { Site } from "./program.ts";

/** The formats of archives. */
export const FORMATS = ["zip", "tar.gz"] as const;
export type Format = typeof FORMATS[number];

/** A file or a directory in an archive. */
export interface Unpacked {
  readonly kind: "file" | "directory" | "other";
  /** A character for each byte. */
  readonly content: string;
  readonly seconds: number;
  readonly mode: number;
  /** How a ZIP has it; -1 in other formats. */
  readonly method: number;
}

/** Prints the members in their order as JSON; names have a character for each byte. */
const SCRIPT = String.raw`
import calendar, json, os, sys, tarfile, zipfile
path, form = sys.argv[1:]
members = []
def add(name, kind, content, seconds, mode, method):
    members.append([name.decode('latin1'), dict(kind=kind, content=content.decode('latin1'), seconds=seconds, mode=mode, method=method)])
if form == 'zip':
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.encode('utf-8' if info.flag_bits & 0x800 or info.filename.isascii() else 'cp437')
            time = calendar.timegm(info.date_time + (0, 0, 0))
            add(name, 'directory' if info.is_dir() else 'file', archive.read(info), time, info.external_attr >> 16 & 0o777, info.compress_type)
else:
    with tarfile.open(path, encoding='utf-8', errors='surrogateescape') as archive:
        for info in archive:
            kind = 'file' if info.isreg() else 'directory' if info.isdir() else 'other'
            name = os.fsencode(info.name) + (b'/' if info.isdir() else b'')
            content = archive.extractfile(info).read() if info.isreg() else b''
            add(name, kind, content, int(info.mtime), info.mode, -1)
json.dump(members, sys.stdout)
`;

/** Returns the members of an archive in their order. With `isChecked`, all unpackers check it. */
export function unpack(
  archive: Uint8Array,
  format: Format,
  isChecked = true,
): [name: string, member: Unpacked][] {
  using folder = new Site({ [`a.${format}`]: archive });
  const path = folder.path(`a.${format}`);
  if (isChecked) check(path, format);
  return JSON.parse(run("/usr/bin/python3", "-c", SCRIPT, path, format));
}

function check(path: string, format: Format): void {
  if (format === "zip") run("unzip", "-tq", path);
  else run("sh", "-c", 'gzip -t "$0" && tar -tzf "$0"', path);
  run("bsdtar", "-xOf", path);
  run("7z", "t", path);
}

/** Returns the names of members with the content of each, and null for a directory. */
export function contentOf(
  members: readonly [name: string, member: Unpacked][],
): Record<string, string | null> {
  return Object.fromEntries(
    members.map(([name, { kind, content }]) => [name, kind === "file" ? content : null]),
  );
}

/** Runs a command. Returns its output, without bytes that are not UTF-8. */
export function run(command: string, ...args: string[]): string {
  const { code, stdout, stderr } = new Deno.Command(command, { args, env: { LC_ALL: "C.UTF-8" } })
    .outputSync();
  const decoder = new TextDecoder();
  assertEquals(
    [code, code === 0 ? "" : decoder.decode(stderr)],
    [0, ""],
    `${command} ${args.slice(-2).join(" ")}`,
  );
  return decoder.decode(stdout);
}
