/**
 * A site in one file: what `deno task compile --site DIR` puts behind the program, and what the program reads there.
 *
 * It is a header, the bytes of all files one after the other, and an index in JSON. Nothing is unpacked: the bytes are
 * read, or sent, from where they are, through a descriptor of the file that they stand in.
 * @module
 */
import { EINVAL, EIO, orThrow, SystemError } from "../../../ffi/libc/errno.ts";
import { duplicate, openExecutable, readElfHeader } from "../../../ffi/process/executable.ts";
import { readAt } from "../../../ffi/file/file.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { ELF64_EHDR } from "../../../ffi/libc/structs.ts";

/** The first bytes of an archive. The number is that of the format. */
const MAGIC = new TextEncoder().encode("epollet site 1\n\n");
/** The magic, and two lengths of 64 bits: of the files' bytes, and of the index. */
const HEADER_BYTES = 32;

/** A file or a directory, as the index has it; a name has a character for each of its bytes. */
export type IndexEntry = readonly [
  path: FileName,
  /** Bytes; −1 for a directory. */
  size: number,
  modifiedSeconds: number,
  modifiedNanoseconds: number,
  /** SHA-256 of the bytes in base64url; of a directory empty. */
  digest: string,
];

/** What stands behind the files. */
export interface ArchiveIndex {
  /** Each directory before what is in it, the root (whose path is empty) first; the files' bytes are in this order. */
  readonly entries: readonly IndexEntry[];
  /** The configuration that came with the site; null: there is none. */
  readonly config: ConfigText | null;
}

/** A configuration file, as it was read. */
export interface ConfigText {
  /** What it is called in messages, too. */
  readonly path: string;
  /** What stands in it. */
  readonly text: string;
}

/** Something in an archive. */
export interface ArchiveEntry {
  /** What it is. */
  readonly kind: "file" | "directory";
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number;
  /** What is above them. */
  readonly modifiedNanoseconds: number;
  /** SHA-256 of the bytes in base64url. */
  readonly digest: string;
  /** Where its bytes begin in what {@linkcode SiteArchive.open} opens. */
  readonly start: number;
  /** Another one for each entry; never 0. */
  readonly inode: number;
  /** The names in a directory, with a character for each byte. */
  readonly names: readonly string[];
}

/** The first bytes of an archive. */
export function archiveHeader(contentBytes: number, indexBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(MAGIC.length, BigInt(contentBytes), true);
  view.setBigUint64(MAGIC.length + 8, BigInt(indexBytes), true);
  return bytes;
}

/** A site that is packed into one file. */
export class SiteArchive {
  readonly #fd: number;
  readonly #entries = new Map<FileName, ArchiveEntry>();
  /** What the program is to do unless told otherwise; null: nothing came with the site. */
  readonly config: ConfigText | null;
  /** How many files it has. */
  readonly files: number;
  /** Bytes of all files together. */
  readonly size: number;

  /**
   * Reads the archive that begins at `start` of what is open as `fd`, which stays open for as long as anything of it is
   * served.
   * @throws {SystemError} for one that is damaged.
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

  /** Returns how many files there are. */
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

  /** What stands at `path`: a character for each byte, without slashes at its ends; empty for the root. */
  find(path: string): ArchiveEntry | undefined {
    return this.#entries.get(path);
  }

  /** A descriptor for the bytes of all files, which the caller closes; or −errno. */
  open(): number {
    return duplicate(this.#fd);
  }

  /** Fills `buffer` from the byte at `offset` of an entry: how many bytes, or −errno. */
  read({ start }: ArchiveEntry, buffer: Uint8Array<ArrayBuffer>, offset: number): number {
    return readAt(this.#fd, buffer, start + offset);
  }

  /** For people. */
  toString(): string {
    return `the embedded site (${this.files} ${this.files === 1 ? "file" : "files"})`;
  }
}

const INTENT = "read the embedded site";

function damaged(errno: number): SystemError {
  return new SystemError(INTENT, "pread", errno);
}

/** Bytes of the files and of the index; null where no archive begins. */
function readLengths(fd: number, start: number): readonly [contentBytes: number, indexBytes: number] | null {
  const header = new Uint8Array(HEADER_BYTES);
  if (readAt(fd, header, start) < HEADER_BYTES) return null;
  if (MAGIC.some((byte, i) => header[i] !== byte)) return null;
  const view = new DataView(header.buffer);
  return [Number(view.getBigUint64(MAGIC.length, true)), Number(view.getBigUint64(MAGIC.length + 8, true))];
}

let embedded: SiteArchive | null | undefined;

/**
 * The site that was compiled into this program; null: none was, or nobody may read it.
 * @throws {SystemError} for one that is damaged.
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
