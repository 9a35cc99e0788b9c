/**
 * Compresses text, by the runtime's zlib, in slices, so that others are served meanwhile.
 * @module
 */
import zlib from "node:zlib";
import { concat } from "../../../server/http/bytes.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { COMPRESSION_SLICE_BYTES, COMPRESSIONS_MAX } from "../limits.ts";

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
const zstd = zlib as {
  createZstdCompress?: (options: object) => CompressionStream;
  zstdCompressSync?: (content: Uint8Array, options: object) => Uint8Array;
};

/** What can be made, whatever the client likes best. */
export const MADE_CODINGS: readonly Coding[] = zstd.createZstdCompress === undefined
  ? ["br", "gzip"]
  : ["br", "zstd", "gzip"];

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

function optionsFor(coding: Coding, size: number): object {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  const params = { [BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [BROTLI_PARAM_SIZE_HINT]: size };
  return coding === "br" ? { chunkSize: OUTPUT_BYTES, params } : { chunkSize: OUTPUT_BYTES };
}

/** By one call: a stream of its own would leave ten times the garbage for a small file. */
function compressWhole(content: Uint8Array, coding: Coding): Uint8Array {
  const options = optionsFor(coding, content.length);
  switch (coding) {
    case "gzip":
      return zlib.gzipSync(content, options);
    case "br":
      return zlib.brotliCompressSync(content, options);
    case "zstd":
      return zstd.zstdCompressSync!(content, options);
  }
}

function create(coding: Coding, size: number): CompressionStream {
  const options = optionsFor(coding, size);
  switch (coding) {
    case "gzip":
      return zlib.createGzip(options);
    case "br":
      return zlib.createBrotliCompress(options);
    case "zstd":
      return zstd.createZstdCompress!(options);
  }
}

async function compressSlices(
  content: Uint8Array,
  coding: Coding,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks = content.length <= COMPRESSION_SLICE_BYTES
    ? [compressWhole(content, coding)]
    : await compressByStream(content, coding);
  await yieldTurn();
  const compressed = concat(chunks);
  for (const { buffer } of chunks) {
    if (buffer.byteLength >= OUTPUT_BYTES) bodyMemory.reclaimer.free(buffer); // no part of a pool
  }
  return compressed.length < content.length ? compressed : null;
}

/** Others have their turn. */
function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

async function compressByStream(content: Uint8Array, coding: Coding): Promise<Uint8Array[]> {
  const stream = create(coding, content.length);
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    stream.on("end", resolve);
    stream.on("error", reject);
  });
  for (let start = 0; start < content.length; start += COMPRESSION_SLICE_BYTES) {
    const slice = content.subarray(start, start + COMPRESSION_SLICE_BYTES);
    await Promise.race([new Promise<void>((resolve) => stream.write(slice, resolve)), ended]);
    await yieldTurn();
  }
  stream.end();
  await ended;
  return chunks;
}
