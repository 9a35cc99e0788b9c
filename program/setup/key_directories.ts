/**
 * Directories with keys of ACME: no site may be such a directory, be in one, or contain one.
 * @module
 */
import { exists } from "../../ffi/file/private_file.ts";
import { openPath, pathOf } from "../../ffi/file/path_walk.ts";
import { close } from "../../ffi/socket/socket.ts";
import { UsageError } from "../../server/usage_error.ts";
import { usualDirectory } from "../acme/settings.ts";
import { isStore } from "../acme/store.ts";
import { certificateFiles } from "../config/certificate_files.ts";
import { type ConfigPath, withPlace } from "../config/config_place.ts";
import type { CommandLine } from "../config/settings/settings.ts";

/** The directories that are served, and the places of their settings. Files inside of the program are not among them. */
export function namedRootsOf(
  { handler, site, hosts }: CommandLine,
): (readonly [root: string, path: ConfigPath])[] {
  if (handler !== "static") return [];
  const all: (readonly [root: unknown, path: ConfigPath])[] = [
    [site.root, ["root"]],
    ...Array.from(hosts, ([name, { root }]) => [root, ["hosts", name, "root"]] as const),
  ];
  return all.flatMap(([root, path]) => typeof root === "string" ? [[root, path] as const] : []);
}

/** Returns the directories that are served. Files inside of the program are not among them: they need no permission. */
export function rootsOf(command: CommandLine): string[] {
  return namedRootsOf(command).map(([root]) => root);
}

/**
 * Checks that no site shows keys of ACME, also without `--acme`: those in the usual directory, those beside a certificate
 * that is served, and those around the site.
 * @throws {UsageError}
 */
export function checkKeys(command: CommandLine): void {
  const beside = command.tlsCert.map((value) => directoryOf(certificateFiles(value).cert));
  const known = [command.acmeDir, usualDirectory(), ...beside].filter((path) => path !== null);
  const stores = [...new Set(known)].filter(isStore);
  for (const [root, path] of namedRootsOf(command)) {
    const found = stores.find((store) => overlapOf(store, root) !== null) ?? storeAround(root);
    if (found === null) continue;
    const line =
      `Bad root ${root}: the keys of certificates are in ${found}, and no site may contain them: serve another directory`;
    throw new UsageError(withPlace(command, path, line));
  }
}

/** Returns how a directory and a root overlap; null if they do not. A directory that is missing is looked for by those above it. */
export function overlapOf(directory: string, root: string): string | null {
  const own = realPath(directory);
  const site = realPath(root);
  const isBelow = (path: string, other: string) =>
    path === other || path.startsWith(other === "/" ? "/" : `${other}/`);
  if (isBelow(own, site)) return own === site ? "is" : "is in";
  return isBelow(site, own) ? "contains" : null;
}

/** Returns the directory of keys that `root` is, or is in; null without one. */
function storeAround(root: string): string | null {
  if (!exists(root)) return null;
  for (let at = realPath(root);; at = directoryOf(at)) {
    if (isStore(at)) return at;
    if (at === "/") return null;
  }
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash) || "/";
}

/** Returns the path without links, as far as there is such a file. */
function realPath(path: string): string {
  const fd = openPath(path === "" ? "." : path);
  if (fd >= 0) {
    const real = pathOf(fd);
    close(fd);
    return real;
  }
  const parent = realPath(directoryOf(path));
  return `${parent === "/" ? "" : parent}/${path.slice(path.lastIndexOf("/") + 1)}`;
}
