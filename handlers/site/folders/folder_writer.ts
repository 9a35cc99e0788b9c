/**
 * Writes the files that a walk has found into an archive, one at a time.
 *
 * Each file is as it was at one moment. A small file is read whole first. A large one is sent while it is read; when it
 * changes meanwhile, the archive is told to forget it, and it is read again. What remains missing is named in a note at
 * the end.
 * @module
 */
import { EACCES, EAGAIN, EMFILE, ENFILE, ENOMEM, EPERM } from "../../../ffi/libc/errno.ts";
import { readAt } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import type { Loader, Opened } from "../content/loader.ts";
import { terminate } from "../files/directory_root.ts";
import { isCompressible, mediaTypeOf } from "../files/media_type.ts";
import {
  CACHE_SETTLE_SECONDS,
  COMPRESSED_BYTES_MAX,
  FOLDER_PAUSE_MS,
  FOLDER_PIECE_BYTES,
  FOLDER_READS_MAX,
  FOLDER_WAIT_MS_MAX,
  FOLDER_WHOLE_BYTES_MAX,
} from "../limits.ts";
import { bytesOf, textOf } from "../listing/natural_order.ts";
import type { HiddenFile } from "../lookup/hidden_file.ts";
import { pathOf, type Walked, type WalkedDirectory } from "./folder_walk.ts";
import { LeftOut, noteName } from "./left_out.ts";
import { type FolderFormat, isDangerous, type Member } from "./member.ts";

/** What an archive is made of. */
export interface FolderParts {
  readonly walked: Walked;
  /** The path of the directory below the root. */
  readonly path: Uint8Array;
  /** The name of the directory that the archive has everything in. */
  readonly name: FileName;
  readonly format: FolderFormat;
  readonly loader: Loader;
  readonly hidden: HiddenFile;
  /** Bytes of all files. */
  readonly bytesMax: number;
}

/** Bytes of an archive; or null after work that gave none; or `wait` when the next step should come later. */
export type Step = Uint8Array | null | "wait";

const EXECUTABLE = 0o100;
/** Bytes of a small file that are read in one step. */
const READ_BYTES = 256 * 1024;
/** Errors that pass when other files are closed. */
const PASSING: readonly number[] = [-EMFILE, -ENFILE, -ENOMEM, -EAGAIN];

/** Returns the steps of an archive. Its bytes have to be used before the next step. */
export function writeFolder(parts: FolderParts): Generator<Step> {
  return new FolderWriter(parts).run();
}

class FolderWriter {
  readonly #parts: FolderParts;
  readonly #format: FolderFormat;
  readonly #leftOut = new LeftOut();
  #bytes = 0;
  /** Holds a small file. */
  #content = new Uint8Array(FOLDER_PIECE_BYTES);
  readonly #after = new FileStatus();

  constructor(parts: FolderParts) {
    this.#parts = parts;
    this.#format = parts.format;
  }

  *run(): Generator<Step> {
    const { walked: { top, isUnsettled }, name } = this.#parts;
    yield* this.#format.start();
    yield* this.#directory(top, `${name}/`);
    const open = [{ directory: top, prefix: `${name}/`, at: 0 }];
    while (open.length > 0) {
      const last = open.at(-1)!;
      const entry = last.directory.entries[last.at++];
      if (entry === undefined) {
        open.pop();
      } else if (typeof entry === "string") {
        yield* this.#entry(last.directory, entry, last.prefix + entry);
      } else {
        const prefix = `${last.prefix}${entry.name}/`;
        if (isDangerous(entry.name)) {
          this.#leftOut.add(prefix, UNPACKED_ELSEWHERE);
          continue;
        }
        yield* this.#directory(entry, prefix);
        open.push({ directory: entry, prefix, at: 0 });
      }
    }
    if (isUnsettled) this.#leftOut.say("Files were added, moved or removed while their names were read.");
    yield* this.#note();
    yield* this.#format.end();
  }

  #directory({ modifiedSeconds }: WalkedDirectory, path: FileName): Generator<Uint8Array> {
    return this.#format.directory({
      path,
      isDirectory: true,
      size: 0,
      modifiedSeconds,
      isExecutable: false,
      isText: false,
    });
  }

  /** Writes the file `name` of `directory`, or says why it is left out. */
  *#entry(directory: WalkedDirectory, name: FileName, path: FileName): Generator<Step> {
    if (name.endsWith("/")) return this.#leftOut.add(path, UNREADABLE);
    if (isDangerous(name)) return this.#leftOut.add(path, UNPACKED_ELSEWHERE);
    const below = terminate(pathOf(directory, this.#parts.path), bytesOf(name));
    for (let attempt = 1; attempt <= FOLDER_READS_MAX; attempt++) {
      const opened = yield* this.#open(below);
      if (typeof opened === "number") return this.#leftOut.add(path, reasonOf(opened));
      try {
        const why = yield* this.#file(opened, name, path, attempt === FOLDER_READS_MAX);
        if (why === null) return;
        if (why !== CHANGED) return this.#leftOut.add(path, why);
      } finally {
        opened.file.release();
      }
    }
    this.#leftOut.add(path, CHANGED);
  }

  /** Opens a file, and waits while no descriptor is free. @throws {Error} when that takes too long */
  *#open(path: Uint8Array<ArrayBuffer>): Generator<Step, Opened | number> {
    for (let waitedMs = 0;; waitedMs += FOLDER_PAUSE_MS) {
      const opened = this.#parts.loader.open(path);
      if (typeof opened !== "number" || !PASSING.includes(opened)) return opened;
      if (waitedMs >= FOLDER_WAIT_MS_MAX) throw new Error("The archive was cut off: no descriptor was free");
      yield "wait";
    }
  }

  /** Writes a file once. Returns null, or why it is not in the archive. */
  *#file(opened: Opened, name: FileName, path: FileName, isLast: boolean): Generator<Step, string | null> {
    const { status } = opened;
    const { size, modifiedSeconds, permissions } = status;
    const { hidden, bytesMax } = this.#parts;
    if (hidden.isSame(status)) return null; // it is no part of the site, so nothing is said of it
    if (size > bytesMax - this.#bytes) return NO_ROOM;
    const member: Member = {
      path,
      isDirectory: false,
      size,
      modifiedSeconds,
      isExecutable: (permissions & EXECUTABLE) !== 0,
      isText: isCompressible(mediaTypeOf(textOf(name)), Math.min(size, COMPRESSED_BYTES_MAX)),
    };
    const isWritten = size <= FOLDER_WHOLE_BYTES_MAX
      ? yield* this.#small(opened, member)
      : yield* this.#large(opened, member, isLast);
    if (!isWritten) return CHANGED;
    this.#bytes += size;
    return null;
  }

  /** Reads a file whole, and writes it if it has not changed meanwhile. Returns false if it has. */
  *#small(opened: Opened, member: Member): Generator<Step, boolean> {
    const { size } = member;
    if (this.#content.length < size) {
      this.#content = new Uint8Array(Math.min(2 * size, FOLDER_WHOLE_BYTES_MAX));
    }
    const content = this.#content.subarray(0, size);
    const isIntact = this.#checkOf(opened);
    for (let at = 0; at < size; at += READ_BYTES) {
      if (at > 0) yield null;
      const part = content.subarray(at, at + READ_BYTES);
      if (readAt(opened.file.fd, part, opened.start + at) !== part.length) return false;
    }
    if (!isIntact()) return false;
    yield* this.#format.file(member, content);
    return true;
  }

  /** Writes a file while it is read. Returns false when it has changed meanwhile. */
  *#large(opened: Opened, member: Member, isLast: boolean): Generator<Step, boolean> {
    const { size } = member;
    const isIntact = this.#checkOf(opened);
    yield* this.#format.open(member);
    for (let at = 0; at < size; at += FOLDER_PIECE_BYTES) {
      const piece = this.#content.subarray(0, Math.min(size - at, FOLDER_PIECE_BYTES));
      if (readAt(opened.file.fd, piece, opened.start + at) !== piece.length || !isIntact()) {
        yield* this.#format.abandon(isLast);
        return false;
      }
      yield* this.#format.piece(piece);
      yield null;
    }
    yield* this.#format.close();
    return true;
  }

  /**
   * Returns a function that tells whether the file is still in the state in which it was opened. For a file that has
   * just changed, or that is read for long, the status alone does not show each change.
   */
  #checkOf({ file, status }: Opened): () => boolean {
    const isSettled = status.changedSeconds < Date.now() / 1000 - CACHE_SETTLE_SECONDS;
    if (isSettled && status.size <= FOLDER_PIECE_BYTES) {
      return () => this.#after.readDescriptor(file.fd) === 0 && this.#after.equals(status);
    }
    const sent = file.sent(status);
    const isIntact = () => sent === null || sent.isIntact;
    isIntact(); // it compares with what it finds at first
    return isIntact;
  }

  /** Writes the note, if anything is missing. */
  *#note(): Generator<Step> {
    const { text } = this.#leftOut;
    if (text === null) return;
    const { walked: { top }, name } = this.#parts;
    const names = new Set(top.entries.map((entry) => typeof entry === "string" ? entry : entry.name));
    yield* this.#format.file({
      path: `${name}/${noteName(names)}`,
      isDirectory: false,
      size: text.length,
      modifiedSeconds: Math.floor(Date.now() / 1000),
      isExecutable: false,
      isText: true,
    }, text);
  }
}

const CHANGED = "it changed whenever it was read";
const NO_ROOM = "the archive would become larger than --archive-size allows";
const UNREADABLE = "the server may not read it";
const UNPACKED_ELSEWHERE =
  "on some systems, its name leads out of the folder in which the archive is unpacked";

function reasonOf(errno: number): string {
  if (errno === -EACCES || errno === -EPERM) return UNREADABLE;
  return "it was removed, or became something else";
}
