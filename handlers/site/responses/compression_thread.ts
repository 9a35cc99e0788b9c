/**
 * Compression at the strongest levels, which takes a second per megabyte, on a thread of its own.
 *
 * The thread is a Web Worker: zlib's functions with a callback compress on the calling thread in newer runtimes. Its
 * module is a `data:` URL, so that the sandbox has nothing to permit.
 * @module
 */
import { THREAD_LIBRARY } from "../../../ffi/libc/thread_library.ts";
import { bytesWithHeadRoom } from "../../../server/http/head_room.ts";
import { concat } from "../../../server/http/bytes.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { COMPRESSION_THREAD_IDLE_MS } from "../limits.ts";

/** A content that was compressed. */
export interface Compressed {
  /** Null if it could not be compressed. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  /** The processor time that it took. */
  readonly cpuMs: number;
}

/** What the thread is asked for. `priority` is that of setpriority(2). */
interface Job {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly coding: Coding;
  readonly level: number;
  readonly priority: number;
}

/** The lowest priority: the thread gets what nothing else wants. */
const LOWEST_PRIORITY = 19;

/** The module of the thread. */
const MODULE = `
import zlib from "node:zlib";
${THREAD_LIBRARY}
const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
function compress(content, coding, level) {
  if (coding === "gzip") return zlib.gzipSync(content, { level: Math.min(level, 9) });
  if (coding === "zstd") return zlib.zstdCompressSync(content, { params: { 100: level === 11 ? 19 : level } });
  return zlib.brotliCompressSync(content, {
    params: {
      [BROTLI_PARAM_QUALITY]: level,
      [BROTLI_PARAM_LGWIN]: Math.max(10, Math.min(24, Math.ceil(Math.log2(content.length + 16)))),
      [BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}
onmessage = ({ data: { content, coding, level, priority } }) => {
  if (priority > 0) setPriority(priority);
  const begin = cpuMs();
  let bytes = null;
  try {
    bytes = new Uint8Array(compress(content, coding, level));
  } catch {
    // out of memory
  }
  postMessage({ bytes, cpuMs: cpuMs() - begin }, bytes === null ? [] : [bytes.buffer]);
};
`;

const FAILED: Compressed = { bytes: null, cpuMs: 0 };

/** Compresses one content at a time. The thread ends when it has had nothing to do for a while. */
export class CompressionThread {
  readonly #priority: number;
  #worker: Worker | null = null;
  #answer: ((compressed: Compressed) => void) | null = null;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** In the background, the thread takes only processor time that nothing else wants. */
  constructor(isBackground: boolean) {
    this.#priority = isBackground ? LOWEST_PRIORITY : 0;
  }

  /** Compresses a copy of `content`, which the thread gets. Call it again only when the promise has settled. */
  compress(content: Uint8Array, coding: Coding, level: number): Promise<Compressed> {
    clearTimeout(this.#idle);
    return new Promise((resolve) => {
      this.#answer = resolve;
      const job: Job = { content: content.slice(), coding, level, priority: this.#priority };
      try {
        this.#worker ??= this.#start();
        this.#worker.postMessage(job, [job.content.buffer]);
      } catch {
        this.end(); // no further thread may be started
      }
    });
  }

  #start(): Worker {
    const worker = new Worker(`data:application/javascript,${encodeURIComponent(MODULE)}`, {
      type: "module",
    });
    worker.onmessage = ({ data }: MessageEvent<Compressed>) => {
      const bytes = data.bytes === null ? null : concat([data.bytes], bytesWithHeadRoom);
      this.#settle({ ...data, bytes });
      if (this.#answer === null) this.#endLater();
    };
    worker.onerror = (event) => {
      event.preventDefault(); // it would end the process
      this.end();
    };
    return worker;
  }

  #settle(compressed: Compressed): void {
    const answer = this.#answer;
    this.#answer = null;
    answer?.(compressed);
  }

  #endLater(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.end(), COMPRESSION_THREAD_IDLE_MS);
    Deno.unrefTimer(this.#idle);
  }

  /** Ends the thread. What it compresses is lost: the promise becomes a failure. */
  end(): void {
    clearTimeout(this.#idle);
    this.#worker?.terminate();
    this.#worker = null;
    this.#settle(FAILED);
  }
}
