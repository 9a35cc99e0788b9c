/**
 * An archive as the root of a site. An archive never changes, and has no links.
 * @module
 */
import { EBADF, ENOENT, ENOTDIR } from "../../../ffi/libc/errno.ts";
import { type PathBytes } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import { bytesWithHeadRoom } from "../../../server/http/head_room.ts";
import type { ArchiveEntry, SiteArchive } from "../files/archive.ts";
import type { FindContent, Loaded, Loader, Opened } from "./loader.ts";
import { OpenFile } from "../files/open_files.ts";
import type { FileStart } from "../files/read_file.ts";
import type { Variant } from "../cache/resource.ts";
import type { Found, Root, SiteDirectory, Spelling } from "../files/root.ts";

const DOT = 0x2e;
let loaders = 0;

/** A root with the files of an archive. */
export class ArchiveRoot implements Root {
  readonly #archive: SiteArchive;
  readonly #status = new FileStatus();
  readonly followsLinks = true;
  readonly name = null;
  readonly isReplaced = false;

  constructor(archive: SiteArchive) {
    this.#archive = archive;
  }

  mayHave(): boolean {
    return true;
  }

  /** Returns the entry at `path`; undefined when there is none. */
  find(path: PathBytes): ArchiveEntry | undefined {
    return this.#archive.find(nameOf(path));
  }

  readStatus(path: PathBytes, status: FileStatus): number {
    const entry = this.find(path);
    if (entry === undefined) return -ENOENT;
    status.describe(entry.kind, entry);
    return 0;
  }

  look(path: PathBytes, status: FileStatus = this.#status): Found {
    const entry = this.find(path);
    if (entry === undefined) return -ENOENT;
    status.describe(entry.kind, entry);
    return entry.kind;
  }

  lookWithoutLinks(path: PathBytes, status: FileStatus): Found {
    return this.look(path, status);
  }

  spellingOf(): Spelling {
    return "exact";
  }

  mayRead(path: PathBytes): boolean {
    return this.find(path)?.kind === "file";
  }

  readStart(path: PathBytes, bytesMax: number): FileStart | null {
    const entry = this.find(path);
    if (entry?.kind !== "file") return null;
    const bytes = new Uint8Array(Math.min(entry.size, bytesMax));
    const isRead = this.#archive.read(entry, bytes, 0) === bytes.length;
    return isRead ? { bytes, isWhole: entry.size <= bytesMax } : null;
  }

  openDirectory(path: PathBytes): SiteDirectory | number {
    const entry = this.find(path);
    if (entry === undefined) return -ENOENT;
    if (entry.kind !== "directory") return -ENOTDIR;
    return new ArchiveDirectory(this.#archive, nameOf(path), entry);
  }

  close(): void {
    // The archive stays open: it belongs to the program, and other sites may use it.
  }
}

/** Returns a path with a character for each byte, without its NUL; empty for the root. */
function nameOf(path: PathBytes): FileName {
  if (path[0] === DOT && path[1] === 0) return "";
  let name = "";
  for (let i = 0; i < path.length - 1; i++) name += String.fromCharCode(path[i]!);
  return name;
}

class ArchiveDirectory implements SiteDirectory {
  readonly #archive: SiteArchive;
  readonly #prefix: FileName;
  readonly #entry: ArchiveEntry;
  readonly #status = new FileStatus();
  #wasRead = false;

  constructor(archive: SiteArchive, path: FileName, entry: ArchiveEntry) {
    this.#archive = archive;
    this.#prefix = path === "" ? "" : `${path}/`;
    this.#entry = entry;
  }

  readOwnStatus(status: FileStatus): number {
    status.describe("directory", this.#entry);
    return 0;
  }

  readNames(onEntry: (name: FileName, kind: "file" | "directory") => void): number {
    if (this.#wasRead) return 0;
    this.#wasRead = true;
    const { names } = this.#entry;
    for (const name of names) onEntry(name, this.#archive.find(this.#prefix + name)!.kind);
    return names.length;
  }

  statusOf(name: FileName): FileStatus | null {
    const entry = this.#archive.find(this.#prefix + name);
    if (entry === undefined) return null;
    this.#status.describe(entry.kind, entry);
    return this.#status;
  }

  close(): void {}
}

/** The loader for files of an archive: small ones are read into memory, others are sent from the archive's file. */
export class ArchiveLoader implements Loader {
  readonly #archive: SiteArchive;
  readonly #root: ArchiveRoot;
  readonly #fileBytesMax: number;
  /** The key for {@linkcode OpenFile}: one for all entries, since they are in the same file. */
  readonly #key = `archive ${++loaders}`;

  constructor(archive: SiteArchive, root: ArchiveRoot, fileBytesMax: number) {
    this.#archive = archive;
    this.#root = root;
    this.#fileBytesMax = fileBytesMax;
  }

  watch(): boolean {
    return true; // an archive never changes
  }

  load(_resource: unknown, { seen }: Variant, _isFresh: boolean, find: FindContent): Loaded | number {
    const entry = this.#root.find(seen.path);
    if (entry === undefined) return -ENOENT;
    const { size, start, digest } = entry;
    const status = new FileStatus();
    status.describe("file", entry);
    if (size <= this.#fileBytesMax) {
      const content = find(status);
      if (content !== null) return { status, bytes: null, content, file: null, start: 0, digest };
    }
    if (size <= this.#fileBytesMax && !bodyMemory.isFullForFiles) {
      const bytes = bytesWithHeadRoom(size);
      const count = this.#archive.read(entry, bytes, 0);
      if (count === size) return { status, bytes, content: null, file: null, start: 0, digest };
      return count < 0 ? count : -EBADF;
    }
    const file = this.#openFile();
    return typeof file === "number" ? file : { status, bytes: null, content: null, file, start, digest };
  }

  open(path: PathBytes): Opened | number {
    const entry = this.#root.find(path);
    if (entry === undefined || entry.kind !== "file") return -ENOENT;
    const status = new FileStatus();
    status.describe("file", entry);
    const file = this.#openFile();
    return typeof file === "number" ? file : { status, file, start: entry.start };
  }

  #openFile(): OpenFile | number {
    const fd = this.#archive.open();
    return fd < 0 ? fd : OpenFile.of(fd, this.#key, null);
  }
}
