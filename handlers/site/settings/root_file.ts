/**
 * Settings of a site whose root is a single file.
 * @module
 */
import { AT_FDCWD } from "../../../ffi/libc/constants.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { textOf } from "../../../ffi/file/path_walk.ts";
import { cString, loadLibc } from "../../../ffi/libc/libc.ts";
import { printable } from "../../../server/usage_error.ts";
import { encodePath } from "../files/resolve_path.ts";
import type { SiteSettings } from "./site_settings.ts";

/** Settings by which a site is served. */
export interface ServedSettings extends SiteSettings {
  /** The one name in the directory `root` that is served, with a character for each byte. Missing: all are. */
  readonly rootFile?: FileName;
}

/** The page of a single-page application where none is named. */
const USUAL_PAGE = "/index.html";

/**
 * Returns settings that serve the file at `root`, if a file is there, at `/` and under its name: the root is its
 * directory, its index the file. Other settings are returned as they are.
 * @throws {TypeError} for a file that is hidden, and for another page of an application
 */
export function withRootFile(settings: SiteSettings): ServedSettings {
  const { root: path, spa } = settings;
  if (typeof path !== "string" || !isFile(path)) return settings;
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const say = (why: string) => new TypeError(`Bad root ${printable(path)}: ${why}`);
  if (name.startsWith(".")) throw say("a file whose name begins with a dot is not served: rename it");
  if (spa !== null && spa !== USUAL_PAGE && spa !== `/${name}`) {
    throw say(`it is one file, so the page for all URLs (spa) cannot be ${printable(spa)}: leave that out`);
  }
  return {
    ...settings,
    root: slash < 0 ? "." : path.slice(0, slash + 1),
    rootFile: textOf(new TextEncoder().encode(name)),
    index: [name],
    spa: spa === null ? null : encodePath(new TextEncoder().encode(name), false),
    browse: false,
    archive: false,
    precompressed: "off", // the forms would be other files
  };
}

function isFile(path: string): boolean {
  loadLibc();
  const status = new FileStatus();
  return !path.includes("\0") && status.read(AT_FDCWD, cString(path)) === 0 && status.isFile;
}
