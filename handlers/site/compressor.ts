/**
 * Compresses text, by the runtime's zlib, in slices, so that others are served meanwhile.
 * @module
 */
import zlib from "node:zlib";
import { concat } from "../../server/std.ts";
import { bodyMemory } from "../../server/http/body_memory.ts";
import type { Coding } from "../../server/http/negotiation.ts";
import {
  COMPRESSED_BYTES_MAX,
  COMPRESSED_BYTES_MIN,
  COMPRESSION_SLICE_BYTES,
  COMPRESSIONS_MAX,
} from "../../server/limits.ts";

/** Types whose files are not compressed already, beside `text/…`, `…+json` and `…+xml`. */
const TYPES = new Set([
  "application/javascript",
  "application/json",
  "application/manifest+json",
  "application/vnd.ms-fontobject",
  "application/wasm",
  "application/xml",
  "font/otf",
  "font/ttf",
  "image/bmp",
  "image/svg+xml",
  "image/x-icon",
  "image/vnd.microsoft.icon",
]);

/** Better than gzip's and brotli's fastest, and still some 20 MiB a second. */
const BROTLI_QUALITY = 5;

/** What zlib puts out at a time: a buffer of its own. */
const OUTPUT_BYTES = 16 * 1024;

/** What a slice goes through. */
interface CompressionStream {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  write(chunk: Uint8Array, callback: () => void): unknown;
  end(): unknown;
}

/** Absent in older runtimes. */
const createZstdCompress =
  (zlib as { createZstdCompress?: (options: { chunkSize: number }) => CompressionStream }).createZstdCompress;

/** What can be made, whatever the client likes best. */
export const MADE_CODINGS: readonly Coding[] = createZstdCompress === undefined
  ? ["br", "gzip"]
  : ["br", "zstd", "gzip"];

/** True for files that become smaller, are large enough for that to matter, and do not take too long. */
export function isCompressible(mediaType: string, size: number): boolean {
  if (size < COMPRESSED_BYTES_MIN || size > COMPRESSED_BYTES_MAX) return false;
  const type = mediaType.split(";")[0]!.toLowerCase();
  return type.startsWith("text/") || type.endsWith("+json") || type.endsWith("+xml") || TYPES.has(type);
}

/** One at a time, and not too many in a row. */
export class Compressor {
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** True while there is too much to do. */
  get isFull(): boolean {
    return this.#count >= COMPRESSIONS_MAX;
  }

  /**
   * The bytes in `coding`, or null when they would not become smaller, or cannot be made. Null at once while there is
   * too much to do.
   */
  compress(content: Uint8Array, coding: Coding): Promise<Uint8Array<ArrayBuffer> | null> | null {
    if (this.isFull) return null;
    this.#count++;
    const compressed = this.#last.then(() => compressSlices(content, coding))
      .catch(() => null) // zlib has no memory: the file can be had as it is
      .finally(() => this.#count--);
    this.#last = compressed;
    return compressed;
  }
}

function create(coding: Coding, size: number): CompressionStream {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  switch (coding) {
    case "gzip":
      return zlib.createGzip({ chunkSize: OUTPUT_BYTES });
    case "br":
      return zlib.createBrotliCompress({
        chunkSize: OUTPUT_BYTES,
        params: { [BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [BROTLI_PARAM_SIZE_HINT]: size },
      });
    case "zstd":
      return createZstdCompress!({ chunkSize: OUTPUT_BYTES });
  }
}

async function compressSlices(
  content: Uint8Array,
  coding: Coding,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const stream = create(coding, content.length);
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    stream.on("end", resolve);
    stream.on("error", reject);
  });
  const yieldTurn = () => new Promise((resolve) => setTimeout(resolve)); // others have their turn
  for (let start = 0; start < content.length; start += COMPRESSION_SLICE_BYTES) {
    const slice = content.subarray(start, start + COMPRESSION_SLICE_BYTES);
    await Promise.race([new Promise<void>((resolve) => stream.write(slice, resolve)), ended]);
    await yieldTurn();
  }
  stream.end();
  await ended;
  await yieldTurn();
  const compressed = concat(chunks);
  for (const { buffer } of chunks) {
    if (buffer.byteLength >= OUTPUT_BYTES) bodyMemory.reclaimer.free(buffer); // no part of a pool
  }
  return compressed.length < content.length ? compressed : null;
}
