/**
 * A cache of the bodies of listings. A listing that has not changed is not rendered again. Equal bodies are in memory
 * once, also while many slow clients receive them.
 * @module
 */
import { LISTING_BODIES_BYTES_MAX, LISTING_BODIES_MAX } from "../../../server/limits.ts";
import { isEqualContent, type ListingContent } from "./listing_content.ts";

/** A listing as HTML or JSON, and the entity tag of these bytes. */
export interface ListingBody {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

interface Remembered extends ListingBody {
  readonly content: ListingContent;
}

/** The bodies of recent listings, and of those that responses still hold. */
export class ListingBodies {
  /** By URL and form, the least recently used first. */
  readonly #remembered = new Map<string, Remembered>();
  #bytes = 0;
  /** By tag. The reference is weak: a buffer stays as long as a response or `#remembered` holds it. */
  readonly #buffers = new Map<string, WeakRef<ArrayBuffer>>();

  /** Returns the body that was made of an equal content. Null when there is none. */
  find(key: string, content: ListingContent): ListingBody | null {
    const known = this.#remembered.get(key);
    if (known === undefined || !isEqualContent(known.content, content)) return null;
    this.#remembered.delete(key);
    this.#remembered.set(key, known);
    return known;
  }

  /**
   * Remembers `body`, which was made of `content`. Returns the body to send, which shares its bytes with an equal one.
   */
  add(key: string, content: ListingContent, body: Uint8Array<ArrayBuffer>, tag: string): ListingBody {
    const bytes = this.#share(tag, body);
    this.#forget(key);
    this.#remembered.set(key, { bytes, tag, content });
    this.#bytes += bytes.length;
    for (const oldest of this.#remembered.keys()) {
      if (this.#bytes <= LISTING_BODIES_BYTES_MAX && this.#remembered.size <= LISTING_BODIES_MAX) break;
      this.#forget(oldest);
    }
    return { bytes, tag };
  }

  #forget(key: string): void {
    const known = this.#remembered.get(key);
    if (known === undefined) return;
    this.#remembered.delete(key);
    this.#bytes -= known.bytes.length;
  }

  #share(tag: string, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const known = this.#buffers.get(tag)?.deref();
    if (known !== undefined) return new Uint8Array(known);
    const own = body.length === body.buffer.byteLength ? body : body.slice();
    this.#buffers.delete(tag);
    this.#buffers.set(tag, new WeakRef(own.buffer));
    if (this.#buffers.size > LISTING_BODIES_MAX) this.#sweep();
    return own;
  }

  #sweep(): void {
    for (const [tag, buffer] of this.#buffers) {
      if (buffer.deref() === undefined) this.#buffers.delete(tag);
    }
    for (const tag of this.#buffers.keys()) {
      if (this.#buffers.size <= LISTING_BODIES_MAX / 2) return;
      this.#buffers.delete(tag);
    }
  }
}
