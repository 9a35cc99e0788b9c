/**
 * A file or a directory as an archive has it, and the interface of the formats.
 * @module
 */
import type { FileName } from "../../../ffi/file/inotify.ts";

/** What an archive says of a file or a directory. */
export interface Member {
  /** The path in the archive, with a character for each byte; that of a directory ends with a slash. */
  readonly path: FileName;
  readonly isDirectory: boolean;
  /** Bytes of the file; 0 for a directory. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedSeconds: number;
  /** True for a file that its owner may execute. */
  readonly isExecutable: boolean;
  /** True for a file whose type and size say that it becomes smaller by compression. */
  readonly isText: boolean;
}

/**
 * A writer of one archive. Every generator gives the next bytes, which have to be used before its next step. A file is
 * written by {@linkcode file}, or in parts: `open`, `piece` for each part of at most FOLDER_PIECE_BYTES, and `close`.
 */
export interface FolderFormat {
  start(): Generator<Uint8Array>;
  directory(member: Member): Generator<Uint8Array>;
  /** Writes a file whose `content` is there as a whole. */
  file(member: Member, content: Uint8Array): Generator<Uint8Array>;
  open(member: Member): Generator<Uint8Array>;
  piece(bytes: Uint8Array): Generator<Uint8Array>;
  close(): Generator<Uint8Array>;
  /** Ends a file that was opened and has changed. With `isLast`, no other attempt follows. */
  abandon(isLast: boolean): Generator<Uint8Array>;
  end(): Generator<Uint8Array>;
}

/** Permissions of a member: all may read it, its owner may write to it. */
export function permissionsOf({ isDirectory, isExecutable }: Member): number {
  return isDirectory || isExecutable ? 0o755 : 0o644;
}

/** True when all characters of `name`, one for each byte, are ASCII. */
export function isAscii(name: FileName): boolean {
  return !/[\x80-\xff]/.test(name);
}

const strict = new TextDecoder("utf-8", { fatal: true });

/** True when the bytes of a name are UTF-8. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * True for a path that could lead out of the directory in which an archive is unpacked, on a system that takes
 * backslashes and drive letters for more than characters.
 */
export function isDangerous(name: FileName): boolean {
  const parts = name.split("\\");
  return parts.length > 1 && (parts[0] === "" || parts.some((part) => /^\.\.[. ]*$/.test(part))) ||
    /^[A-Za-z]:(?:\\|$)/.test(name);
}
