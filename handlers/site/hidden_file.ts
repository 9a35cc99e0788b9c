/**
 * A file that is never shown, even where it stands in the site: the configuration, with its password hashes.
 * @module
 */
import { AT_FDCWD } from "../../ffi/constants.ts";
import { FileStatus } from "../../ffi/file.ts";
import type { FileName } from "../../ffi/inotify.ts";
import { cString } from "../../ffi/libc.ts";
import { namesOf, terminate } from "./site_root.ts";

/** Known by its name and by the directory that it is in, whatever that is called and whatever replaces the file. */
export class HiddenFile {
  readonly #name: FileName;
  readonly #directory = new FileStatus();
  readonly #other = new FileStatus();
  readonly #root: number;

  /** `path` as the process would open it; `root` is the site's descriptor. */
  constructor(path: string, root: number) {
    const slash = path.lastIndexOf("/");
    this.#name = namesOf(new TextEncoder().encode(path.slice(slash + 1)))[0];
    this.#directory.read(AT_FDCWD, cString(slash < 0 ? "." : path.slice(0, slash + 1)));
    this.#root = root;
  }

  /** True for its path below the root, and for what it is compressed to beside it. */
  is(path: Uint8Array): boolean {
    const name = namesOf(path).at(-1) ?? "";
    if (name !== this.#name && !name.startsWith(this.#name + ".")) return false;
    const slash = path.lastIndexOf(0x2f);
    const directory = slash < 0 ? cString(".") : terminate(path.subarray(0, slash));
    return this.#other.read(this.#root, directory) === 0 && this.#other.isSameFile(this.#directory);
  }
}
