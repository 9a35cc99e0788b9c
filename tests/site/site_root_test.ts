/**
 * A directory as the root of a site: what is found in it, and where links lead.
 * @module
 */
import { assertEquals } from "@std/assert";
import { RLIMIT_NOFILE } from "../../ffi/libc/constants.ts";
import { ELOOP, EMFILE, ENOENT, EXDEV } from "../../ffi/libc/errno.ts";
import { openDirectory, openPathBeneathByWalking } from "../../ffi/file/file.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { cString, libc } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { SiteRoot } from "../../handlers/site/files/directory_root.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { FOLLOWS_LINKS, Site } from "../support/program.ts";

Deno.test("the kind of a path is found without opening it: kinds, links that stay inside, and links that do not", () => {
  using site = new Site({ "root/d/a.txt": "a", "outside/b.txt": "b" });
  new Deno.Command("mkfifo", { args: [site.path("root/fifo")] }).outputSync();
  Deno.symlinkSync("d/a.txt", site.path("root/in"));
  Deno.symlinkSync("../outside/b.txt", site.path("root/out"));
  Deno.symlinkSync("../outside/nothing", site.path("root/nowhere"));
  const before = openDescriptors();
  const root = new SiteRoot(site.path("root"));
  const status = new FileStatus();
  for (
    const [path, expected] of [
      [".", "directory"],
      ["d", "directory"],
      ["d/a.txt", "file"],
      ["fifo", "other"],
      ["missing", -ENOENT],
      ["in", FOLLOWS_LINKS ? "file" : -ELOOP],
      ["out", FOLLOWS_LINKS ? -EXDEV : -ELOOP],
      ["nowhere", FOLLOWS_LINKS ? -EXDEV : -ELOOP],
    ] as const
  ) {
    assertEquals(root.look(cString(path), status), expected, path);
    const isLink = ["in", "out", "nowhere"].includes(path);
    assertEquals(root.lookWithoutLinks(cString(path), status), isLink ? -ELOOP : expected, path);
  }
  root.close();
  assertEquals(openDescriptors(), before);
});

Deno.test("without openat2 links are not followed", () => {
  using site = new Site({ "a.txt": "a" });
  Deno.symlinkSync("a.txt", site.path("link"));
  const fd = openDirectory(site.root);
  for (const [path, isLink, isFile] of [["link", true, false], ["a.txt", false, true]] as const) {
    const found = openPathBeneathByWalking(fd, cString(path));
    const status = new FileStatus();
    assertEquals([status.readDescriptor(found), status.isLink, status.isFile], [0, isLink, isFile]);
    close(found);
  }
  close(fd);
});

Deno.test("without a free descriptor the status of files can be read, again and again", () => {
  using site = new Site({ "a.txt": "a" });
  const root = new SiteRoot(site.root);
  const limits = new BigUint64Array(2);
  const bytes = new Uint8Array(limits.buffer);
  libc.getrlimit(RLIMIT_NOFILE, bytes);
  const [soft] = limits;
  const status = new FileStatus();
  const path = cString("a.txt");
  const free = root.open(path);
  close(free);
  try {
    limits[0] = BigInt(free); // the lowest free number is beyond the limit from now on
    libc.setrlimit(RLIMIT_NOFILE, bytes);
    assertEquals(root.open(path), -EMFILE);
    for (let i = 0; i < 3; i++) assertEquals(root.look(path, status), "file");
    assertEquals(root.lookWithoutLinks(path, status), "file");
    assertEquals(root.open(path), -EMFILE);
  } finally {
    limits[0] = soft!;
    libc.setrlimit(RLIMIT_NOFILE, bytes);
    root.close();
  }
});
