/**
 * Files that are never shown, even where they stand in the site: the configuration, with its password hashes.
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
 * The configuration that is in force, by whatever name it is found, what bears its name in its directory, whatever
 * that is called and whatever replaces the file, and what was made of it there (`x.gz`, `x-old`, the `#x#` of an editor). And `epollet.json` in the site's root,
 * also where it is not in force: it was written for this server, and is no page. Case does not matter: where the
 * file system ignores it, `EPOLLET.JSON.bak` may be what a program made of `epollet.json`.
 */
export class HiddenFile {
  readonly #root: Root;
  /** The configuration as the process would open it; null: there is none. */
  readonly #path: PathBytes | null;
  /** In lower case, character by character: that is the same for the same bytes. */
  readonly #name: FileName;
  readonly #directory = new FileStatus();
  readonly #other = new FileStatus();

  /** `path` as the process would open it, null for none; `root` is the site's. */
  constructor(path: string | null, root: Root) {
    this.#root = root;
    const slash = path?.lastIndexOf("/") ?? -1;
    this.#path = path === null ? null : cString(path);
    const name = namesOf(new TextEncoder().encode(path?.slice(slash + 1) ?? CONFIG_NAME)).at(-1) ?? "";
    this.#name = name.toLowerCase();
    this.#directory.read(AT_FDCWD, cString(path === null || slash < 0 ? "." : path.slice(0, slash + 1)));
  }

  /** True for the names on a path below the root that is not to be shown. */
  is(names: readonly FileName[]): boolean {
    const name = (names.at(-1) ?? "").toLowerCase();
    if (names.length === 1 && isMadeOf(name, CONFIG_NAME)) return true;
    if (!isMadeOf(name, this.#name)) return false;
    const directory = Uint8Array.from(names.slice(0, -1).join("/") || ".", (byte) => byte.charCodeAt(0));
    return this.#root.look(terminate(directory), this.#other) === "directory" &&
      this.#other.isSameFile(this.#directory);
  }

  /** True when `status` is that of the configuration: another name, or a link, leads to it. */
  isSame(status: FileStatus | null): boolean {
    return status !== null && this.#path !== null && this.#other.read(AT_FDCWD, this.#path) === 0 &&
      this.#other.isSameFile(status);
  }
}

/** True for the name itself, and where something that is no letter or digit was put before or behind it. */
function isMadeOf(name: FileName, original: FileName): boolean {
  const start = name.indexOf(original);
  const around = [name[start - 1], name[start + original.length]];
  return start >= 0 && !around.some((character) => /[A-Za-z0-9]/.test(character ?? ""));
}
