/**
 * Files below a root: which may be opened, their status, and their bytes.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  EAGAIN,
  EBADF,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  EPERM,
  EXDEV,
  SystemError,
} from "../../ffi/libc/errno.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import * as file from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close, sendfile } from "../../ffi/socket/socket.ts";
import { Descriptors, openDescriptors, read, until } from "../support/descriptors.ts";
import { Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";

const ROOT = file.openDirectory("/");
const HAS_OPENAT2 = file.hasOpenat2(ROOT);
close(ROOT);
/** The function that the server would use here: qemu 7 lacks openat2(2). */
const OPEN = HAS_OPENAT2 ? file.openBeneath : file.openBeneathByWalking;

const GIB = 1024 ** 3;
const decoder = new TextDecoder();

/** A root with files, directories and links, and a file beside it that no path may reach. */
class Root {
  readonly site = new Site({
    "root/a.txt": "alpha",
    "root/sub/b.txt": "beta",
    "root/sub/deep/c.txt": "gamma",
    "outside/secret.txt": "secret",
  });
  readonly fds = new Descriptors();
  readonly fd: number;

  constructor() {
    this.link("inner", "sub/b.txt");
    this.link("inner-directory", "sub");
    this.link("sub/up-and-in", "../a.txt");
    this.link("outer", "../outside/secret.txt");
    this.link("outer-directory", "../outside");
    this.link("absolute", this.site.path("outside/secret.txt"));
    this.link("absolute-inside", this.site.path("root/a.txt"));
    this.link("loop", "loop");
    this.link("dangling", "nothing");
    this.link("magic", `/proc/self/cwd`);
    this.fd = this.fds.keep(file.openDirectory(this.site.path("root")));
  }

  link(name: string, target: string): void {
    Deno.symlinkSync(target, this.site.path(`root/${name}`));
  }

  /** Opens a path with `open`, and returns the content, `"directory"`, or −errno. */
  try(open: typeof file.openBeneath, path: string): string | number {
    const fd = open(this.fd, cString(path));
    if (fd < 0) return fd;
    const status = new FileStatus();
    assertEquals(status.readDescriptor(fd), 0);
    const content = status.isDirectory ? "directory" : read(fd);
    assertEquals(close(fd), 0);
    return content;
  }

  [Symbol.dispose](): void {
    this.fds[Symbol.dispose]();
    this.site[Symbol.dispose]();
  }
}

Deno.test("a path is opened below the root, and links are followed while they stay inside", () => {
  using root = new Root();
  if (!HAS_OPENAT2) return console.log("SKIPPED: this kernel (or emulator) has no openat2(2)");
  const before = openDescriptors();
  const results: readonly (readonly [string, string | number])[] = [
    ["a.txt", "alpha"],
    ["sub/deep/c.txt", "gamma"],
    ["sub", "directory"],
    [".", "directory"],
    ["sub/../a.txt", "alpha"], // stays inside: the caller has refused `..` in URLs long before
    ["inner", "beta"],
    ["inner-directory/b.txt", "beta"],
    ["sub/up-and-in", "alpha"],
    ["..", -EXDEV],
    ["../outside/secret.txt", -EXDEV],
    ["../root/a.txt", -EXDEV],
    ["sub/../../outside/secret.txt", -EXDEV],
    ["/", -EXDEV],
    ["/etc/passwd", -EXDEV],
    [root.site.path("root/a.txt"), -EXDEV],
    ["outer", -EXDEV],
    ["outer-directory", -EXDEV],
    ["outer-directory/secret.txt", -EXDEV],
    ["absolute", -EXDEV],
    ["absolute-inside", -EXDEV],
    ["magic", -EXDEV],
    ["loop", -ELOOP],
    ["dangling", -ENOENT],
    ["missing", -ENOENT],
    ["", -ENOENT],
    ["a.txt/b", -ENOTDIR],
  ];
  for (const [path, expected] of results) {
    assertEquals(root.try(file.openBeneath, path), expected, `openBeneath ${path}`);
  }
  assertEquals(openDescriptors(), before, "a refused path leaves no descriptor open");
});

Deno.test("without openat2 a path is opened name by name, and no link is followed", () => {
  using root = new Root();
  const before = openDescriptors();
  const results: readonly (readonly [string, string | number])[] = [
    ["a.txt", "alpha"],
    ["sub/deep/c.txt", "gamma"],
    ["sub", "directory"],
    [".", "directory"],
    ["inner", -ELOOP],
    ["sub/up-and-in", -ELOOP],
    ["outer", -ELOOP],
    ["outer-directory", -ELOOP],
    ["absolute", -ELOOP],
    ["loop", -ELOOP],
    ["dangling", -ELOOP],
    ["..", -EPERM],
    ["sub/..", -EPERM],
    ["sub/../a.txt", -EPERM],
    ["sub/deep/../../../outside/secret.txt", -EPERM],
    ["/etc/passwd", -ENOENT],
    ["sub//b.txt", -ENOENT],
    ["sub/", -ENOENT],
    ["", -ENOENT],
    ["missing/a.txt", -ENOENT],
    ["a.txt/b", -ENOTDIR],
    // A link in the middle is not followed, either. The kernel's error for it is ENOTDIR.
    ["inner-directory/b.txt", -ENOTDIR],
    ["outer-directory/secret.txt", -ENOTDIR],
    ["magic/etc/passwd", -ENOTDIR],
  ];
  for (const [path, expected] of results) {
    assertEquals(root.try(file.openBeneathByWalking, path), expected, `openBeneathByWalking ${path}`);
  }
  assertEquals(openDescriptors(), before, "the directories on the way are closed");
});

Deno.test("a root is an existing directory", () => {
  using site = new Site({ "file.txt": "x" });
  const before = openDescriptors();
  const path = site.path("missing");
  const error = assertThrows(() => file.openDirectory(path), SystemError);
  assertEquals(error.message, `Cannot open root ${path}: ENOENT (no such file or directory)`);
  assertEquals([error.call, error.errno], ["openat", ENOENT]);
  assertThrows(() => file.openDirectory(site.path("file.txt")), SystemError, "ENOTDIR (not a directory)");
  assertThrows(() => file.openDirectory(`${site.root}\0`), SystemError, "ENOENT (no such file or directory)");
  assertEquals(openDescriptors(), before);
});

Deno.test("opening a FIFO without a writer does not block", () => {
  using root = new Root();
  const made = new Deno.Command("mkfifo", { args: [root.site.path("root/fifo")] }).outputSync();
  assert(made.success);
  for (const open of [OPEN, file.openBeneathByWalking]) {
    const fd = root.fds.keep(open(root.fd, cString("fifo")));
    const status = new FileStatus();
    assertEquals(status.readDescriptor(fd), 0);
    assertEquals([status.isFile, status.isDirectory], [false, false]);
  }
});

Deno.test("a file's status equals that of the runtime, by path and by descriptor", () => {
  using root = new Root();
  const byPath = new FileStatus();
  const byDescriptor = new FileStatus();
  for (const path of ["a.txt", "sub", ...(HAS_OPENAT2 ? ["inner"] : [])]) {
    const expected = Deno.statSync(root.site.path(`root/${path}`));
    const fd = root.fds.keep(OPEN(root.fd, cString(path)));
    assertEquals([byPath.read(root.fd, cString(path)), byDescriptor.readDescriptor(fd)], [0, 0]);
    for (const status of [byPath, byDescriptor]) {
      assertEquals([status.isFile, status.isDirectory], [expected.isFile, expected.isDirectory]);
      assertEquals([status.size, status.inode], [expected.size, BigInt(expected.ino!)]);
      assertEquals(status.modifiedSeconds, Math.floor(expected.mtime!.getTime() / 1000));
      assertEquals(status.changedSeconds, Math.floor(expected.ctime!.getTime() / 1000));
      assert(status.changedNanoseconds >= 0 && status.changedNanoseconds < 1e9);
    }
    assert(byPath.equals(byDescriptor) && byDescriptor.equals(byPath));
  }
  assertEquals(byPath.read(root.fd, cString("missing")), -ENOENT);
  assertEquals(byPath.readDescriptor(-1), -EBADF);
});

Deno.test("times before 1970 and in the far future are read correctly", () => {
  using root = new Root();
  const status = new FileStatus();
  for (const seconds of [-86_400, 0, 1, 5_000_000_000]) {
    Deno.utimeSync(root.site.path("root/a.txt"), seconds, seconds);
    assertEquals(status.read(root.fd, cString("a.txt")), 0);
    assertEquals(status.modifiedSeconds, seconds);
  }
});

Deno.test("a status equals another until the file is rewritten, replaced, or only touched", async () => {
  using root = new Root();
  const path = root.site.path("root/a.txt");
  const before = new FileStatus();
  const after = new FileStatus();
  const changes: Readonly<Record<string, () => void>> = {
    "rewritten with as many bytes": () => Deno.writeTextFileSync(path, "ALPHA"),
    "rewritten with more bytes": () => Deno.writeTextFileSync(path, "alphabet"),
    "given other permissions": () => Deno.chmodSync(path, 0o600),
    "replaced by another file": () => Deno.renameSync(root.site.path("root/sub/b.txt"), path),
    "given a time of long ago": () => Deno.utimeSync(path, 1000, 1000),
    // Only the time of the last status change shows this, and that time cannot be set.
    "rewritten with as many bytes, and given back its time": () => {
      Deno.writeTextFileSync(path, "atad");
      Deno.utimeSync(path, 1000, 1000);
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    assertEquals(before.read(root.fd, cString("a.txt")), 0);
    assertEquals(after.read(root.fd, cString("a.txt")), 0);
    assert(before.equals(after), "nothing happened");
    await sleep(30); // the clock of file systems ticks every 10 ms or less
    change();
    assertEquals(after.read(root.fd, cString("a.txt")), 0);
    assert(!before.equals(after), what);
    after.copyFrom(before);
    assert(before.equals(after), "a copy is equal");
  }
});

Deno.test("a read at an offset returns all available bytes, and 0 past the end", () => {
  using root = new Root();
  root.site.write("root/long.bin", Uint8Array.from({ length: 300_000 }, (_, i) => i % 251));
  const fd = root.fds.keep(OPEN(root.fd, cString("long.bin")));
  const buffer = new Uint8Array(200_000);
  assertEquals(file.readAt(fd, buffer, 1000), 200_000);
  assert(buffer.every((byte, i) => byte === (i + 1000) % 251));
  buffer.fill(255);
  assertEquals(file.readAt(fd, buffer, 299_990), 10);
  assertEquals(Array.from(buffer.subarray(0, 11)), [
    ...Array.from({ length: 10 }, (_, i) => (i + 299_990) % 251),
    255,
  ]);
  assertEquals([file.readAt(fd, buffer, 300_000), file.readAt(fd, buffer, 2 ** 40)], [0, 0]);
  const directory = root.fds.keep(OPEN(root.fd, cString("sub")));
  assertEquals([file.readAt(directory, buffer, 0), file.readAt(-1, buffer, 0)], [-EISDIR, -EBADF]);
});

Deno.test("a file of 5 GiB is sent and read past the fourth GiB, and its size is right", () => {
  using root = new Root();
  const path = root.site.path("root/large.bin");
  root.site.write("root/large.bin", "at the start");
  Deno.truncateSync(path, 5 * GIB); // sparse: it takes no room
  const markers: readonly (readonly [number, string])[] = [
    [4 * GIB - 4, "crossing"],
    [4 * GIB + 4, "behind"],
    [5 * GIB - 3, "end"],
  ];
  using writer = Deno.openSync(path, { write: true });
  for (const [offset, text] of markers) {
    writer.seekSync(offset, Deno.SeekMode.Start);
    writer.writeSync(new TextEncoder().encode(text));
  }
  const fd = root.fds.keep(OPEN(root.fd, cString("large.bin")));
  const status = new FileStatus();
  assertEquals(status.readDescriptor(fd), 0);
  assertEquals(status.size, 5 * GIB);

  const { server, client } = root.fds.tcp();
  const buffer = new Uint8Array(100);
  for (const [offset, text] of [[0, "at the start"] as const, ...markers]) {
    assertEquals(sendfile(server, fd, offset, text.length), text.length);
    assertEquals(until(() => read(client), (value) => value !== -EAGAIN), text, `sent from ${offset}`);
    file.readAt(fd, buffer, offset);
    assertEquals(decoder.decode(buffer.subarray(0, text.length)), text, `read at ${offset}`);
  }
  assertEquals(sendfile(server, fd, 5 * GIB - 3, 1000), 3, "no more than there is");
  assertEquals(sendfile(server, fd, 5 * GIB, 1000), 0, "nothing past the end");
  assertEquals(sendfile(server, fd, 6 * GIB, 1000), 0);
});
