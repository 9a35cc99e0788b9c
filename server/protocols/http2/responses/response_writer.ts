/**
 * The writing of responses in HTTP/2: heads, interim responses, trailers.
 *
 * Source: RFC 9113 §8.1.
 * @module
 */
import type { HttpClock } from "../../../http/date.ts";
import type { Fields } from "../../../http/field_lines.ts";
import type { HttpResponse } from "../../../http/response.ts";
import { Flag, FrameType } from "../frames/frame.ts";
import type { FrameWriter } from "../frames/frame_writer.ts";
import { fieldBlock, headerFrames, ResponseBlock } from "./response_block.ts";
import type { PeerSettings } from "../frames/settings.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A dynamic table size update (RFC 7541 §6.3). */
const TABLE_SIZE_ZERO = 0x20;
const CONTINUE_BLOCK = fieldBlock(100, []);
const NOTHING: Bytes = new Uint8Array(0);

/** Writes the responses of one connection. */
export class ResponseWriter {
  readonly #writer: FrameWriter;
  readonly #settings: PeerSettings;
  readonly #clock: HttpClock;

  constructor(writer: FrameWriter, settings: PeerSettings, clock: HttpClock) {
    this.#writer = writer;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Writes the head of `response`, and returns its block. `isEnd` tells that nothing follows. */
  head(response: HttpResponse, stream: number, isEnd: boolean): ResponseBlock {
    const block = ResponseBlock.of(response);
    block.stamp(stream, isEnd, this.#clock);
    if (this.#settings.hasShrunkTable) this.#section(block.payload, isEnd ? Flag.END_STREAM : 0, stream);
    else this.#writer.whole(block.bytes);
    return block;
  }

  /** Writes 100 (Continue). */
  continue(stream: number): void {
    this.#section(CONTINUE_BLOCK, 0, stream);
  }

  /** Writes 103 (Early Hints). */
  hints(fields: Fields, stream: number): void {
    this.#section(fieldBlock(103, fields), 0, stream);
  }

  /** Writes the end of a response whose body is written. `trailers` is null for none. */
  end(trailers: Fields | null, stream: number): void {
    if (trailers === null) this.#writer.frame(FrameType.DATA, Flag.END_STREAM, stream, NOTHING);
    else this.#section(fieldBlock(null, trailers), Flag.END_STREAM, stream);
  }

  /**
   * Writes a block. One that follows a smaller table of the client's begins with a table of size 0, which the client waits for
   * (RFC 7541 §4.2). No block of this side uses the table.
   */
  #section(block: Bytes, flags: number, stream: number): void {
    let bytes = block;
    if (this.#settings.hasShrunkTable) {
      this.#settings.hasShrunkTable = false;
      bytes = new Uint8Array(block.length + 1);
      bytes[0] = TABLE_SIZE_ZERO;
      bytes.set(block, 1);
    }
    this.#writer.whole(headerFrames(bytes, flags, stream));
  }
}
