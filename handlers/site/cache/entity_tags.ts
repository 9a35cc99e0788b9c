/**
 * Entity tags of files: strong, so that they differ whenever the bytes do. Source: RFC 9110 §8.8.3.
 *
 * A tag is a digest of the bytes: it is the same on every machine that serves them, and changes only with them. It costs
 * 0.6 ms a MiB, once for each state of a file. Files that are kept in memory are digested when they are read; others are
 * digested in slices, so other requests are answered meanwhile.
 * @module
 */
import { createHash } from "node:crypto";
import { type PathBytes, readAt } from "../../../ffi/file/file.ts";
import { FileStatus } from "../../../ffi/file/file_status.ts";
import { close } from "../../../ffi/socket/socket.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import type { EtagMode } from "../settings/site_settings.ts";
import {
  CACHE_SETTLE_SECONDS,
  DIGEST_PAUSE_MS,
  DIGEST_SLICE_BYTES,
  DIGESTED_BYTES_MAX,
  DIGESTED_FILES_MAX,
  DIGESTED_WHILE_WAITING_BYTES_MAX,
  DIGESTS_AWAITED_BYTES_MAX,
} from "../limits.ts";

import { Growth } from "./growth.ts";

/** 132 bits of SHA-256 in base64url: two files with the same tag do not occur, and cannot be made on purpose. */
const TAG_CHARACTERS = 22;

/** Returns the tag of `content`. */
export function contentTag(content: Uint8Array): string {
  return quote(createHash("sha256").update(content).digest("base64url"));
}

/** Bytes that were read of a file. All digests use it, since each slice is read and digested in one go. */
const sliceBytes = new Uint8Array(DIGEST_SLICE_BYTES);

function quote(digest: string): string {
  return `"${digest.slice(0, TAG_CHARACTERS)}"`;
}

/**
 * Returns a tag of size and time of change: equal on two machines if the times were copied with the files. A change that
 * keeps the size shows unless the time is set back, or it follows the last change within a tick of the file system's
 * clock (up to 10 ms before Linux 6.13).
 */
function timeTag(status: FileStatus, coding: Coding | null): string {
  // Compressors copy the time of the original, so two forms of the same size need different suffixes.
  const suffix = coding === null ? "" : `-${coding}`;
  return `"${status.size.toString(16)}-${status.modifiedNanoseconds.toString(16)}${suffix}"`;
}

/** A tag that is being made, or is in a queue. */
interface Pending {
  readonly tag: Promise<string | null>;
  /** True when responses wait for it. */
  readonly isAwaited: boolean;
}

/** Makes the entity tags of a site's files in the way that {@linkcode EtagMode} says. */
export class EntityTags {
  readonly #mode: EtagMode;
  readonly #open: (path: PathBytes) => number;
  /** Tags by the state of the file, the newest at the end. */
  readonly #known = new Map<string, string>();
  readonly #pending = new Map<string, Pending>();
  /** Recognizes files that grow all the time, whose tags would be out of date at once. */
  readonly growth: Growth = new Growth();
  /**
   * The ends of two queues, of which each digests one file at a time: one for files that responses wait for, one for the
   * others. The first never waits for the second.
   */
  #lastAwaited: Promise<unknown> = Promise.resolve();
  #lastUnawaited: Promise<unknown> = Promise.resolve();
  #awaitedBytes = 0;

  /** `open` opens a file of the site and returns its descriptor, or −errno. */
  constructor(mode: EtagMode, open: (path: PathBytes) => number) {
    this.#mode = mode;
    this.#open = open;
  }

  /** True when no response has a tag. */
  get isOff(): boolean {
    return this.#mode === "off";
  }

  /**
   * Returns the tag of a file that was read whole in the state `status`; `coding` is null unless the file is a compressed
   * form. `isSettled` says that every later change shows in the state, so the tag is remembered for it.
   */
  ofContent(
    content: Uint8Array,
    status: FileStatus,
    coding: Coding | null,
    isSettled: boolean = false,
  ): string | null {
    if (this.#mode !== "hash") return this.ofForm(null, status, coding);
    if (!isSettled) return contentTag(content);
    const identity = status.identity;
    const known = this.#known.get(identity);
    if (known !== undefined) return known;
    const tag = contentTag(content);
    this.#remember(identity, tag);
    return tag;
  }

  /** Returns the tag of a file whose bytes have the tag `tag`; null when that is not known. */
  ofForm(tag: string | null, status: FileStatus, coding: Coding | null): string | null {
    return this.#mode === "mtime" ? timeTag(status, coding) : tag;
  }

  /**
   * Returns the tag of a file that came with its digest (SHA-256 in base64url). Null without a digest, and when responses
   * have no tags.
   */
  ofKnown(digest: string | null, status: FileStatus, coding: Coding | null): string | null {
    if (digest === null || this.#mode === "off") return null;
    return this.#usesTime(status) ? timeTag(status, coding) : quote(digest);
  }

  #usesTime({ size }: FileStatus): boolean {
    return this.#mode === "mtime" || size > DIGESTED_BYTES_MAX;
  }

  /**
   * Returns the tag of a form that was compressed here: a digest also in the mode "mtime", since another version of zlib
   * may compress the same file to other bytes.
   */
  ofMade(content: Uint8Array): string | null {
    return this.#mode === "off" ? null : contentTag(content);
  }

  /**
   * Returns the tag of a file on disk in the state `status`; `coding` is null unless the file is a compressed form. A
   * promise while the file is read. Null when the file changed meanwhile, and when the response shall not wait, since the
   * file is large or many others wait already; a later request finds the tag.
   */
  ofFile(
    path: PathBytes,
    status: FileStatus,
    coding: Coding | null,
    nowSeconds: number,
  ): string | null | Promise<string | null> {
    if (this.#mode === "off") return null;
    if (this.#usesTime(status)) return timeTag(status, coding);
    const identity = status.identity;
    const known = this.#known.get(identity);
    if (known !== undefined) return known;
    const pending = this.#pending.get(identity);
    if (pending !== undefined) return pending.isAwaited ? pending.tag : null;
    // A second change right after the first may not show in the times.
    const isSettled = status.changedSeconds <= nowSeconds - CACHE_SETTLE_SECONDS;
    const isAwaited = status.size <= DIGESTED_WHILE_WAITING_BYTES_MAX &&
      this.#awaitedBytes + status.size <= DIGESTS_AWAITED_BYTES_MAX;
    if (!isSettled && (!isAwaited || this.growth.isTooFast(status))) return null;
    const state = new FileStatus();
    state.copyFrom(status);
    const tag = this.#enqueue(
      isAwaited,
      status.size,
      () => this.#makeTag(path, state, identity, isSettled, isAwaited),
    );
    this.#pending.set(identity, { tag, isAwaited });
    return isAwaited ? tag : null;
  }

  #enqueue(
    isAwaited: boolean,
    bytes: number,
    make: () => Promise<string | null>,
  ): Promise<string | null> {
    if (!isAwaited) {
      const tag = this.#lastUnawaited.then(make);
      this.#lastUnawaited = tag;
      return tag;
    }
    this.#awaitedBytes += bytes;
    const tag = this.#lastAwaited.then(make).finally(() => this.#awaitedBytes -= bytes);
    this.#lastAwaited = tag;
    return tag;
  }

  async #makeTag(
    path: PathBytes,
    state: FileStatus,
    identity: string,
    isSettled: boolean,
    isAwaited: boolean,
  ): Promise<string | null> {
    // The file may change from here on without a change of its state, so later requests must not share this tag.
    if (!isSettled) this.#pending.delete(identity);
    const tag = await this.#digest(path, state, isAwaited ? 0 : DIGEST_PAUSE_MS);
    if (!isSettled) return tag;
    this.#pending.delete(identity);
    if (tag !== null) this.#remember(identity, tag);
    return tag;
  }

  #remember(identity: string, tag: string): void {
    this.#known.set(identity, tag);
    if (this.#known.size <= DIGESTED_FILES_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  /**
   * Digests the file at `path` in slices, with pauses of at least `pauseMs` in which other work is done. Null when the
   * file cannot be read, or is not in the state `status` all the time.
   */
  async #digest(path: PathBytes, status: FileStatus, pauseMs: number): Promise<string | null> {
    const fd = this.#open(path);
    if (fd < 0) return null;
    const now = new FileStatus();
    const isSame = () => now.readDescriptor(fd) === 0 && now.equals(status);
    try {
      const hash = createHash("sha256");
      const slice = sliceBytes.subarray(0, status.size);
      for (let offset = 0; offset < status.size; offset += slice.length) {
        if (!isSame()) return null; // a removed file is not the same, either: its ctime changes
        const count = readAt(fd, slice, offset);
        if (count <= 0) return null;
        hash.update(slice.subarray(0, count));
        if (offset + count >= status.size || count < slice.length) break;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      return isSame() ? quote(hash.digest("base64url")) : null;
    } finally {
      close(fd);
    }
  }
}
