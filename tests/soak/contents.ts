/**
 * What stands in the files of the soak: each version of each file has bytes that no other has, at any place.
 * @module
 */
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import { Random } from "../support/random.ts";
import { tagOf } from "../support/tags.ts";

/** The largest content. */
export const CONTENT_BYTES_MAX: number = 4 * 2 ** 20;
/** Contents that can be told from each other. */
const VERSIONS = 2 ** 23;
/** Odd, and so prime to VERSIONS: it comes to each place once before it comes to one again. */
const STRIDE = 5_242_883;
/** 64 characters, none of which means anything in a page. */
const CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \n";

/** Some bytes and the entity tag that they have to have. */
export class Content {
  readonly bytes: Buffer<ArrayBuffer>;
  #tag: string | null = null;

  constructor(bytes: Buffer<ArrayBuffer>) {
    this.bytes = bytes;
  }

  get tag(): string {
    return this.#tag ??= tagOf(this.bytes);
  }

  /** What stands beside it for those who understand gzip. */
  gzip(): Content {
    return new Content(zlib.gzipSync(this.bytes, { level: 1 }) as Buffer<ArrayBuffer>);
  }
}

/**
 * Makes contents. All are parts of one random text, each from a place of its own on: a few bytes say which it is, a
 * mixture of two is neither, and none costs memory.
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

  /** The next content of `size` bytes. */
  next(size: number): Content {
    const place = this.#made++ * STRIDE % VERSIONS;
    return new Content(this.#text.subarray(place, place + size));
  }
}
