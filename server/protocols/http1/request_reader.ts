/**
 * The parser of a connection's input into a sequence of requests.
 * @module
 */
import { BodyReader } from "./body_reader.ts";
import { parseRequest } from "./head_parser.ts";
import type { HttpRequest } from "../../http/request.ts";
import type { RequestBody } from "../../http/request_body.ts";
import { LOG_UNKNOWN_LINE_BYTES_MAX } from "../../limits.ts";
import type { Input } from "../../connection/input.ts";
import type { ServerLimits } from "../../server_limits.ts";
import type { Buffers } from "../../connection/buffers.ts";

/** The result of {@linkcode RequestReader.read}, unless it is a negated status. */
export const Read = {
  /** More input is needed. */
  INCOMPLETE: 0,
  /** A complete request; or the end of its body, if that goes to {@linkcode RequestReader.body}. */
  REQUEST: 1,
  /** A head, whose body will be read next. */
  HEAD: 2,
} as const;

/** The limits above which a request is rejected. */
export type RequestLimits = Pick<ServerLimits, "headBytesMax" | "fieldsMax" | "bodyBytesMax">;

const NO_HEAD = new Uint8Array(0);

/**
 * Reads requests from the input. The data of a body is passed to {@linkcode body}; without a body object it is dropped.
 */
export class RequestReader {
  /** The object that receives the body being read; null if there is none, or its data is dropped. */
  body: RequestBody | null = null;
  /** The head of the request whose body is being read; empty if there is none. */
  #head: Uint8Array<ArrayBuffer> = NO_HEAD;
  #framing: BodyReader | null = null;
  readonly #input: Input;

  constructor(input: Input) {
    this.#input = input;
  }

  /** True if a head was read, and its body is not complete yet. */
  get isInBody(): boolean {
    return this.#head.length > 0;
  }

  /**
   * Continues with the input. Returns one of {@linkcode Read}, or a negated status for an invalid request. The request
   * is in `buffers.request`, which other connections use after this connection's turn.
   */
  read(buffers: Buffers, limits: RequestLimits): number {
    return this.isInBody ? this.#readBody(buffers) : this.#readHead(buffers, limits);
  }

  /** Forgets the body that is being read. */
  reset(): void {
    this.#head = NO_HEAD;
    this.body = null;
  }

  /**
   * Parses the saved head into `buffers.request` again; other connections have used that object meanwhile. Of an
   * incomplete head only the request line is set.
   */
  restore(buffers: Buffers): void {
    buffers.request = buffers.scratch;
    if (this.isInBody) {
      const { length } = this.#head; // within the limit in force when it was read
      parseRequest(this.#head, 0, length, buffers.scratch, length, buffers.fieldsMax);
    } else {
      const { bytes, start, end } = this.#input;
      buffers.scratch.method = "";
      buffers.scratch.setUnknown(bytes, start, end, LOG_UNKNOWN_LINE_BYTES_MAX);
    }
  }

  /** Lets the request outlive this turn: its bytes move out of the slot, and the parser gets another object. */
  release(buffers: Buffers, request: HttpRequest): void {
    if (request.isShared) return;
    buffers.renewScratch();
    if (request.buffer === this.#input.bytes) request.buffer = this.#input.own();
  }

  #readHead(buffers: Buffers, { headBytesMax, fieldsMax, bodyBytesMax }: RequestLimits): number {
    const input = this.#input;
    const { heads } = buffers;
    input.skipEmptyLines();
    if (input.isEmpty || (input.scanned > 0 && !input.hasNews(headBytesMax))) return Read.INCOMPLETE;
    const { view, start, end } = input;
    if (view !== null) {
      const known = heads.find(view, start, end - start);
      if (known !== null && known.fieldCount <= fieldsMax) {
        buffers.request = known;
        input.start += known.headLength;
        return Read.REQUEST;
      }
    }
    const request = buffers.request = buffers.scratchFor(fieldsMax);
    const taken = parseRequest(input.bytes, start, end, request, headBytesMax, fieldsMax);
    if (taken < 0) {
      if (request.lineEnd === 0) request.setUnknown(input.bytes, start, end, LOG_UNKNOWN_LINE_BYTES_MAX);
      return taken;
    }
    if (taken === 0) {
      input.scanned = end - start;
      return Read.INCOMPLETE;
    }
    input.scanned = 0;
    input.start += taken;
    if (!request.hasBody) {
      if (view !== null) heads.learn(request, view, start, taken);
      return Read.REQUEST;
    }
    this.#framing ??= new BodyReader();
    this.#framing.bytesMax = bodyBytesMax;
    const status = this.#framing.begin(request);
    if (status < 0) return status;
    this.#head = input.bytes.slice(start, input.start);
    return Read.HEAD;
  }

  #readBody(buffers: Buffers): number {
    const { body } = this;
    const input = this.#input;
    const taken = this.#framing!.read(input.bytes, input.start, input.end, body);
    if (taken < 0) {
      if (body === null) this.restore(buffers); // the response needs the method
      return taken;
    }
    input.start += taken;
    if (!this.#framing!.isDone) return Read.INCOMPLETE;
    if (body === null) this.restore(buffers);
    else body.end();
    this.body = null;
    this.#head = NO_HEAD;
    return Read.REQUEST;
  }
}
