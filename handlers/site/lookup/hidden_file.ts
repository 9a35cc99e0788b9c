/**
 * Files that are never served, even where they are in the site: the configuration, which has password hashes.
 * @module
 */
import { AT_FDCWD } from "../../../ffi/libc/constants.ts";
import { type PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { cString } from "../../../ffi/libc/libc.ts";
import type { Root } from "../files/root.ts";
import { namesOf, terminate } from "../files/directory_root.ts";

const CONFIG_NAME = "epollet.json";

/**
 * Recognizes the configuration in force: the file itself under any name, each file with its name in its directory, and
 * copies there (`x.gz`, `x-old`, an editor's `#x#`). `epollet.json` in the site's root is hidden even when it is not in
 * force, since it was written for a server and is no page. Case is ignored: on a file system that ignores it,
 * `EPOLLET.JSON.bak` may be a copy of `epollet.json`.
 */
export class HiddenFile {
  readonly #root: Root;
  /** The path by which the process would open the configuration; null when there is none. */
  readonly #path: PathBytes | null;
  /** In lower case, character by character, so equal bytes stay equal. */
  readonly #name: FileName;
  readonly #directory = new FileStatus();
  readonly #other = new FileStatus();

  /** `path` is the configuration's, as the process would open it; null when there is none. `root` is the site's. */
  constructor(path: string | null, root: Root) {
    this.#root = root;
    const slash = path?.lastIndexOf("/") ?? -1;
    this.#path = path === null ? null : cString(path);
    const name = namesOf(new TextEncoder().encode(path?.slice(slash + 1) ?? CONFIG_NAME)).at(-1) ?? "";
    this.#name = name.toLowerCase();
    this.#directory.read(AT_FDCWD, cString(path === null || slash < 0 ? "." : path.slice(0, slash + 1)));
  }

  /** True when the path of `names`, below the root, is hidden. */
  is(names: readonly FileName[]): boolean {
    const name = (names.at(-1) ?? "").toLowerCase();
    if (names.length === 1 && isMadeOf(name, CONFIG_NAME)) return true;
    if (!isMadeOf(name, this.#name)) return false;
    const directory = Uint8Array.from(names.slice(0, -1).join("/") || ".", (byte) => byte.charCodeAt(0));
    return this.#root.look(terminate(directory), this.#other) === "directory" &&
      this.#other.isSameFile(this.#directory);
  }

  /** True when `status` is the configuration's, to which another name or a link may lead. */
  isSame(status: FileStatus | null): boolean {
    return status !== null && this.#path !== null && this.#other.read(AT_FDCWD, this.#path) === 0 &&
      this.#other.isSameFile(status);
  }
}

/** True when `name` contains `original` with neither a letter nor a digit right before or behind it. */
function isMadeOf(name: FileName, original: FileName): boolean {
  const start = name.indexOf(original);
  const around = [name[start - 1], name[start + original.length]];
  return start >= 0 && !around.some((character) => /[A-Za-z0-9]/.test(character ?? ""));
}
