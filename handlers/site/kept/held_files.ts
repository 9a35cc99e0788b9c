/**
 * Files with a hash in their names that are held while they exist, so that they can be served after they went: by a
 * descriptor, which the file outlives its name with, or by its bytes in memory.
 *
 * All roots of the process share the bounds. The file that was used longest ago leaves first.
 * @module
 */
import { FileStatus } from "../../../ffi/file/file_status.ts";
import type { FileName } from "../../../ffi/file/inotify.ts";
import { duplicate } from "../../../ffi/process/executable.ts";
import { descriptorLimit } from "../../../ffi/process/process.ts";
import { close } from "../../../ffi/socket/socket.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import { bytesWithHeadRoom } from "../../../server/http/head_room.ts";
import { readWhole } from "../files/read_file.ts";
import {
  CACHED_FILE_BYTES_MAX,
  DESCRIPTORS_PER_KEPT_FILE,
  KEPT_DESCRIPTORS_MAX,
  KEPT_ENDS_PER_SECOND_MAX,
  KEPT_FILES_MAX,
} from "../limits.ts";

/** The resource that a file is served by. Each of its uses is a use of the file. */
export interface Used {
  /** The turn of its last use; −1 before the first one. */
  readonly checkedTurn: number;
  /** Ends the resource, so that the next request looks for the file again. */
  drop(): void;
}

/** A file that is held. */
export class HeldFile {
  readonly path: FileName;
  readonly #onLeave: (file: HeldFile) => void;
  /** The state in which the file was opened. */
  readonly status: FileStatus;
  /** −1 when the bytes are in memory. */
  #fd: number;
  #bytes: Uint8Array<ArrayBuffer> | null = null;
  /** Null for a file that was not asked for. */
  resource: Used | null = null;
  /** The turn of the reactor in which it was last looked up for a request; −1: not asked for. */
  turn = -1;
  /** When the file was last seen under its name, and when it was noticed to have gone; in milliseconds since 1970. */
  seenMs: number;
  goneMs: number | null = null;
  /** Requests that were answered with it after it went. */
  asked = 0;

  /** Takes over `fd`, an open file in the state `status`. `onLeave` is called when it has to leave for other files. */
  constructor(
    path: FileName,
    fd: number,
    status: FileStatus,
    nowMs: number,
    onLeave: (file: HeldFile) => void,
  ) {
    this.path = path;
    this.#fd = fd;
    this.status = status;
    this.seenMs = nowMs;
    this.#onLeave = onLeave;
  }

  get size(): number {
    return this.status.size;
  }

  get hasDescriptor(): boolean {
    return this.#fd >= 0;
  }

  get lastTurn(): number {
    return Math.max(this.turn, this.resource?.checkedTurn ?? -1);
  }

  /** The bytes in memory; null when the file is held by a descriptor. A copy, since a response moves its bytes. */
  get copy(): Uint8Array<ArrayBuffer> | null {
    if (this.#bytes === null) return null;
    const copy = bytesWithHeadRoom(this.#bytes.length);
    copy.set(this.#bytes);
    return copy;
  }

  /** Opens the file again. Returns a descriptor, or −errno. */
  open(): number {
    return duplicate(this.#fd);
  }

  /** Reads the present state into `status`. False when the file was written to since it was held. */
  read(status: FileStatus): boolean {
    if (this.#fd < 0) status.copyFrom(this.status);
    else if (status.readDescriptor(this.#fd) < 0) return false;
    return this.isAsHeld(status);
  }

  /** True when `status` shows the bytes that are held. The time of change is another one once the name is gone. */
  isAsHeld({ size, modifiedNanoseconds }: FileStatus): boolean {
    return size === this.status.size && modifiedNanoseconds === this.status.modifiedNanoseconds;
  }

  /** Notes that the file has gone, and returns when: the kernel notes when the last name went. */
  went(nowMs: number): number {
    if (this.goneMs !== null) return this.goneMs;
    const status = new FileStatus();
    const isKnown = this.#fd >= 0 && status.readDescriptor(this.#fd) === 0 && status.linkCount === 0;
    const changedMs = isKnown ? status.changedSeconds * 1000 + status.changedNanoseconds / 1e6 : nowMs;
    return this.goneMs = Math.min(Math.max(changedMs, this.seenMs), nowMs);
  }

  /** Reads the bytes into memory and closes the descriptor. False when the file is too large, or was written to. */
  moveToMemory(): boolean {
    if (this.#fd < 0 || this.size > CACHED_FILE_BYTES_MAX) return false;
    const status = new FileStatus();
    if (!this.read(status)) return false;
    const bytes = readWhole(this.#fd, status, this.size);
    if (bytes === null || !this.isAsHeld(status)) return false;
    this.#bytes = bytes;
    close(this.#fd);
    this.#fd = -1;
    return true;
  }

  /** Frees what the file is held by. */
  release(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
    if (this.#bytes !== null) bodyMemory.reclaimer.free(this.#bytes.buffer); // responses have copies
    this.#bytes = null;
  }

  leave(): void {
    this.#onLeave(this);
  }
}

/** Returns true when `one` has to leave before `other`: those that were never asked for, of these the first that went. */
function leavesBefore(one: HeldFile, other: HeldFile): boolean {
  if (one.lastTurn !== other.lastTurn) return one.lastTurn < other.lastTurn;
  return (one.goneMs ?? Infinity) < (other.goneMs ?? Infinity);
}

/** All files that this process holds, and their bounds. */
class HeldFiles {
  /** Bytes of all files, by descriptor or in memory. The latest setting counts. */
  bytesMax = 0;
  bytes = 0;
  descriptors = 0;
  /** Descriptors of directories that are kept, which count with those of files. */
  directories = 0;
  readonly #files = new Set<HeldFile>();
  #endedSeconds = 0;
  #ended = 0;

  get #descriptorsMax(): number {
    return Math.min(Math.floor(descriptorLimit() / DESCRIPTORS_PER_KEPT_FILE), KEPT_DESCRIPTORS_MAX);
  }

  /**
   * Holds `file`, and makes room for it. False when the files that would have to leave are used more: `file` is
   * released then.
   */
  add(file: HeldFile): boolean {
    const isHeld = this.#makeRoom(file) && this.#limitDescriptors(file);
    if (!isHeld) {
      file.release();
      return false;
    }
    this.#files.add(file);
    this.bytes += file.size;
    if (file.hasDescriptor) this.descriptors++;
    return true;
  }

  remove(file: HeldFile): void {
    if (!this.#files.delete(file)) return;
    this.bytes -= file.size;
    if (file.hasDescriptor) this.descriptors--;
    file.release();
  }

  #makeRoom(file: HeldFile): boolean {
    if (file.size > this.bytesMax) return false;
    while (this.bytes + file.size > this.bytesMax || this.#files.size >= KEPT_FILES_MAX) {
      const first = this.#first(() => true);
      if (first === null || !leavesBefore(first, file)) return false;
      this.#evict(first);
    }
    return true;
  }

  #limitDescriptors(file: HeldFile): boolean {
    const max = this.#descriptorsMax - this.directories;
    while (this.descriptors >= max) {
      const first = this.#first(({ hasDescriptor }) => hasDescriptor);
      if (first === null || !leavesBefore(first, file)) return file.moveToMemory();
      if (first.moveToMemory()) this.descriptors--;
      else this.#evict(first);
    }
    return true;
  }

  #first(counts: (file: HeldFile) => boolean): HeldFile | null {
    let first: HeldFile | null = null;
    for (const file of this.#files) {
      if (counts(file) && (first === null || leavesBefore(file, first))) first = file;
    }
    return first;
  }

  /** Ends the resource, too: a later use of the file holds it again. So many in a second that it costs little. */
  #evict(file: HeldFile): void {
    this.remove(file);
    file.leave();
    const seconds = Math.floor(performance.now() / 1000);
    if (seconds !== this.#endedSeconds) this.#ended = 0;
    this.#endedSeconds = seconds;
    if (this.#ended++ < KEPT_ENDS_PER_SECOND_MAX) file.resource?.drop();
  }
}

/** The files that this process holds. */
export const heldFiles: HeldFiles = new HeldFiles();
