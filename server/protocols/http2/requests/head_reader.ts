/**
 * Heads of requests, from the frames that they are cut into to requests.
 *
 * Most requests of a client have the same block as the one before, and the table has not changed: such a block is not
 * decoded again.
 *
 * Source: RFC 9113 §4.3, §6.2 and §6.10.
 * @module
 */
import type { Buffers } from "../../../connection/buffers.ts";
import { KnownRequest } from "../../../http/heads/known_request.ts";
import type { HttpRequest } from "../../../http/request.ts";
import { CONTINUATIONS_MAX, FRAME_BYTES_MAX, HEAD_BLOCK_RATIO_MAX } from "../../../http2_limits.ts";
import { HEAD_BYTES_MAX } from "../../../limits.ts";
import type { ServerLimits } from "../../../server_limits.ts";
import { ErrorCode } from "../frames/errors.ts";
import { Flag, readUint31 } from "../frames/frame.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import { MALFORMED, RequestHead } from "./request_head.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type HeadLimits = Pick<ServerLimits, "headBytesMax" | "fieldsMax">;

const PRIORITY_BYTES = 5;
const NOTHING: Bytes = new Uint8Array(0);

/** The head that is being decoded: one at a time, of all connections. It grows with the limit. */
const head = new RequestHead(HEAD_BYTES_MAX);

/** Reads the heads of one connection. */
export class HeadReader {
  /** The stream whose head is incomplete; 0 if there is none. */
  incompleteStream = 0;
  /** The whole block: `block[start, end)`. */
  block: Bytes = NOTHING;
  start = 0;
  end = 0;
  /** The flags of the frame that the head began with. */
  flags = 0;
  /** The stream is to depend on itself (RFC 7540 §5.3.1). */
  isOwnParent = false;
  /** The request that {@linkcode HeadReader.readRequest} has read. */
  request: HttpRequest | null = null;
  readonly #decoder = new HpackDecoder();
  #continuations = 0;
  /** The last block, the state of the table behind it, and its request, which had come before. */
  #lastBlock: Bytes = NOTHING;
  #lastVersion = -1;
  #lastRequest: HttpRequest | null = null;

  /** Takes HEADERS. Returns an error of the connection. */
  begin(flags: number, stream: number, bytes: Bytes, start: number, end: number): ErrorCode {
    const isPadded = (flags & Flag.PADDED) !== 0;
    const hasPriority = (flags & Flag.PRIORITY) !== 0;
    const fixed = (isPadded ? 1 : 0) + (hasPriority ? PRIORITY_BYTES : 0);
    if (end - start < fixed) return ErrorCode.FRAME_SIZE_ERROR;
    const padding = isPadded ? bytes[start]! : 0;
    if (padding > end - start - fixed) return ErrorCode.PROTOCOL_ERROR;
    this.isOwnParent = hasPriority && readUint31(bytes, start + fixed - PRIORITY_BYTES) === stream;
    start += fixed;
    end -= padding;
    this.flags = flags;
    if (flags & Flag.END_HEADERS) this.#set(bytes, start, end);
    else {
      this.incompleteStream = stream;
      this.#continuations = 0;
      this.#set(bytes.slice(start, end), 0, end - start);
    }
    return ErrorCode.NO_ERROR;
  }

  /** Takes CONTINUATION. Returns an error of the connection. */
  continue(flags: number, bytes: Bytes, start: number, end: number, { headBytesMax }: HeadLimits): ErrorCode {
    if (this.incompleteStream === 0) return ErrorCode.PROTOCOL_ERROR;
    const continuationsMax = Math.max(CONTINUATIONS_MAX, Math.ceil(headBytesMax * 2 / FRAME_BYTES_MAX));
    if (++this.#continuations > continuationsMax) return ErrorCode.ENHANCE_YOUR_CALM;
    const blockBytesMax = headBytesMax * HEAD_BLOCK_RATIO_MAX;
    const length = this.end + end - start;
    if (length > blockBytesMax) return ErrorCode.ENHANCE_YOUR_CALM;
    if (length > this.block.length) {
      const larger = new Uint8Array(Math.min(length * 2, blockBytesMax));
      larger.set(this.block.subarray(0, this.end));
      this.block = larger;
    }
    this.block.set(bytes.subarray(start, end), this.end);
    this.end = length;
    if (flags & Flag.END_HEADERS) this.incompleteStream = 0;
    return ErrorCode.NO_ERROR;
  }

  /** Forgets the block, which may be large. To be called once it is read. */
  release(): void {
    this.#set(NOTHING, 0, 0);
  }

  #set(block: Bytes, start: number, end: number): void {
    this.block = block;
    this.start = start;
    this.end = end;
  }

  /**
   * Reads the block as a request into {@linkcode HeadReader.request}. Returns 0, a negated status, {@linkcode MALFORMED}, or null
   * for an error of compression.
   */
  readRequest(buffers: Buffers, limits: HeadLimits): number | null {
    const hasEnded = (this.flags & Flag.END_STREAM) !== 0;
    if (hasEnded && this.#isLastBlock()) {
      this.request = this.#lastRequest;
      return 0;
    }
    const scratch = buffers.scratchFor(limits.fieldsMax);
    buffers.request = this.request = scratch;
    head.begin(scratch, limits.headBytesMax, limits.fieldsMax);
    const { version } = this.#decoder.table;
    if (!this.#decoder.decode(this.block, this.start, this.end, head)) return null;
    const status = head.finish(hasEnded);
    if (status === 0 && hasEnded) this.#find(buffers, scratch, version);
    return status;
  }

  /** Looks for the request among those that have come before. `version` is that of the table before its block. */
  #find({ heads }: Buffers, scratch: HttpRequest, version: number): void {
    const length = head.end - head.start;
    const known = heads.find(head.view, head.start, length);
    if (known === null) heads.learn(scratch, head.view, head.start, length);
    else this.request = known;
    // A block that changes the table does so each time.
    const isRepeatable = version === this.#decoder.table.version && known instanceof KnownRequest;
    this.#lastRequest = isRepeatable ? known : null;
    if (this.#lastRequest === null) return;
    this.#lastBlock = this.block.slice(this.start, this.end);
    this.#lastVersion = version;
  }

  #isLastBlock(): boolean {
    const { block, start } = this;
    const last = this.#lastBlock;
    if (this.#lastRequest === null || last.length !== this.end - start) return false;
    if (this.#lastVersion !== this.#decoder.table.version) return false;
    for (let i = 0; i < last.length; i++) if (last[i] !== block[start + i]) return false;
    return true;
  }

  /** Reads the block as trailers, which are dropped. Returns an error of the connection, or of the stream. */
  readTrailers(limits: HeadLimits): { readonly connection: ErrorCode; readonly stream: ErrorCode } {
    head.begin(null, limits.headBytesMax, limits.fieldsMax);
    const isRight = this.#decoder.decode(this.block, this.start, this.end, head);
    return {
      connection: isRight ? ErrorCode.NO_ERROR : ErrorCode.COMPRESSION_ERROR,
      stream: head.finishTrailers() === MALFORMED ? ErrorCode.PROTOCOL_ERROR : ErrorCode.NO_ERROR,
    };
  }

  /** Lets the request that was just read outlive this turn. */
  keepRequest(buffers: Buffers, request: HttpRequest): void {
    if (request !== buffers.scratch) return;
    buffers.renewScratch();
    request.detach(head.start, head.end);
  }
}
