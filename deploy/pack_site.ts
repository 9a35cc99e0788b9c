/**
 * Packs a directory into an archive (`handlers/site/files/archive.ts`): the files that the server would serve, and no
 * others.
 *
 * The directory is read by the server's own code, so both agree on hidden names, on the links that are followed, and
 * on names that are not UTF-8.
 * @module
 */
import { createHash } from "node:crypto";
import { describeErrno, EACCES, EXDEV } from "../ffi/libc/errno.ts";
import { type PathBytes, readAt } from "../ffi/file/file.ts";
import { FileStatus } from "../ffi/file/file_status.ts";
import type { FileName } from "../ffi/file/inotify.ts";
import { close } from "../ffi/socket/socket.ts";
import { HiddenFile } from "../handlers/site/lookup/hidden_file.ts";
import { SiteRoot, terminate } from "../handlers/site/files/directory_root.ts";
import { archiveHeader, type ConfigText, type IndexEntry } from "../handlers/site/files/archive.ts";

const WELL_KNOWN = ".well-known";
const READ_BYTES = 1024 * 1024;

/** A mistake of the user, with a message of one line that says what to do. */
export class PackError extends Error {}

/** The contents of an archive, for a message. */
export interface Packed {
  readonly files: number;
  /** The size of all files together, in bytes. */
  readonly size: number;
  /** Files that are not hidden, but that the server would not serve either: the path and the reason. */
  readonly leftOut: readonly string[];
}

/** The options of packing. */
export interface PackOptions {
  /** The path of the file with `config`, which is not packed with the site; null when there is none. */
  readonly configPath?: string | null;
  readonly config?: ConfigText | null;
}

/**
 * Writes an archive of `directory` to `output`, at its current position.
 * @throws {PackError} for a file that cannot be read, or changes meanwhile
 * @throws {SystemError} `Cannot open root ./html: ENOENT (…)`
 */
export function packSite(directory: string, output: Deno.FsFile, options: PackOptions = {}): Packed {
  const { configPath = null, config = null } = options;
  const root = new SiteRoot(directory);
  try {
    const start = output.seekSync(0, Deno.SeekMode.Current);
    writeAll(output, archiveHeader(0, 0));
    const packer = new Packer(directory, root, new HiddenFile(configPath, root), output);
    packer.packDirectory("", []);
    const index = new TextEncoder().encode(JSON.stringify({ entries: packer.entries, config }));
    writeAll(output, index);
    output.seekSync(start, Deno.SeekMode.Start);
    writeAll(output, archiveHeader(packer.size, index.length));
    output.seekSync(0, Deno.SeekMode.End);
    const files = packer.entries.filter(([, size]) => size >= 0).length;
    return { files, size: packer.size, leftOut: packer.leftOut };
  } finally {
    root.close();
  }
}

class Packer {
  readonly entries: IndexEntry[] = [];
  readonly leftOut: string[] = [];
  size = 0;
  readonly #directory: string;
  readonly #root: SiteRoot;
  readonly #hidden: HiddenFile;
  readonly #output: Deno.FsFile;
  readonly #buffer = new Uint8Array(READ_BYTES);

  constructor(directory: string, root: SiteRoot, hidden: HiddenFile, output: Deno.FsFile) {
    this.#directory = directory;
    this.#root = root;
    this.#hidden = hidden;
    this.#output = output;
  }

  /**
   * Packs the directory at `path`. `above` are the directories on the way: a link back to one of them is
   * an error, because following it would never end.
   */
  packDirectory(path: FileName, above: readonly FileStatus[]): void {
    const opened = this.#root.openDirectory(place(path));
    if (typeof opened === "number") throw this.#failed(path, describeErrno(-opened));
    const names: FileName[] = [];
    const status = new FileStatus();
    try {
      const failed = opened.readOwnStatus(status);
      if (failed < 0) throw this.#failed(path, describeErrno(-failed));
      if (above.some((other) => other.isSameFile(status))) {
        throw this.#failed(path, "a link that leads to a directory it is in has no end: take it out");
      }
      let count: number;
      do count = opened.readNames((name) => names.push(name)); while (count > 0);
      if (count < 0) throw this.#failed(path, describeErrno(-count));
    } finally {
      opened.close();
    }
    this.entries.push([path, -1, ...timesOf(status), ""]);
    names.sort(); // the same directory always gives the same archive
    for (const name of names) {
      if (name.startsWith(".") && !(name === WELL_KNOWN && path === "")) continue;
      this.#packName(path === "" ? name : `${path}/${name}`, [...above, status]);
    }
  }

  #packName(path: FileName, above: readonly FileStatus[]): void {
    const status = new FileStatus();
    const bytes = place(path);
    const kind = this.#root.look(bytes, status);
    if (kind === -EACCES) throw this.#failed(path, "permission denied");
    if (kind === -EXDEV) return this.#leaveOut(path, "a link that leads out of the directory");
    if (kind === "other" || typeof kind === "number") {
      return this.#leaveOut(path, "a link that leads nowhere, or no regular file");
    }
    if (this.#hidden.is(path.split("/")) || this.#hidden.isSame(status)) return;
    if (kind === "directory") this.packDirectory(path, above);
    else this.#packFile(path, bytes);
  }

  #packFile(path: FileName, bytes: PathBytes): void {
    const fd = this.#root.open(bytes);
    if (fd < 0) throw this.#failed(path, describeErrno(-fd));
    try {
      const before = new FileStatus();
      const after = new FileStatus();
      if (before.readDescriptor(fd) < 0) throw this.#failed(path, "it has gone");
      const hash = createHash("sha256");
      let size = 0;
      while (true) {
        const count = readAt(fd, this.#buffer, size);
        if (count < 0) throw this.#failed(path, describeErrno(-count));
        const part = this.#buffer.subarray(0, count);
        hash.update(part);
        writeAll(this.#output, part);
        size += count;
        if (count < this.#buffer.length) break;
      }
      if (after.readDescriptor(fd) < 0 || !after.equals(before) || size !== before.size) {
        throw this.#failed(path, "it changed while it was read: try again");
      }
      this.entries.push([path, size, ...timesOf(before), hash.digest("base64url")]);
      this.size += size;
    } finally {
      close(fd);
    }
  }

  #leaveOut(path: FileName, why: string): void {
    this.leftOut.push(`${this.#shown(path)}: ${why}`);
  }

  #failed(path: FileName, why: string): PackError {
    return new PackError(`Cannot pack ${this.#shown(path)}: ${why}`);
  }

  /** Formats a path for messages. */
  #shown(path: FileName): string {
    const text = new TextDecoder().decode(bytesOf(path)).replace(/\p{Cc}/gu, "?");
    return path === "" ? this.#directory : `${this.#directory}/${text}`;
  }
}

function bytesOf(path: FileName): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(path, (character) => character.charCodeAt(0));
}

function place(path: FileName): PathBytes {
  return terminate(bytesOf(path === "" ? "." : path));
}

function timesOf(status: FileStatus): [seconds: number, nanoseconds: number] {
  const { modifiedSeconds, modifiedNanoseconds } = status;
  return [modifiedSeconds, Number(modifiedNanoseconds - BigInt(modifiedSeconds) * 1_000_000_000n)];
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}
