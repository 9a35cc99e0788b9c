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

const DIGIT_1 = 0x31;

/** Returns true for a head whose line ends with `HTTP/1.0` or `HTTP/1.1`. Heads of HTTP/2 are written like those of HTTP/1. */
function isHttp1({ buffer, lineEnd }: HttpRequest): boolean {
  return buffer[lineEnd - 3] === DIGIT_1;
}

/** The limits above which a request is rejected. */
export type RequestLimits = Pick<ServerLimits, "headBytesMax" | "fieldsMax" | "bodyBytesMax">;

/**
 * Reads requests from the input. The data of a body is passed to {@linkcode body}; without a body object it is dropped.
 */
export class RequestReader {
  /** The object that receives the body being read; null if there is none, or its data is dropped. */
  body: RequestBody | null = null;
  /** The request whose body is being read; null if there is none. No other connection uses the object. */
  #request: HttpRequest | null = null;
  #framing: BodyReader | null = null;
  readonly #input: Input;

  constructor(input: Input) {
    this.#input = input;
  }

  /** True if a head was read, and its body is not complete yet. */
  get isInBody(): boolean {
    return this.#request !== null;
  }

  /**
   * Continues with the input. Returns one of {@linkcode Read}, or a negated status for an invalid request. The request
   * is `buffers.request`. One without a body is reused after this connection's turn, unless it is released.
   */
  read(buffers: Buffers, limits: RequestLimits): number {
    return this.isInBody ? this.#readBody(buffers) : this.#readHead(buffers, limits);
  }

  /** Forgets the body that is being read. */
  reset(): void {
    this.#request = null;
    this.body = null;
  }

  /** Returns the request that has not arrived completely. Of an incomplete head only the request line is set. */
  incomplete({ scratch }: Buffers): HttpRequest {
    if (this.#request !== null) return this.#request;
    const { bytes, start, end } = this.#input;
    scratch.method = "";
    scratch.setUnknown(bytes, start, end, LOG_UNKNOWN_LINE_BYTES_MAX);
    return scratch;
  }

  /** Lets the request outlive this turn: its bytes move out of the slot, and the parser gets another object. */
  release(buffers: Buffers, request: HttpRequest): void {
    if (request !== buffers.scratch) return; // a shared one, or one with a body
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
      if (known !== null && known.fieldCount <= fieldsMax && isHttp1(known)) {
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
    buffers.renewScratch();
    request.buffer = input.bytes.slice(0, input.start);
    this.#request = request;
    return Read.HEAD;
  }

  #readBody(buffers: Buffers): number {
    const { body } = this;
    const input = this.#input;
    const taken = this.#framing!.read(input.bytes, input.start, input.end, body);
    if (taken >= 0) input.start += taken;
    if (taken >= 0 && !this.#framing!.isDone) return Read.INCOMPLETE;
    buffers.request = this.#request!;
    if (taken < 0) return taken;
    body?.end();
    this.reset();
    return Read.REQUEST;
  }
}
