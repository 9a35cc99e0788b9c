/**
 * A single file as the root of a site: its directory, in which nothing else is found.
 *
 * The directory is watched and not the file alone, so a file that is renamed to the name is seen at once. If the file is
 * a symbolic link, it is followed wherever it leads, as a link that is named as a root is; like other links it is looked
 * at for each request.
 * @module
 */
import { ENOENT, ENOTDIR } from "../../../ffi/libc/errno.ts";
import { openAnywhere, type PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { cName, type FileName } from "../../../ffi/file/inotify.ts";
import { isEqual } from "../../../server/http/bytes.ts";
import { SiteRoot } from "./directory_root.ts";
import { type FileStart, isOpened, readStart } from "./read_file.ts";
import type { Found, Root, Spelling } from "./root.ts";

const HERE = cName(".");

/** A directory with one file. */
export class FileRoot implements Root {
  readonly #directory: SiteRoot;
  readonly #name: FileName;
  readonly #path: PathBytes;
  readonly #isConfined: boolean;
  readonly #status = new FileStatus();

  /**
   * Opens the directory at `path`, in which `name` is served. With `isConfined`, the directory has to be in the working
   * directory, and the file in this directory.
   * @throws {SystemError} as {@linkcode SiteRoot}
   */
  constructor(path: string, name: FileName, isConfined: boolean = false) {
    this.#directory = new SiteRoot(path, isConfined);
    this.#name = name;
    this.#path = cName(name);
    this.#isConfined = isConfined;
  }

  get followsLinks(): boolean {
    return this.#directory.followsLinks;
  }

  get isReplaced(): boolean {
    return this.#directory.isReplaced;
  }

  /** The descriptor of the directory, or −errno, as of {@linkcode SiteRoot}. */
  get fd(): number {
    return this.#directory.fd;
  }

  /** A text that no other directory has at the same time. */
  get identity(): string {
    return this.#directory.identity;
  }

  /** The directory's path in the kernel; null when it is not known. */
  get realPath(): FileName | null {
    return this.#directory.realPath;
  }

  get name(): FileName | null {
    return this.#directory.name;
  }

  mayHave(names: readonly FileName[]): boolean {
    return names.length === 1 && names[0] === this.#name;
  }

  look(path: PathBytes, status: FileStatus = this.#status): Found {
    if (isEqual(path, HERE)) return this.#directory.look(path, status);
    if (!this.#isOwn(path)) return -ENOENT;
    if (this.#isConfined) return fileOnly(this.#directory.look(path, status));
    const { fd } = this;
    const failed = fd < 0 ? fd : status.read(fd, path);
    return failed < 0 ? failed : status.isFile ? "file" : "other";
  }

  lookWithoutLinks(path: PathBytes, status: FileStatus): Found {
    return this.#isOwn(path) ? fileOnly(this.#directory.lookWithoutLinks(path, status)) : -ENOENT;
  }

  readStatus(path: PathBytes, status: FileStatus): number {
    return this.#isOwn(path) ? this.#directory.readStatus(path, status) : -ENOENT;
  }

  /** Returns "exact": the name is the one in the settings. */
  spellingOf(): Spelling {
    return "exact";
  }

  /** Opens the file. Returns a descriptor or −errno. */
  open(path: PathBytes): number {
    if (!this.#isOwn(path)) return -ENOENT;
    if (this.#isConfined) return this.#directory.open(path);
    const { fd } = this;
    return fd < 0 ? fd : openAnywhere(fd, path);
  }

  /** Does the same as {@linkcode open}, but returns −ELOOP for a symbolic link. */
  openWithoutLinks(path: PathBytes): number {
    return this.#isOwn(path) ? this.#directory.openWithoutLinks(path) : -ENOENT;
  }

  mayRead(path: PathBytes): boolean {
    return isOpened(this.open(path));
  }

  readStart(path: PathBytes, bytesMax: number): FileStart | null {
    return readStart(this.open(path), bytesMax);
  }

  /** Returns −errno: nothing is listed. */
  openDirectory(): number {
    return -ENOTDIR;
  }

  close(): void {
    this.#directory.close();
  }

  #isOwn(path: PathBytes): boolean {
    return isEqual(path, this.#path);
  }
}

/** A directory that has come in place of the file is not served. */
function fileOnly(found: Found): Found {
  return found === "directory" ? -ENOENT : found;
}
