/**
 * Entity tags of files: strong, so that they differ whenever the bytes do. Source: RFC 9110 §8.8.3.
 *
 * A tag made of the bytes is the same on every machine that serves them, and changes with nothing else. To make it
 * costs 0.6 ms a MiB, once for each state of a file: while it is read into memory, or, for a file that is not kept
 * there, in slices, so that others are served meanwhile.
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

/** 128 bits of SHA-256: nobody meets two files with one tag, and nobody can make them. */
const TAG_CHARACTERS = 22;

/** The tag of these very bytes. */
export function contentTag(content: Uint8Array): string {
  return quote(createHash("sha256").update(content).digest("base64url"));
}

/** What was read of a file, until it is digested in the same turn. */
const sliceBytes = new Uint8Array(DIGEST_SLICE_BYTES);

function quote(digest: string): string {
  return `"${digest.slice(0, TAG_CHARACTERS)}"`;
}

/**
 * A tag of size and time of change: equal on two machines where the times were copied with the files. A change of the
 * same size shows as long as nobody sets the time back; kernels before 6.13 keep it in ticks of up to 10 ms.
 */
function timeTag(status: FileStatus, coding: Coding | null): string {
  // Compressors give their files the time of the original: two forms of one size would have one tag.
  const suffix = coding === null ? "" : `-${coding}`;
  return `"${status.size.toString(16)}-${status.modifiedNanoseconds.toString(16)}${suffix}"`;
}

/** A tag that is being made, or will be. */
interface Pending {
  readonly tag: Promise<string | null>;
  /** Clients wait for it. */
  readonly isAwaited: boolean;
}

/** Makes tags as {@linkcode EtagMode} says. */
export class EntityTags {
  readonly #mode: EtagMode;
  readonly #open: (path: PathBytes) => number;
  /** Tags by the state of the file, those made last at the end. */
  readonly #known = new Map<string, string>();
  readonly #pending = new Map<string, Pending>();
  /** Files that have just changed, and do so all the time. */
  readonly growth: Growth = new Growth();
  /** One file is read at a time for those who wait, and one for those who do not: the first never wait for the second. */
  #lastAwaited: Promise<unknown> = Promise.resolve();
  #lastUnawaited: Promise<unknown> = Promise.resolve();
  #awaitedBytes = 0;

  /** `open` opens a file of the site: descriptor or −errno. */
  constructor(mode: EtagMode, open: (path: PathBytes) => number) {
    this.#mode = mode;
    this.#open = open;
  }

  /** No file has a tag, ever. */
  get isOff(): boolean {
    return this.#mode === "off";
  }

  /** Of a file that was read whole in the state `status`, and is a form in `coding`. */
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

  /** Of a file whose bytes have the tag `tag`, where that is known. */
  ofForm(tag: string | null, status: FileStatus, coding: Coding | null): string | null {
    return this.#mode === "mtime" ? timeTag(status, coding) : tag;
  }

  /** Of a file whose digest (SHA-256 in base64url) is known before it was read; null where that is of no use. */
  ofKnown(digest: string | null, status: FileStatus, coding: Coding | null): string | null {
    if (digest === null || this.#mode === "off") return null;
    return this.#usesTime(status) ? timeTag(status, coding) : quote(digest);
  }

  #usesTime({ size }: FileStatus): boolean {
    return this.#mode === "mtime" || size > DIGESTED_BYTES_MAX;
  }

  /** Of bytes that were made from a file: another program may make others of it. */
  ofMade(content: Uint8Array): string | null {
    return this.#mode === "off" ? null : contentTag(content);
  }

  /**
   * Of a file on disk in the state `status`, a form in `coding`. A promise while it is read; null without a tag: it changed meanwhile, or
   * it is so large, or behind so many others, that nobody is made to wait, and the tag will be there later.
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
    // Of a file that has just changed, a second change might not show in its times.
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
    // Who asks from here on may ask after a change that the state does not show: not for them.
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
   * Null when it cannot be read, or is not, or does not stay, in the state `status`. Between two slices others have
   * their turn, for `pauseMs` at least.
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
        if (!isSame()) return null; // also when it was removed: that changes its ctime
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
