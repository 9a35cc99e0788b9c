/**
 * Entity tags of files: strong, so that they differ whenever the bytes do. Source: RFC 9110 §8.8.3.
 *
 * A tag made of the bytes is the same on every machine that serves them, and changes with nothing else. To make it
 * costs 0.6 ms a MiB, once for each state of a file: while it is read into memory, or, for a file that is not kept
 * there, in slices, so that others are served meanwhile.
 * @module
 */
import { createHash } from "node:crypto";
import { FileStatus, type PathBytes, readAt } from "../../ffi/file.ts";
import { close } from "../../ffi/socket.ts";
import type { EtagMode } from "../../server/config/site_settings.ts";
import {
  CACHE_SETTLE_SECONDS,
  DIGEST_SLICE_BYTES,
  DIGESTED_FILES_MAX,
  DIGESTED_WHILE_WAITING_BYTES_MAX,
} from "../../server/limits.ts";

/** 128 bits of SHA-256: nobody meets two files with one tag, and nobody can make them. */
const TAG_CHARACTERS = 22;

/** The tag of these very bytes. */
export function contentTag(content: Uint8Array): string {
  return quote(createHash("sha256").update(content).digest("base64url"));
}

function quote(digest: string): string {
  return `"${digest.slice(0, TAG_CHARACTERS)}"`;
}

/**
 * A tag of size and time of change: equal on two machines where the times were copied with the files. A change of the
 * same size shows as long as nobody sets the time back; kernels before 6.13 keep it in ticks of up to 10 ms.
 */
function timeTag(status: FileStatus): string {
  return `"${status.size.toString(16)}-${status.modifiedNanoseconds.toString(16)}"`;
}

/** Makes tags as {@linkcode EtagMode} says. */
export class EntityTags {
  readonly #mode: EtagMode;
  readonly #open: (path: PathBytes) => number;
  /** Tags by the state of the file, those made last at the end. */
  readonly #known = new Map<string, string>();
  readonly #pending = new Map<string, Promise<string | null>>();
  /** One file is read at a time. */
  #last: Promise<unknown> = Promise.resolve();

  /** `open` opens a file of the site: descriptor or −errno. */
  constructor(mode: EtagMode, open: (path: PathBytes) => number) {
    this.#mode = mode;
    this.#open = open;
  }

  /** Of a file that was read whole. */
  ofContent(content: Uint8Array, status: FileStatus): string | null {
    return this.#mode === "hash" ? contentTag(content) : this.#mode === "mtime" ? timeTag(status) : null;
  }

  /** Of bytes that were made from a file: another program may make others of it. */
  ofMade(content: Uint8Array): string | null {
    return this.#mode === "off" ? null : contentTag(content);
  }

  /**
   * Of a file on disk in the state `status`. A promise while it is read; null without a tag: it changed meanwhile, or
   * it is so large that nobody is made to wait, and the tag will be there later.
   */
  ofFile(path: PathBytes, status: FileStatus, nowSeconds: number): string | null | Promise<string | null> {
    if (this.#mode !== "hash") return this.#mode === "mtime" ? timeTag(status) : null;
    const identity = status.identity;
    const known = this.#known.get(identity);
    if (known !== undefined) return known;
    // Of a file that has just changed, a second change might not show in its times.
    const isSettled = status.changedSeconds <= nowSeconds - CACHE_SETTLE_SECONDS;
    const isLarge = status.size > DIGESTED_WHILE_WAITING_BYTES_MAX;
    if (isLarge && !isSettled) return null;
    let pending = this.#pending.get(identity);
    if (pending === undefined) {
      const state = new FileStatus();
      state.copyFrom(status);
      pending = this.#last.then(() => this.#digest(path, state)).then((tag) => {
        this.#pending.delete(identity);
        if (tag !== null && isSettled) this.#remember(identity, tag);
        return tag;
      });
      this.#last = pending;
      this.#pending.set(identity, pending);
    }
    return isLarge ? null : pending;
  }

  #remember(identity: string, tag: string): void {
    this.#known.set(identity, tag);
    if (this.#known.size <= DIGESTED_FILES_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  /** Null when it cannot be read, or is not, or does not stay, in the state `status`. */
  async #digest(path: PathBytes, status: FileStatus): Promise<string | null> {
    const fd = this.#open(path);
    if (fd < 0) return null;
    try {
      const now = new FileStatus();
      if (now.readDescriptor(fd) < 0 || !now.equals(status)) return null;
      const hash = createHash("sha256");
      const slice = new Uint8Array(Math.min(DIGEST_SLICE_BYTES, status.size));
      for (let offset = 0; offset < status.size; offset += slice.length) {
        const count = readAt(fd, slice, offset);
        if (count <= 0) return null;
        hash.update(slice.subarray(0, count));
        if (count < slice.length) break;
        await new Promise((resolve) => setTimeout(resolve)); // others have their turn
      }
      const isSame = now.readDescriptor(fd) === 0 && now.equals(status);
      return isSame ? quote(hash.digest("base64url")) : null;
    } finally {
      close(fd);
    }
  }
}
