/**
 * Contents of the soak's files. Each version of each file differs from all others at every position.
 * @module
 */
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import { Random } from "../support/random.ts";
import { tagOf } from "../support/tags.ts";

/** The size of the largest content, in bytes. */
export const CONTENT_BYTES_MAX: number = 4 * 2 ** 20;
/** The number of contents that can be told apart. */
const VERSIONS = 2 ** 23;
/** An odd number, so it is coprime to VERSIONS and visits each position before any twice. */
const STRIDE = 5_242_883;
/** 64 characters, none of which has a meaning in HTML. */
const CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \n";

/** Some bytes, and their entity tag. */
export class Content {
  readonly bytes: Buffer<ArrayBuffer>;
  #tag: string | null = null;

  constructor(bytes: Buffer<ArrayBuffer>) {
    this.bytes = bytes;
  }

  get tag(): string {
    return this.#tag ??= tagOf(this.bytes);
  }

  /** Returns the content of the gzip file beside the file. */
  gzip(): Content {
    return new Content(zlib.gzipSync(this.bytes, { level: 1 }) as Buffer<ArrayBuffer>);
  }
}

/**
 * Makes contents. All are parts of one random text from different positions. So a few bytes identify a content, a
 * mixture of two matches neither, and no content costs memory.
 */
export class Contents {
  readonly #text: Buffer<ArrayBuffer>;
  #made = 0;

  constructor(random: Random) {
    this.#text = Buffer.alloc(VERSIONS + CONTENT_BYTES_MAX);
    for (let i = 0; i < this.#text.length; i += 4) {
      const bits = random.below(2 ** 24);
      for (let j = 0; j < 4; j++) this.#text[i + j] = CHARACTERS.charCodeAt((bits >>> (6 * j)) & 63);
    }
  }

  /** Returns the next content of `size` bytes. */
  next(size: number): Content {
    const place = this.#made++ * STRIDE % VERSIONS;
    return new Content(this.#text.subarray(place, place + size));
  }
}
