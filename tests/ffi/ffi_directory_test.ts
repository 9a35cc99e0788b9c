/**
 * The names in a directory, as the kernel lists them.
 * @module
 */
import { assertEquals } from "@std/assert";
import { listNames, readEntries } from "../../ffi/file/directory.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import { Site } from "../support/program.ts";
import "../support/descriptors.ts"; // loads the C library outside of any test

Deno.test("a directory's names are read, each with its kind", () => {
  using site = new Site({ "a": "", "d/x": "" });
  Deno.symlinkSync("a", site.path("link"));
  const fd = openDirectory(site.root);
  const open = () => openBeneathByWalking(fd, cString("."));
  const directory = open();
  const entries: string[] = [];
  while (readEntries(directory, (name, kind) => void entries.push(`${name} ${kind}`)) > 0);
  assertEquals(entries.sort(), ["a file", "d directory", "link other"]);
  const again = open();
  assertEquals(listNames(again, 2), null);
  const third = open();
  assertEquals([...listNames(third, 3) ?? []].sort(), ["a", "d", "link"]);
  for (const descriptor of [fd, directory, again, third]) close(descriptor);
});
