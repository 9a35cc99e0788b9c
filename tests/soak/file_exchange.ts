/**
 * A request for a file, and the check of its response: it has to be what RFC 9110 requires for one of the states that
 * the file had between the last byte of the request and the first byte of the response.
 * @module
 */
import { Buffer } from "node:buffer";
import zlib from "node:zlib";
import { formatHttpDate } from "../../server/http/date.ts";
import { partsOf } from "../support/multipart.ts";
import { tagOf } from "../support/tags.ts";
import { type Answer, difference, type Exchange, head } from "./exchange.ts";
import type { Resource, State } from "./resources.ts";

/** The bytes from `start` up to, but not including, `end`. */
export type Span = readonly [start: number, end: number];

/** The parts of a request. */
export interface Ask {
  readonly kind: string;
  readonly method?: "GET" | "HEAD";
  readonly version?: "1.0" | "1.1";
  readonly query?: string;
  /** Accept-Encoding with these codings only. */
  readonly codings?: readonly string[];
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: number;
  /** An entity tag, or a time in seconds. */
  readonly ifRange?: string | number;
  readonly range?: string;
  /** Returns the ranges that `range` means for a file of `size` bytes; an empty list when it cannot be satisfied. */
  readonly spans?: (size: number) => readonly Span[];
  readonly closes?: boolean;
  /** A request body, which is read and dropped. */
  readonly framing?: string;
  readonly body?: string;
}

/** One form of the file, as it is served. */
interface Representation {
  readonly content: { readonly bytes: Buffer; readonly tag: string };
  readonly modifiedSeconds: number;
}

const COMPRESSED_BYTES_MIN = 1024;
const MEMORY_BYTES_MAX = 2 ** 20;
/** How long after a change a file may count as still growing. The response is checked later than it was made. */
const GROWING_MS = 5_000;

export class FileExchange implements Exchange {
  readonly kind: string;
  readonly request: Buffer<ArrayBuffer>;
  readonly isHead: boolean;
  readonly late = null;
  readonly closes: boolean;
  readonly #resource: Resource;
  readonly #lost: Resource;
  readonly #ask: Ask;
  #from: State | null = null;
  #lostFrom: State | null = null;

  constructor(resource: Resource, lost: Resource, ask: Ask) {
    this.#resource = resource;
    this.#lost = lost;
    this.#ask = ask;
    this.kind = ask.kind;
    this.isHead = ask.method === "HEAD";
    this.closes = ask.closes ?? ask.version === "1.0";
    const text = head(
      ask.method ?? "GET",
      resource.url + (ask.query ?? ""),
      [...fieldsOf(ask)],
      ask.version,
    );
    this.request = Buffer.from(text + (ask.body ?? ""), "latin1") as Buffer<ArrayBuffer>;
  }

  begin(): void {
    this.#resource.inFlight++;
    this.#from = this.#resource.state;
    this.#lostFrom = this.#lost.state;
  }

  end(): void {
    this.#resource.inFlight--;
    this.#from = this.#lostFrom = null;
  }

  judge(answer: Answer): string | null {
    if (this.closes && answer.fields.connection !== "close") return "Connection: close is missing";
    let wrong = this.#judgeVary(answer);
    if (wrong !== null) return this.#provenance(answer) + wrong;
    wrong = "";
    for (let state = this.#from; state !== null; state = state.next) {
      const found = this.#compare(answer, state);
      if (found === null) return null;
      wrong += `\n    not the state at that time: ${found}`;
    }
    return this.#provenance(answer) + wrong;
  }

  #compare(answer: Answer, state: State): string | null {
    if (state.file === null) return this.#compareLost(answer);
    const form = this.#formOf(answer, state);
    if (typeof form === "string") return form;
    const { ifMatch, ifNoneMatch, ifModifiedSince, range, ifRange, spans } = this.#ask;
    const { content: { bytes }, modifiedSeconds } = form;
    const isTagged = this.#isTagged(answer, form);
    const tag = isTagged ? form.content.tag : null;
    if (ifMatch !== undefined && ifMatch !== tag) return plain(answer, 412, "412 Precondition Failed\n");
    const isDated = isTagged || answer.fields["last-modified"] !== undefined;
    const isUnmodified = ifNoneMatch !== undefined
      ? ifNoneMatch === "*" || ifNoneMatch === tag
      : isDated && ifModifiedSince !== undefined && modifiedSeconds === ifModifiedSince;
    if (isUnmodified) {
      return difference("status", answer.status, 304) ?? compareValidators(answer, form, isTagged) ??
        difference("length", answer.body.length, 0);
    }
    const isFresh = ifRange === undefined || ifRange === tag || (isDated && ifRange === modifiedSeconds);
    if (range !== undefined && isFresh) {
      return this.#compareSpans(answer, form, isTagged, spans!(bytes.length));
    }
    return difference("status", answer.status, 200) ?? compareValidators(answer, form, isTagged) ??
      difference("Content-Type", answer.fields["content-type"], this.#resource.mediaType) ??
      this.#compareBody(answer, bytes, 0, bytes.length);
  }

  #isCompressible(size: number): boolean {
    return this.#resource.mediaType.startsWith("text/") && size >= COMPRESSED_BYTES_MIN;
  }

  /**
   * Checks Vary. That field is decided before the file is opened, so it may be right for an earlier state than the
   * bytes.
   */
  #judgeVary({ status, fields }: Answer): string | null {
    if (status !== 200 && status !== 206 && status !== 304) return null;
    for (let state = this.#from; state !== null; state = state.next) {
      const { file, gzip } = state;
      const varies = gzip !== null || (file !== null && this.#isCompressible(file.content.bytes.length));
      if (fields.vary === (varies ? "Accept-Encoding" : undefined)) return null;
    }
    return `Vary is ${fields.vary}`;
  }

  /**
   * Returns whether the response has to have a tag. A large file has none while its tag is computed or while it seems
   * to grow.
   */
  #isTagged(answer: Answer, { content }: Representation): boolean {
    const { state } = this.#resource;
    const hasChanged = this.#from !== state || performance.now() - state.beganMs < GROWING_MS;
    return answer.status >= 400 || answer.fields.etag !== undefined || !hasChanged ||
      content.bytes.length <= MEMORY_BYTES_MAX;
  }

  #compareLost(answer: Answer): string | null {
    const wrong = difference("status", answer.status, 404) ??
      difference("ETag", answer.fields.etag, undefined);
    if (wrong !== null) return wrong;
    let found: string | null = "there is no page";
    for (let state = this.#lostFrom; state !== null; state = state.next) {
      const { bytes } = state.file!.content;
      found = this.#compareBody(answer, bytes, 0, bytes.length);
      if (found === null) break;
    }
    return found;
  }

  /**
   * Returns the form of the file that the client should have got. Forms that the server compressed are taken from the
   * response.
   */
  #formOf({ fields, body, status, isWhole }: Answer, { file, gzip }: State): Representation | string {
    const coding = fields["content-encoding"];
    const accepted = this.#ask.codings ?? [];
    const isMade = gzip === null && this.#isCompressible(file!.content.bytes.length);
    if (coding === undefined) {
      // A range without a condition on a tag is a range of the uncompressed form.
      const isPlain = !this.isHead && this.#ask.range !== undefined && this.#ask.ifRange === undefined;
      const isCompressed = gzip !== null && accepted.includes("gzip") && !isPlain;
      if (isCompressed && status === 200) return "it could have been compressed";
      return isCompressed ? gzip : file!;
    }
    if (!accepted.includes(coding)) return `${coding} is not accepted`;
    if (gzip !== null) return coding === "gzip" ? gzip : `there is no form in ${coding}`;
    if (!isMade) return `${coding} of what is not to be compressed`;
    const { modifiedSeconds, content } = file!;
    if (this.isHead || !isWhole) { // length and tag cannot be checked then
      const bytes = Buffer.alloc(Number(fields["content-length"]));
      body.copy(bytes);
      return { content: { bytes, tag: fields.etag! }, modifiedSeconds };
    }
    return unpacked(body, coding).equals(content.bytes)
      ? { content: { bytes: body, tag: tagOf(body) }, modifiedSeconds }
      : `unpacked, it begins with ${JSON.stringify(unpacked(body, coding).toString("latin1", 0, 24))}`;
  }

  #compareSpans(
    answer: Answer,
    form: Representation,
    isTagged: boolean,
    spans: readonly Span[],
  ): string | null {
    const { fields, body, status } = answer;
    const { bytes } = form.content;
    if (spans.length === 0) {
      return plain(answer, 416, "416 Range Not Satisfiable\n") ??
        difference("Content-Range", fields["content-range"], `bytes */${bytes.length}`);
    }
    const wrong = difference("status", status, 206) ?? compareValidators(answer, form, isTagged);
    if (wrong !== null) return wrong;
    if (spans.length === 1) {
      const [start, end] = spans[0]!;
      const range = `bytes ${start}-${end - 1}/${bytes.length}`;
      return difference("Content-Range", fields["content-range"], range) ??
        this.#compareBody(answer, bytes, start, end);
    }
    if (!answer.isWhole) return null;
    const parts = partsOf({ status, statusLine: "", fields, body, text: "" });
    if (parts.length !== spans.length) return `${parts.length} parts, not ${spans.length}`;
    for (const [i, { start, last, size, body, type }] of parts.entries()) {
      const isRight = start === spans[i]![0] && last === spans[i]![1] - 1 && size === bytes.length &&
        type === this.#resource.mediaType && Buffer.compare(body, bytes.subarray(start, last + 1)) === 0;
      if (!isRight) return `part ${i} is ${start}-${last}/${size} of other bytes, or not ${spans[i]}`;
    }
    return null;
  }

  /**
   * Checks that the body has the bytes of `bytes` from `start` to `end`, or the beginning of these if the client
   * left.
   */
  #compareBody({ body, fields, isWhole }: Answer, bytes: Buffer, start: number, end: number): string | null {
    const wrong = difference("Content-Length", fields["content-length"], String(end - start));
    if (wrong !== null || this.isHead) return wrong;
    const length = isWhole ? end - start : body.length;
    if (body.length !== length) return difference("length", body.length, length);
    if (body.compare(bytes, start, start + length) === 0) return null;
    const at = body.findIndex((byte, i) => byte !== bytes[start + i]);
    const shown = (bytes: Buffer, from: number) => JSON.stringify(bytes.toString("latin1", from, from + 24));
    return `the body's byte ${at} of ${length} begins ${shown(body, at)}, not ${shown(bytes, start + at)}`;
  }

  /** Describes where the bytes came from, for finding the fault. */
  #provenance({ status, fields }: Answer): string {
    return `${this.#resource.url}: ${status} ${JSON.stringify(fields)} `;
  }
}

function* fieldsOf(ask: Ask): Generator<string> {
  if (ask.codings !== undefined) yield `Accept-Encoding: ${ask.codings.join(", ")}`;
  if (ask.ifMatch !== undefined) yield `If-Match: ${ask.ifMatch}`;
  if (ask.ifNoneMatch !== undefined) yield `If-None-Match: ${ask.ifNoneMatch}`;
  if (ask.ifModifiedSince !== undefined) yield `If-Modified-Since: ${formatHttpDate(ask.ifModifiedSince)}`;
  if (ask.range !== undefined) yield `Range: ${ask.range}`;
  if (ask.ifRange !== undefined) {
    yield `If-Range: ${typeof ask.ifRange === "number" ? formatHttpDate(ask.ifRange) : ask.ifRange}`;
  }
  if (ask.framing !== undefined) yield ask.framing;
  if (ask.closes === true && ask.version !== "1.0") yield "Connection: close";
}

function unpacked(body: Buffer, coding: string): Buffer {
  try {
    return coding === "br" ? zlib.brotliDecompressSync(body) : zlib.gunzipSync(body);
  } catch (error) {
    return Buffer.from(String(error));
  }
}

function compareValidators(
  { fields }: Answer,
  { content, modifiedSeconds }: Representation,
  isTagged: boolean,
): string | null {
  const modified = fields["last-modified"];
  // A file that was modified after the response's date was read has that date in Last-Modified, never a later one.
  const isDate = (modified === fields.date && modified === formatHttpDate(modifiedSeconds - 1)) ||
    // Without a tag, the time of a change within the last two seconds is not sent.
    (!isTagged && modified === undefined);
  return difference("ETag", fields.etag, isTagged ? content.tag : undefined) ??
    (isDate ? null : difference("Last-Modified", modified, formatHttpDate(modifiedSeconds)));
}

/** Checks an error response with a body of plain text. */
function plain({ status, body, fields, isWhole }: Answer, expected: number, text: string): string | null {
  const wrong = difference("status", status, expected) ?? difference("ETag", fields.etag, undefined);
  if (wrong !== null || !isWhole || body.length === 0) return wrong;
  return body.toString("latin1").startsWith(text)
    ? null
    : `body is ${JSON.stringify(body.toString("latin1", 0, 200))}`;
}
