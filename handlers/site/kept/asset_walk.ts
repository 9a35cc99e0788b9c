/**
 * A walk through the directory of a root that finds files before they go. It works in short slices, and reads only
 * directories that have changed since the last walk.
 * @module
 */
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { SiteRoot } from "../files/directory_root.ts";
import type { SiteDirectory } from "../files/root.ts";
import { KEPT_NAMES_MAX, KEPT_REFUSALS_MAX, KEPT_SLICE_MS } from "../limits.ts";
import { isHashed, pathBytesOf } from "./asset_names.ts";

/** A directory as it was read. */
interface Read {
  readonly identity: string;
  readonly directories: readonly FileName[];
}

/** A directory that is being read. */
interface Reading {
  readonly path: FileName;
  readonly directory: SiteDirectory;
  readonly identity: string;
  readonly directories: FileName[];
  isWhole: boolean;
}

/** The walk through one root, again and again. */
export class AssetWalk {
  readonly #onFile: (path: FileName) => boolean;
  #root = "";
  #read = new Map<FileName, Read>();
  readonly #waiting: FileName[] = [];
  #reading: Reading | null = null;
  #names = 0;
  #refusals = 0;

  /** `onFile` gets the path of each file with a hash in its name. It returns false when it has no room for the file. */
  constructor(onFile: (path: FileName) => boolean) {
    this.#onFile = onFile;
  }

  /** Walks on through `root` for a slice of time. True when the walk is complete; then the next call begins anew. */
  goOn(root: SiteRoot): boolean {
    if (root.identity !== this.#root) {
      this.stop();
      this.#root = root.identity;
      this.#read.clear();
    }
    if (!this.isUnderWay) {
      this.#waiting.push("");
      this.#names = this.#refusals = 0;
    }
    const endMs = performance.now() + KEPT_SLICE_MS;
    do {
      if (this.#reading !== null) this.#readOn(this.#reading);
      else this.#enter(root, this.#waiting.pop()!);
      if (this.#names > KEPT_NAMES_MAX || this.#refusals > KEPT_REFUSALS_MAX) this.stop();
      if (!this.isUnderWay) return true;
    } while (performance.now() < endMs);
    return false;
  }

  /** True while a walk is not complete. */
  get isUnderWay(): boolean {
    return this.#reading !== null || this.#waiting.length > 0;
  }

  /** Ends the walk. */
  stop(): void {
    this.#reading?.directory.close();
    this.#reading = null;
    this.#waiting.length = 0;
  }

  #enter(root: SiteRoot, path: FileName): void {
    const directory = root.openDirectory(pathBytesOf(path === "" ? "." : path));
    if (typeof directory === "number") return;
    const status = new FileStatus();
    const { identity } = directory.readOwnStatus(status) < 0 ? { identity: "" } : status;
    const read = this.#read.get(path);
    if (read?.identity === identity) {
      directory.close();
      this.#names += read.directories.length;
      this.#waiting.push(...read.directories);
      return;
    }
    this.#reading = { path, directory, identity, directories: [], isWhole: true };
  }

  #readOn(reading: Reading): void {
    const { path, directory, identity, directories } = reading;
    const prefix = path === "" ? "" : `${path}/`;
    const files: FileName[] = [];
    const count = directory.readNames((name, kind) => {
      this.#names++;
      if (kind === "directory") {
        if (!name.startsWith(".")) directories.push(prefix + name); // hidden ones are not served
      } else if (isHashed(prefix + name)) files.push(prefix + name);
    });
    for (const file of files) {
      if (this.#onFile(file)) continue;
      this.#refusals++;
      reading.isWhole = false;
    }
    if (count > 0) return;
    directory.close();
    this.#reading = null;
    this.#waiting.push(...directories);
    if (reading.isWhole) this.#read.set(path, { identity, directories });
  }
}
