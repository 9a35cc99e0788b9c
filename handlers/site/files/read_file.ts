/**
 * Reads open files in one consistent state.
 * @module
 */
import { readAt } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { bytesWithHeadRoom } from "../../../server/http/head_room.ts";

/** How often a file is read again because it changed meanwhile. */
const ATTEMPTS_MAX = 3;

/**
 * Reads a whole file, and reads it again when it has changed meanwhile, at most three times. `status` becomes the state
 * that was read. Returns null when the file keeps changing, cannot be read, or grows beyond `bytesMax`.
 */
export function readWhole(fd: number, status: FileStatus, bytesMax: number): Uint8Array<ArrayBuffer> | null {
  const after = new FileStatus();
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const content = bytesWithHeadRoom(status.size);
    const count = readAt(fd, content, 0);
    if (after.readDescriptor(fd) < 0) return null;
    if (count === content.length && after.equals(status)) return content;
    status.copyFrom(after);
    if (status.size > bytesMax) return null;
  }
  return null;
}

/** The first bytes of a file. */
export interface FileStart {
  readonly bytes: Uint8Array;
  /** False when the file has more bytes. */
  readonly isWhole: boolean;
}

/** Closes `fd`, and returns true; false for −errno. */
export function isOpened(fd: number): boolean {
  if (fd >= 0) close(fd);
  return fd >= 0;
}

/**
 * Reads at most `bytesMax` bytes, as {@linkcode readWhole} does, and closes `fd`. Returns null also for −errno, and for what
 * is no regular file.
 */
export function readStart(fd: number, bytesMax: number): FileStart | null {
  if (fd < 0) return null;
  try {
    return readOpenStart(fd, bytesMax);
  } finally {
    close(fd);
  }
}

function readOpenStart(fd: number, bytesMax: number): FileStart | null {
  const before = new FileStatus();
  const after = new FileStatus();
  if (before.readDescriptor(fd) < 0) return null;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (!before.isFile) return null;
    const bytes = new Uint8Array(Math.min(before.size, bytesMax));
    const count = readAt(fd, bytes, 0);
    if (after.readDescriptor(fd) < 0) return null;
    if (count === bytes.length && after.equals(before)) return { bytes, isWhole: before.size <= bytesMax };
    before.copyFrom(after);
  }
  return null;
}
