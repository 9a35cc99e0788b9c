/**
 * Which contents of files are in memory, how much that is, and what is not worth making again.
 * @module
 */
import type { Coding } from "../../server/http/negotiation.ts";
import { FORMS_LEFT_MAX, FORMS_MADE_AGAIN_SECONDS } from "../../server/limits.ts";
import type { FileContent } from "./file_content.ts";
import type { Resource } from "./resource.ts";

/** A compressed form that had to leave to make room, or found none. */
interface Left {
  readonly bytes: number;
  readonly seconds: number;
}

/** See the module's comment. */
export class FileContents {
  readonly #byState = new Map<string, FileContent>();
  readonly #left = new Map<string, Left>();
  /** All together, with what was made of them: each counts once. */
  bytes = 0;

  /** That of a state of a file; null: it is not there. */
  find(identity: string): FileContent | null {
    return this.#byState.get(identity) ?? null;
  }

  /** A resource that is kept is made of it. */
  use(content: FileContent, resource: Resource): void {
    if (content.users.size === 0) {
      this.bytes += content.size + content.madeBytes;
      this.#byState.set(content.identity, content);
    }
    content.users.add(resource);
  }

  /** A resource has ended; `leftSeconds`: when it had to leave to make room, null: for another reason. */
  leave(content: FileContent, resource: Resource, leftSeconds: number | null): void {
    if (!content.users.delete(resource) || content.users.size > 0) return;
    this.bytes -= content.size + content.madeBytes;
    if (this.#byState.get(content.identity) === content) this.#byState.delete(content.identity);
    if (leftSeconds === null) return;
    for (const [coding, form] of content.made) {
      if (form !== null && !(form instanceof Promise)) this.remember(content, coding, form.size, leftSeconds);
    }
  }

  /** A form in `coding` was made. */
  addForm(content: FileContent, form: FileContent): void {
    content.madeBytes += form.size;
    if (content.users.size > 0) this.bytes += form.size;
  }

  /** A form of so many bytes was made, and is not kept. */
  remember({ identity }: FileContent, coding: Coding, bytes: number, seconds: number): void {
    const key = `${identity} ${coding}`;
    this.#left.delete(key);
    this.#left.set(key, { bytes, seconds });
    if (this.#left.size <= FORMS_LEFT_MAX) return;
    for (const oldest of this.#left.keys()) {
      this.#left.delete(oldest);
      return;
    }
  }

  /** False for a form that was made before, and for which there is no room of so many bytes now, either. */
  isWorthMaking({ identity }: FileContent, coding: Coding, roomBytes: number, nowSeconds: number): boolean {
    const left = this.#left.get(`${identity} ${coding}`);
    return left === undefined || left.bytes <= roomBytes ||
      Math.abs(nowSeconds - left.seconds) >= FORMS_MADE_AGAIN_SECONDS;
  }
}
