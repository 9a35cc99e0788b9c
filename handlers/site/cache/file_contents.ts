/**
 * Which contents of files are in memory, how many bytes they have, and which compressed forms are not worth making again.
 * @module
 */
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import {
  FORM_LEFT_BYTES_MAX,
  FORMS_LEFT_BYTES_MAX,
  FORMS_LEFT_MAX,
  FORMS_MADE_AGAIN_SECONDS,
} from "../../../server/limits.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import { FileContent } from "./file_content.ts";
import type { Resource } from "./resource.ts";

/** A compressed form that was evicted, or had no room in the cache. */
interface Left {
  /** The form if it is small; else null. */
  readonly form: FileContent | null;
  readonly seconds: number;
}

/** Finds contents by the state of their files, and counts their bytes once. */
export class FileContents {
  readonly #byState = new Map<string, FileContent>();
  /** The resources in the cache that use each content. A content without any is not found. */
  readonly #users = new Map<FileContent, Set<Resource>>();
  readonly #left = new Map<string, Left>();
  #leftBytes = 0;
  /** Bytes of all contents and their compressed forms; each counts once. */
  bytes = 0;

  /** Returns the content with `identity`; null when it is not in memory. */
  find(identity: string): FileContent | null {
    return this.#byState.get(identity) ?? null;
  }

  /** Returns the resources in the cache that use `content`. */
  usersOf(content: FileContent): Iterable<Resource> {
    return this.#users.get(content) ?? [];
  }

  /** Notes that `resource`, which is in the cache, uses `content`. */
  use(content: FileContent, resource: Resource): void {
    let users = this.#users.get(content);
    if (users === undefined) {
      this.#users.set(content, users = new Set());
      this.bytes += content.size + content.madeBytes;
      this.#byState.set(content.identity, content);
      for (const part of partsOf(content)) keep(part);
    }
    users.add(resource);
  }

  /**
   * Notes that `resource`, which has ended, no longer uses `content`; after the last resource the content leaves, too.
   * `leftSeconds` is the time at which the resource was evicted to make room; null for another reason.
   */
  leave(content: FileContent, resource: Resource, leftSeconds: number | null): void {
    const users = this.#users.get(content);
    if (users === undefined || !users.delete(resource) || users.size > 0) return;
    this.#users.delete(content);
    this.bytes -= content.size + content.madeBytes;
    if (this.#byState.get(content.identity) === content) this.#byState.delete(content.identity);
    for (const part of partsOf(content)) drop(part);
    if (leftSeconds === null) return;
    for (const [coding, form] of content.made) {
      if (form instanceof FileContent) this.remember(content, coding, form, leftSeconds);
    }
  }

  /** Adds a form of `content` in `coding`. */
  addForm(content: FileContent, coding: Coding, form: FileContent): void {
    content.made.set(coding, form);
    content.madeBytes += form.size;
    if (!this.#users.has(content)) return;
    this.bytes += form.size;
    keep(form);
    this.#take(`${content.identity} ${coding}`, form);
  }

  /** Replaces a form of `content`, which is in use, by another one. */
  replaceForm(content: FileContent, coding: Coding, form: FileContent): void {
    const old = content.made.get(coding);
    if (old instanceof FileContent) {
      content.madeBytes -= old.size;
      this.bytes -= old.size;
      drop(old);
    }
    this.addForm(content, coding, form);
  }

  /** Counts a form that had left as part of the cache again. */
  #take(key: string, form: FileContent): void {
    const left = this.#left.get(key);
    if (left?.form !== form) return;
    this.#leftBytes -= form.size;
    this.#left.set(key, { form: null, seconds: left.seconds });
  }

  /** Remembers at `seconds` that a form left, or had no room; small forms stay in memory for a while. */
  remember(
    { identity, isSettled }: FileContent,
    coding: Coding,
    form: FileContent,
    seconds: number,
  ): void {
    if (!isSettled) return; // a later content may have the same state
    const key = `${identity} ${coding}`;
    this.#forget(key);
    const isSmall = form.size <= FORM_LEFT_BYTES_MAX;
    this.#left.set(key, { form: isSmall ? form : null, seconds });
    if (isSmall) {
      this.#leftBytes += form.size;
      keep(form);
    }
    for (const oldest of this.#left.keys()) {
      if (this.#left.size <= FORMS_LEFT_MAX && this.#leftBytes <= FORMS_LEFT_BYTES_MAX) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const left = this.#left.get(key);
    if (left === undefined) return;
    this.#left.delete(key);
    if (left.form === null) return;
    this.#leftBytes -= left.form.size;
    drop(left.form);
  }

  /** Returns a form that left and was small enough to stay in memory; null when there is none. */
  formLeft({ identity }: FileContent, coding: Coding): FileContent | null {
    return this.#left.get(`${identity} ${coding}`)?.form ?? null;
  }

  /** False for a form that left a short while ago: it would have to leave again. */
  isWorthMaking({ identity }: FileContent, coding: Coding, nowSeconds: number): boolean {
    const left = this.#left.get(`${identity} ${coding}`);
    return left === undefined || Math.abs(nowSeconds - left.seconds) >= FORMS_MADE_AGAIN_SECONDS;
  }

  clear(): void {
    for (const key of this.#left.keys()) this.#forget(key);
  }

  /** Frees the bytes of a content that no resource in the cache uses, once its request is answered. */
  dismiss(content: FileContent): void {
    if (content.hasLeft || this.#users.has(content)) return;
    content.hasLeft = true;
    bodyMemory.reclaimer.add(content.bytes.buffer);
  }
}

function keep(part: FileContent): void {
  part.hasLeft = false;
  bodyMemory.keep(part.bytes);
}

function drop(part: FileContent): void {
  part.hasLeft = true;
  bodyMemory.drop(part.bytes);
}

/** Returns a content and the compressed forms of it that are in memory. */
function partsOf(content: FileContent): FileContent[] {
  return [content, ...[...content.made.values()].filter((form) => form instanceof FileContent)];
}
