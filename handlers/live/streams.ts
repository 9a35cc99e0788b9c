/**
 * The event streams of open pages (WHATWG HTML §9.2). An event says that something has changed; the page then asks what.
 * So a stream tells no names of files.
 * @module
 */
import { encodeUtf8 } from "../../server/http/characters.ts";
import { type Fields, HttpResponse } from "../../server/http/response.ts";
import { LIVE_STREAMS_MAX } from "../site/limits.ts";

const FIELDS: Fields = [
  ["Content-Type", "text/event-stream"],
  ["Cache-Control", "no-store"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Accel-Buffering", "no"],
];

/** One stream: it ends when `end` is called. */
interface Stream {
  /** Continues a stream that waits for news; null while it does not wait. */
  wake: (() => void) | null;
  readonly end: () => void;
}

/** All streams. */
export class Streams {
  readonly #streams = new Set<Stream>();
  /** The number of the last news. */
  #news = 0;
  #events = 0;

  /**
   * Sends an event to all pages, with the number of events of files so far. Several before a page takes the first are one.
   */
  tell(events: number): void {
    this.#news++;
    this.#events = events;
    for (const { wake } of this.#streams) wake?.();
  }

  /** Returns the response with a new stream, whose first event is sent at once. It ends when `signal` is aborted. */
  open(signal: AbortSignal): HttpResponse {
    if (this.#streams.size >= LIVE_STREAMS_MAX) [...this.#streams][0]!.end();
    let sent = -1;
    let isOpen = true;
    const stream: Stream = {
      wake: null,
      end: () => {
        isOpen = false;
        this.#streams.delete(stream);
        stream.wake?.();
      },
    };
    this.#streams.add(stream);
    signal.addEventListener("abort", stream.end, { once: true }); // the server is stopping
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (isOpen && sent === this.#news) await new Promise<void>((resolve) => stream.wake = resolve);
        stream.wake = null;
        if (!isOpen) return controller.close();
        sent = this.#news;
        controller.enqueue(encodeUtf8(`data: ${this.#events}\n\n`));
      },
      cancel: () => stream.end(),
    }, { highWaterMark: 0 });
    return new HttpResponse(200, FIELDS, { stream: body, length: null });
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of [...this.#streams]) stream.end();
  }
}
