/**
 * Which contents of files are in memory, how much that is, and what is not worth making again.
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

/** A compressed form that had to leave to make room, or found none. */
interface Left {
  /** Itself, where it is small. */
  readonly form: FileContent | null;
  readonly seconds: number;
}

/** Finds contents by the state of their files, and counts their bytes once. */
export class FileContents {
  readonly #byState = new Map<string, FileContent>();
  /** Resources that are kept and made of each. A content without any is not found. */
  readonly #users = new Map<FileContent, Set<Resource>>();
  readonly #left = new Map<string, Left>();
  #leftBytes = 0;
  /** All together, with what was made of them: each counts once. */
  bytes = 0;

  /** That of a state of a file; null: it is not there. */
  find(identity: string): FileContent | null {
    return this.#byState.get(identity) ?? null;
  }

  /** Those that are kept and made of it. */
  usersOf(content: FileContent): Iterable<Resource> {
    return this.#users.get(content) ?? [];
  }

  /** A resource that is kept is made of it. */
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

  /** A resource has ended; `leftSeconds`: when it had to leave to make room, null: for another reason. */
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

  /** A form in `coding` was made. */
  addForm(content: FileContent, coding: Coding, form: FileContent): void {
    content.made.set(coding, form);
    content.madeBytes += form.size;
    if (!this.#users.has(content)) return;
    this.bytes += form.size;
    keep(form);
    this.#take(`${content.identity} ${coding}`, form);
  }

  /** A form that was remembered is the cache's again, and counts there. */
  #take(key: string, form: FileContent): void {
    const left = this.#left.get(key);
    if (left?.form !== form) return;
    this.#leftBytes -= form.size;
    this.#left.set(key, { form: null, seconds: left.seconds });
  }

  /** A form was made, and finds no room. */
  remember(
    { identity, isSettled }: FileContent,
    coding: Coding,
    form: FileContent,
    seconds: number,
  ): void {
    if (!isSettled) return; // another content could come to have the same state
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

  /** A form that found no room, and is small enough to be there all the same. */
  formLeft({ identity }: FileContent, coding: Coding): FileContent | null {
    return this.#left.get(`${identity} ${coding}`)?.form ?? null;
  }

  /** False for a form that had to leave not long ago: it would have to again. */
  isWorthMaking({ identity }: FileContent, coding: Coding, nowSeconds: number): boolean {
    const left = this.#left.get(`${identity} ${coding}`);
    return left === undefined || Math.abs(nowSeconds - left.seconds) >= FORMS_MADE_AGAIN_SECONDS;
  }

  clear(): void {
    for (const key of this.#left.keys()) this.#forget(key);
  }

  /** A content that was not to be kept: it serves the request at hand. */
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

/** All that is in memory of a state of a file. */
function partsOf(content: FileContent): FileContent[] {
  return [content, ...[...content.made.values()].filter((form) => form instanceof FileContent)];
}
