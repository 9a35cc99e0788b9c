/**
 * Compresses text by the runtime's zlib, in slices, so other requests are answered meanwhile.
 * @module
 */
import zlib from "node:zlib";
import { concat } from "../../../server/http/bytes.ts";
import { bodyMemory } from "../../../server/http/body_memory.ts";
import { bytesWithHeadRoom } from "../../../server/http/head_room.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import type { CompressLevel } from "../settings/site_settings.ts";
import { CompressionThread } from "./compression_thread.ts";
import { COMPRESSION_SLICE_BYTES, COMPRESSIONS_MAX } from "../limits.ts";

/** Compresses better than gzip and than brotli's fastest quality, and still some 20 MiB a second. */
const BROTLI_QUALITY = 5;

/** Stronger levels compress on a thread: a slice would keep other requests waiting for too long. */
const SLICED_LEVEL_MAX = 9;

/** ZSTD_c_compressionLevel. */
const ZSTD_LEVEL = 100;

/** Bytes of a buffer that zlib allocates for a piece of output. */
const OUTPUT_BYTES = 16 * 1024;

/** The part of Node's streams that is used here. */
interface CompressionStream {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  write(chunk: Uint8Array, callback: () => void): unknown;
  end(): unknown;
}

/** zlib with zstd, which older runtimes do not have. */
const zstd = zlib as {
  createZstdCompress?: (options: object) => CompressionStream;
  zstdCompressSync?: (content: Uint8Array, options: object) => Uint8Array;
};

/** The codings that can be made here. */
export const MADE_CODINGS: readonly Coding[] = zstd.createZstdCompress === undefined
  ? ["br", "gzip"]
  : ["br", "zstd", "gzip"];

/** Compresses one content at a time; a few wait. */
export class Compressor {
  readonly #level: CompressLevel;
  readonly #thread = new CompressionThread(false);
  #last: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** `auto` is quick: the client waits. */
  constructor(level: CompressLevel = "auto") {
    this.#level = level;
  }

  /** True while COMPRESSIONS_MAX contents are being compressed or wait. */
  get isFull(): boolean {
    return this.#count >= COMPRESSIONS_MAX;
  }

  /**
   * Compresses `content`; the promise becomes null when that makes it no smaller, or fails. Null in place of the promise
   * while too many wait.
   */
  compress(content: Uint8Array, coding: Coding): Promise<Uint8Array<ArrayBuffer> | null> | null {
    if (this.isFull) return null;
    this.#count++;
    const compressed = this.#last.then(() => this.#compress(content, coding))
      .catch(() => null) // zlib is out of memory: the file is sent uncompressed
      .finally(() => this.#count--);
    this.#last = compressed;
    return compressed;
  }

  async #compress(content: Uint8Array, coding: Coding): Promise<Uint8Array<ArrayBuffer> | null> {
    const level = this.#level;
    if (level === "auto" || level <= SLICED_LEVEL_MAX) return await compressSlices(content, coding, level);
    const { bytes } = await this.#thread.compress(content, coding, level);
    return bytes !== null && bytes.length < content.length ? bytes : null;
  }

  /** Ends the thread. */
  close(): void {
    this.#thread.end();
  }
}

function optionsFor(coding: Coding, size: number, level: CompressLevel): object {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  const quality = level === "auto" ? BROTLI_QUALITY : level;
  const params = { [BROTLI_PARAM_QUALITY]: quality, [BROTLI_PARAM_SIZE_HINT]: size };
  if (coding === "br") return { chunkSize: OUTPUT_BYTES, params };
  if (level === "auto") return { chunkSize: OUTPUT_BYTES };
  return coding === "gzip"
    ? { chunkSize: OUTPUT_BYTES, level }
    : { chunkSize: OUTPUT_BYTES, params: { [ZSTD_LEVEL]: level } };
}

/** Compresses a small content by one call: a stream would leave ten times the garbage. */
function compressWhole(content: Uint8Array, coding: Coding, level: CompressLevel): Uint8Array {
  const options = optionsFor(coding, content.length, level);
  switch (coding) {
    case "gzip":
      return zlib.gzipSync(content, options);
    case "br":
      return zlib.brotliCompressSync(content, options);
    case "zstd":
      return zstd.zstdCompressSync!(content, options);
  }
}

function create(coding: Coding, size: number, level: CompressLevel): CompressionStream {
  const options = optionsFor(coding, size, level);
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
  level: CompressLevel,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks = content.length <= COMPRESSION_SLICE_BYTES
    ? [compressWhole(content, coding, level)]
    : await compressByStream(content, coding, level);
  await yieldTurn();
  const compressed = concat(chunks, bytesWithHeadRoom);
  for (const { buffer } of chunks) {
    if (buffer.byteLength >= OUTPUT_BYTES) bodyMemory.reclaimer.free(buffer); // smaller ones may be part of Node's pool
  }
  return compressed.length < content.length ? compressed : null;
}

/** Lets the loop answer other requests. */
function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

async function compressByStream(
  content: Uint8Array,
  coding: Coding,
  level: CompressLevel,
): Promise<Uint8Array[]> {
  const stream = create(coding, content.length, level);
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
