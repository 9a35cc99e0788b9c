/**
 * The fields that decide where a request ends and whether the connection persists. If two servers read these
 * differently, they disagree about where the next request starts (request smuggling). So everything ambiguous is
 * rejected.
 *
 * Source: RFC 9112 §3.2, §6, §9.3; RFC 9110 §7.6.1, §8.6, §10.1.1.
 * @module
 */
import { isName } from "./request.ts";
import type { HttpRequest } from "./request.ts";
import { isAuthority } from "./target.ts";

/** The result of {@linkcode FramingFields.take} for a field that makes the request invalid. */
export const FRAMING_INVALID = 1;

const COMMA = 0x2c;

/** Collects the framing fields of one head. */
export class FramingFields {
  #hosts = 0;
  #contentLength = -1;
  #codings = 0;
  #unknownCodings = 0;
  #chunkedLast = false;
  #chunkedCount = 0;
  #close = false;
  #keepAlive = false;
  #expectsContinue = false;
  #unknownExpectation = false;

  reset(): void {
    this.#hosts = 0;
    this.#contentLength = -1;
    this.#codings = 0;
    this.#unknownCodings = 0;
    this.#chunkedLast = false;
    this.#chunkedCount = 0;
    this.#close = false;
    this.#keepAlive = false;
    this.#expectsContinue = false;
    this.#unknownExpectation = false;
  }

  /** True if there was `Expect: 100-continue`. */
  get expectsContinue(): boolean {
    return this.#expectsContinue;
  }

  /** Reads one field: 0, or {@linkcode FRAMING_INVALID}. */
  take(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    start: number,
    end: number,
    request: HttpRequest,
  ): number {
    switch (nameEnd - nameStart) {
      case 4: // an empty Host is allowed (RFC 9112 §3.2), a second one is not
        if (!isName(bytes, nameStart, "host")) break;
        return ++this.#hosts > 1 || (start < end && !isAuthority(bytes, start, end, false))
          ? FRAMING_INVALID
          : 0;
      case 5:
        if (isName(bytes, nameStart, "range")) request.isConditional = true;
        break;
      case 6:
        if (!isName(bytes, nameStart, "expect")) break;
        if (end - start === 12 && isName(bytes, start, "100-continue")) this.#expectsContinue = true;
        else this.#unknownExpectation = true;
        break;
      case 8:
        if (isName(bytes, nameStart, "if-match") || isName(bytes, nameStart, "if-range")) {
          request.isConditional = true;
        }
        break;
      case 10:
        if (isName(bytes, nameStart, "connection")) this.#takeConnection(bytes, start, end);
        break;
      case 13:
        if (isName(bytes, nameStart, "if-none-match")) request.isConditional = true;
        break;
      case 14:
        if (isName(bytes, nameStart, "content-length")) return this.#takeContentLength(bytes, start, end);
        break;
      case 17:
        if (isName(bytes, nameStart, "if-modified-since")) request.isConditional = true;
        else if (isName(bytes, nameStart, "transfer-encoding")) this.#takeTransferEncoding(bytes, start, end);
        break;
      case 19:
        if (isName(bytes, nameStart, "if-unmodified-since")) request.isConditional = true;
        break;
    }
    return 0;
  }

  /** Checks the fields of the whole head and writes the result into `request`: 0, or a negated status. */
  finish(request: HttpRequest): number {
    const isHttp11 = request.minorVersion === 1;
    if (isHttp11 && this.#hosts === 0) return -400; // RFC 9112 §3.2
    if (this.#codings > 0) {
      if (!isHttp11) return -400; // §6.1: such framing is faulty
      if (this.#contentLength >= 0) return -400; // §6.3 (3): smuggling
      if (!this.#chunkedLast || this.#chunkedCount > 1) return -400; // §6.3 (4), §7.1
      if (this.#unknownCodings > 0) return -501; // §6.1
    }
    request.contentLength = this.#contentLength;
    request.chunked = this.#codings > 0;
    request.expectsContinue = isHttp11 && this.#expectsContinue && request.hasBody;
    request.keepAlive = !this.#close && (isHttp11 || this.#keepAlive); // RFC 9112 §9.3
    // RFC 9110 §10.1.1: 100-continue of an HTTP/1.0 client is ignored.
    return isHttp11 && this.#unknownExpectation ? -417 : 0;
  }

  /** Reads Content-Length (RFC 9110 §8.6): digits only. A second field is rejected, even with the same value. */
  #takeContentLength(bytes: Uint8Array, start: number, end: number): number {
    if (this.#contentLength >= 0 || start === end) return FRAMING_INVALID;
    let value = 0;
    for (let i = start; i < end; i++) {
      const digit = bytes[i]! - 0x30;
      if (digit < 0 || digit > 9) return FRAMING_INVALID;
      value = Math.min(value * 10 + digit, Number.MAX_SAFE_INTEGER); // never wraps around
    }
    this.#contentLength = value;
    return 0;
  }

  #takeTransferEncoding(bytes: Uint8Array, start: number, end: number): void {
    this.#codings++;
    this.#chunkedLast = false;
    forEachElement(bytes, start, end, (from, to) => {
      this.#chunkedLast = to - from === 7 && isName(bytes, from, "chunked");
      if (this.#chunkedLast) this.#chunkedCount++;
      else this.#unknownCodings++;
    });
  }

  #takeConnection(bytes: Uint8Array, start: number, end: number): void {
    forEachElement(bytes, start, end, (from, to) => {
      if (to - from === 5 && isName(bytes, from, "close")) this.#close = true;
      else if (to - from === 10 && isName(bytes, from, "keep-alive")) this.#keepAlive = true;
    });
  }
}

/** Calls `visit` for each non-empty element of a comma-separated list (RFC 9110 §5.6.1), without its white space. */
function forEachElement(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (from: number, to: number) => void,
): void {
  let from = start;
  while (from <= end) {
    let stop = from;
    while (stop < end && bytes[stop] !== COMMA) stop++;
    let to = stop;
    while (from < to && (bytes[from] === 0x20 || bytes[from] === 0x09)) from++;
    while (to > from && (bytes[to - 1] === 0x20 || bytes[to - 1] === 0x09)) to--;
    if (to > from) visit(from, to);
    from = stop + 1;
  }
}
