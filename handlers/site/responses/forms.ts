/**
 * Compressed forms of contents in memory: made once for each state of a file, and only if they are smaller.
 * @module
 */
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { Compressor, MADE_CODINGS } from "./compressor.ts";
import type { CompressLevel } from "../settings/site_settings.ts";
import type { EntityTags } from "../cache/entity_tags.ts";
import type { FileCache } from "../cache/file_cache.ts";
import { FileContent } from "../cache/file_content.ts";
import { strongestForms } from "./strongest_forms.ts";

/** Makes compressed forms of contents, and remembers for which that is of no use. */
export class Forms {
  readonly #cache: FileCache;
  readonly #compressor: Compressor;
  readonly #tags: EntityTags;
  /** True if forms are made again at the strongest level when there is time. */
  readonly #improves: boolean;

  /** With `mayImprove`, forms of the level "auto" are made again. */
  constructor(cache: FileCache, tags: EntityTags, level: CompressLevel, mayImprove: boolean) {
    this.#cache = cache;
    this.#compressor = new Compressor(level);
    this.#tags = tags;
    this.#improves = mayImprove && level === "auto";
  }

  /** True while too much is being compressed, or waits to be sent. */
  get isFull(): boolean {
    return this.#compressor.isFull || bodyMemory.isFullForFiles;
  }

  /** Returns the form of `original` in `coding`. Null, also of the promise, when it is not smaller or cannot be made now. */
  of(
    original: FileContent,
    coding: Coding,
    nowSeconds: number,
  ): FileContent | Promise<FileContent | null> | null {
    if (!MADE_CODINGS.includes(coding) || original.isProvisional) return null;
    const known = original.made.get(coding);
    if (known !== undefined) return known;
    const left = this.#cache.formLeft(original, coding);
    if (left !== null) {
      if (this.#cache.addForm(original, coding, left, nowSeconds)) this.#improve(original, coding, left);
      return left;
    }
    if (!this.#cache.isWorthMaking(original, coding, nowSeconds)) return null;
    // A new form would evict contents, which stay in memory as long as slow clients receive them.
    if (bodyMemory.isFullForFiles) return null;
    const { bytes } = original;
    const compressed = this.#compressor.compress(bytes, coding);
    if (compressed === null) return null;
    bodyMemory.hold(bytes);
    const making = compressed.finally(() => bodyMemory.release(bytes)).then((bytes) => {
      const form = bytes === null ? null : this.#form(original, bytes);
      if (form === null || !this.#cache.addForm(original, coding, form, nowSeconds)) {
        original.made.set(coding, null);
      } else {
        this.#improve(original, coding, form);
      }
      return form;
    });
    original.made.set(coding, making);
    return making;
  }

  /** Has `form` replaced by a smaller one, made at the strongest level, when there is time. */
  #improve(original: FileContent, coding: Coding, form: FileContent): void {
    if (!this.#improves || form.isFinal) return;
    const replace = (bytes: Uint8Array<ArrayBuffer>) => {
      const smaller = this.#form(original, bytes);
      smaller.isFinal = true;
      this.#cache.replaceForm(original, coding, smaller);
    };
    strongestForms.add(this, { original, coding, form, replace });
  }

  /** Ends what compresses in the background. */
  close(): void {
    this.#compressor.close();
    if (this.#improves) strongestForms.leave(this);
  }

  #form(original: FileContent, bytes: Uint8Array<ArrayBuffer>): FileContent {
    const { status, identity } = original;
    return new FileContent(bytes, status, identity, { tag: this.#tags.ofMade(bytes) });
  }
}
