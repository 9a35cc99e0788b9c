/**
 * A site in one file, which `deno task compile --site DIR` appends to the program.
 *
 * An archive is a header, the bytes of all files one after the other, and an index in JSON. It is not unpacked: files
 * are read, or sent, through a descriptor of the program's executable.
 * @module
 */
import { EINVAL, EIO, orThrow, SystemError } from "../../../ffi/libc/errno.ts";
import { duplicate, openExecutable, readElfHeader } from "../../../ffi/process/executable.ts";
import { readAt } from "../../../ffi/file/file.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { ELF64_EHDR } from "../../../ffi/libc/structs.ts";

/** The first bytes of an archive. The number is the version of the format. */
const MAGIC = new TextEncoder().encode("epollet site 1\n\n");
/** The magic, and two lengths as little-endian 64-bit numbers: of the files' bytes, and of the index. */
const HEADER_BYTES = 32;

/** A file or a directory in the index. A path has a character for each of its bytes. */
export type IndexEntry = readonly [
  path: FileName,
  /** Bytes; −1 for a directory. */
  size: number,
  modifiedSeconds: number,
  modifiedNanoseconds: number,
  /** SHA-256 of the bytes in base64url; empty for a directory. */
  digest: string,
];

/** The index, which follows the files. */
export interface ArchiveIndex {
  /** The root first (with an empty path), and each directory before its content. The files' bytes are in this order. */
  readonly entries: readonly IndexEntry[];
  /** The configuration of the site; null when there is none. */
  readonly config: ConfigText | null;
}

/** A configuration file. */
export interface ConfigText {
  /** Its path, which messages show. */
  readonly path: string;
  /** Its content. */
  readonly text: string;
}

/** A file or a directory in an archive. */
export interface ArchiveEntry {
  /** Whether the entry is a file or a directory. */
  readonly kind: "file" | "directory";
  /** Bytes; 0 for a directory. */
  readonly size: number;
  /** Whole seconds since the epoch. */
  readonly modifiedSeconds: number;
  /** The nanoseconds beyond the whole seconds. */
  readonly modifiedNanoseconds: number;
  /** SHA-256 of the bytes in base64url; empty for a directory. */
  readonly digest: string;
  /** The offset of the bytes in the file that {@linkcode SiteArchive.open} opens. */
  readonly start: number;
  /** A number that is different for each entry, and never 0. */
  readonly inode: number;
  /** The names in a directory, with a character for each byte; empty for a file. */
  readonly names: readonly string[];
}

/** Returns the header of an archive. */
export function archiveHeader(contentBytes: number, indexBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(MAGIC.length, BigInt(contentBytes), true);
  view.setBigUint64(MAGIC.length + 8, BigInt(indexBytes), true);
  return bytes;
}

/** A site in one file. */
export class SiteArchive {
  readonly #fd: number;
  readonly #entries = new Map<FileName, ArchiveEntry>();
  /** The default configuration of the program; null when the site has none. */
  readonly config: ConfigText | null;
  /** The number of files. */
  readonly files: number;
  /** Bytes of all files together. */
  readonly size: number;

  /**
   * Reads the index of the archive that begins at the offset `start` of the file `fd`. `fd` must stay open as long as
   * the archive is served.
   * @throws {SystemError} when the archive is damaged.
   */
  constructor(fd: number, start: number) {
    const lengths = readLengths(fd, start);
    if (lengths === null) throw damaged(EINVAL);
    const [contentBytes, indexBytes] = lengths;
    const bytes = new Uint8Array(indexBytes);
    const count = orThrow(readAt(fd, bytes, start + HEADER_BYTES + contentBytes), INTENT, "pread");
    if (count < indexBytes) throw damaged(EIO);
    const { entries, config }: ArchiveIndex = JSON.parse(new TextDecoder().decode(bytes));
    this.#fd = fd;
    this.config = config;
    this.files = this.#add(entries, start + HEADER_BYTES);
    this.size = contentBytes;
  }

  /** Adds the entries, whose bytes begin at `start`. Returns the number of files. */
  #add(entries: readonly IndexEntry[], start: number): number {
    const names = new Map<FileName, FileName[]>();
    let files = 0;
    for (const [path, size, modifiedSeconds, modifiedNanoseconds, digest] of entries) {
      const kind = size < 0 ? "directory" : "file";
      const own: FileName[] = [];
      if (kind === "directory") names.set(path, own);
      else files++;
      this.#entries.set(path, {
        kind,
        size: Math.max(size, 0),
        modifiedSeconds,
        modifiedNanoseconds,
        digest,
        start,
        inode: this.#entries.size + 1,
        names: own,
      });
      const slash = path.lastIndexOf("/");
      if (path !== "") names.get(path.slice(0, Math.max(slash, 0)))!.push(path.slice(slash + 1));
      start += Math.max(size, 0);
    }
    return files;
  }

  /**
   * Returns the entry at `path`; undefined when there is none. `path` has a character for each byte, and no slash at
   * either end. It is empty for the root.
   */
  find(path: string): ArchiveEntry | undefined {
    return this.#entries.get(path);
  }

  /** Returns a new descriptor of the file that has the bytes of all files, or −errno. The caller closes it. */
  open(): number {
    return duplicate(this.#fd);
  }

  /** Reads bytes of an entry, from `offset` on, into `buffer`. Returns how many, or −errno. */
  read({ start }: ArchiveEntry, buffer: Uint8Array<ArrayBuffer>, offset: number): number {
    return readAt(this.#fd, buffer, start + offset);
  }

  /** Returns the name of this root for messages. */
  toString(): string {
    return `the embedded site (${this.files} ${this.files === 1 ? "file" : "files"})`;
  }
}

const INTENT = "read the embedded site";

function damaged(errno: number): SystemError {
  return new SystemError(INTENT, "pread", errno);
}

/** Returns the lengths of the files' bytes and of the index. Null when there is no archive at `start`. */
function readLengths(fd: number, start: number): readonly [contentBytes: number, indexBytes: number] | null {
  const header = new Uint8Array(HEADER_BYTES);
  if (readAt(fd, header, start) < HEADER_BYTES) return null;
  if (MAGIC.some((byte, i) => header[i] !== byte)) return null;
  const view = new DataView(header.buffer);
  return [Number(view.getBigUint64(MAGIC.length, true)), Number(view.getBigUint64(MAGIC.length + 8, true))];
}

let embedded: SiteArchive | null | undefined;

/**
 * Returns the site that was compiled into this program. Null when there is none, or the executable cannot be read.
 * @throws {SystemError} when the archive is damaged.
 */
export function embeddedSite(): SiteArchive | null {
  if (embedded === undefined) embedded = Deno.build.standalone ? openSiteOfProgram() : null;
  return embedded;
}

function openSiteOfProgram(): SiteArchive | null {
  const fd = openExecutable();
  if (fd < 0) return null;
  const bytes = new Uint8Array(ELF64_EHDR.size);
  readAt(fd, bytes, 0);
  const header = readElfHeader(bytes);
  if (header !== null && readLengths(fd, header.end) !== null) return new SiteArchive(fd, header.end);
  close(fd);
  return null;
}
