/**
 * One form of a file as it goes over the wire: its fields, and what a request's conditions and ranges make of it.
 * Source: RFC 9110 §8.8, §13, §14.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { HandlerContext } from "../../../server/connection/handler.ts";
import {
  isRangeFresh,
  preconditionStatus,
  type Validators,
} from "../../../server/http/fields/conditional.ts";
import { formatHttpDate } from "../../../server/http/date.ts";
import { FileBody } from "../../../server/http/file_body.ts";
import { multipartOf } from "../../../server/http/fields/multipart.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { type ByteRange, parseRanges } from "../../../server/http/fields/range.ts";
import type { HttpRequest } from "../../../server/http/request.ts";
import { type Body, type Fields, HttpResponse } from "../../../server/http/response.ts";
import { RANGE_INLINE_BYTES_MAX } from "../../../server/limits.ts";
import type { OpenFile } from "../files/open_files.ts";
import { DiskMultipartBody, MemoryMultipartBody, type MultipartBody } from "./multipart_body.ts";
import type { SentState } from "../files/sent_state.ts";

/** Nothing is read before the client takes it. */
const ON_DEMAND = { highWaterMark: 0 };

const NOTHING = new Uint8Array(0);

/** A file as it is about to be served. */
export interface Representation {
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
  /** What it is compressed with. */
  readonly coding: Coding | null;
  readonly validators: Validators;
  /** Whether another request could have got another representation (RFC 9110 §12.5.5). */
  readonly varies: boolean;
  /** Bytes `[start, end)`. It holds the file open until it was sent. */
  body(start: number, end: number): Body;
  /** The same for several parts, `length` bytes in all. */
  multipart(parts: MultipartBody, length: number): Body;
}

/** Why there is no response yet: a status, and fields that go with it. */
export interface Failure {
  readonly failure: number;
  readonly extraFields: Fields;
}

/** A response, or the error to be told of. */
export type Result = HttpResponse | Failure;

/** Adds the fields that do not come from the file itself. */
export type AddFields = (extraFields: Fields, status: number) => Fields;

/** A resource that stands for another URL than its own. */
export interface FallbackFile {
  /** That URL's path. */
  readonly url: string;
  /** 200, or the error that the resource is the page of. */
  readonly status: number;
  /** Further fields. */
  readonly extraFields: Fields;
  /** A password was asked for because of the resource's own path. */
  readonly isPrivate?: boolean;
}

/** The part of a representation that tells how its bytes are had. */
type ByteSource = Pick<Representation, "size" | "body" | "multipart">;

/** Bytes in memory, which must not change. */
export function sourceInMemory(content: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    size: content.length,
    body: (start, end) => content.subarray(start, end),
    // Not copied, either: however many clients do not read what they asked for.
    multipart: (parts, length) => ({
      stream: new ReadableStream(new MemoryMultipartBody(content, parts), ON_DEMAND),
      length,
    }),
  };
}

/**
 * An open file in the state `status`, of which the first byte is the one at `first` of what is open; `onLease` is called
 * when a body has taken it over.
 */
export function sourceOnDisk(
  file: OpenFile,
  first: number,
  status: FileStatus,
  onLease: () => void,
): ByteSource {
  let isOpen = true;
  const close = () => { // once, whatever a response's owner does: others have it, too
    if (isOpen) file.release();
    isOpen = false;
  };
  let state: SentState | null | undefined;
  const isIntact = () => (state === undefined ? state = file.sent(status) : state)?.isIntact ?? true;
  return {
    size: status.size,
    body: (start, end) => {
      if (start === end) return NOTHING; // a head that waits for a file to follow it would wait for long
      onLease();
      return new FileBody({ fd: file.fd, offset: first + start, length: end - start, close, isIntact });
    },
    multipart: (parts, length) => {
      onLease();
      const source = new DiskMultipartBody(file.fd, first, parts, isIntact, close);
      return { stream: new ReadableStream(source, ON_DEMAND), length };
    },
  };
}

/** 304, 412, 206 or 416 where the request asks for it; null: the whole (RFC 9110 §13.2.2). */
export function negotiate(
  request: HttpRequest,
  context: HandlerContext,
  file: Representation,
  addFields: AddFields,
): Result | null {
  if (!request.isConditional) return null;
  const status = preconditionStatus(request, file.validators, context.clock.seconds);
  if (status === 304) return notModified(file, addFields);
  if (status === 412) return { failure: 412, extraFields: [] };
  const field = request.method === "GET" ? request.header("range") : null;
  if (field === null || !isRangeFresh(request, file.validators, context.clock.seconds)) return null;
  const ranges = parseRanges(field, file.size);
  if (ranges === null) return null;
  if (ranges === "unsatisfiable") {
    return { failure: 416, extraFields: [["Content-Range", `bytes */${file.size}`]] };
  }
  if (ranges.length === 1) return single(file, ranges[0]!, addFields);
  // Its coding would be said of the whole body, delimiters included, and those who decode it would stumble over them.
  return file.coding === null ? multiple(file, ranges, addFields) : null;
}

/** 200 with everything. Where `isShared` is false the content is not copied behind the head. */
export function whole(file: Representation, addFields: AddFields, isShared = true): HttpResponse {
  const body = file.body(0, file.size);
  const inlineBytesMax = isShared ? undefined : RANGE_INLINE_BYTES_MAX;
  return new HttpResponse(200, addFields(fieldsOf(file), 200), body, false, inlineBytesMax);
}

/** 304 with the fields that it must have (RFC 9110 §15.4.5). */
export function notModified(file: Representation, addFields: AddFields): HttpResponse {
  return new HttpResponse(
    304,
    addFields([...validatorFields(file.validators), ...varyField(file)], 304),
    null,
  );
}

/** The page for an error: what stands in the file, but for what would let it be taken for the resource itself. */
export function errorPage(
  file: Representation,
  status: number,
  extraFields: Fields,
  addFields: AddFields,
): HttpResponse {
  const fields = [...contentFields(file, file.mediaType), ...varyField(file), ...extraFields];
  // Not copied, as above: it is sent to all who meet the error, at whatever URL.
  return new HttpResponse(
    status,
    addFields(fields, status),
    file.body(0, file.size),
    false,
    RANGE_INLINE_BYTES_MAX,
  );
}

function single(file: Representation, { start, end }: ByteRange, addFields: AddFields): HttpResponse {
  const fields: Fields = [["Content-Range", `bytes ${start}-${end - 1}/${file.size}`], ...fieldsOf(file)];
  // Not copied: many clients that ask for much and do not read it share what is in memory.
  return new HttpResponse(206, addFields(fields, 206), file.body(start, end), false, RANGE_INLINE_BYTES_MAX);
}

function multiple(file: Representation, ranges: readonly ByteRange[], addFields: AddFields): HttpResponse {
  const boundary = crypto.randomUUID();
  const { contentType, length, parts } = multipartOf(ranges, file.mediaType, file.size, boundary);
  const fields = addFields(fieldsOf(file, contentType), 206);
  return new HttpResponse(206, fields, file.multipart(parts, length), false, RANGE_INLINE_BYTES_MAX);
}

function fieldsOf(file: Representation, mediaType = file.mediaType): Fields {
  return [
    ...contentFields(file, mediaType),
    ...validatorFields(file.validators),
    ["Accept-Ranges", "bytes"],
    ...varyField(file),
  ];
}

function contentFields({ coding }: Representation, mediaType: string): Fields {
  return [
    ["Content-Type", mediaType],
    ["X-Content-Type-Options", "nosniff"],
    ...(coding === null ? [] : [["Content-Encoding", coding]] as const),
  ];
}

function varyField({ varies }: Representation): Fields {
  return varies ? [["Vary", "Accept-Encoding"]] : [];
}

function validatorFields({ etag, modifiedSeconds }: Validators): Fields {
  return [
    ...(modifiedSeconds === null ? [] : [["Last-Modified", formatHttpDate(modifiedSeconds)]] as const),
    ...(etag === null ? [] : [["ETag", etag]] as const),
  ];
}
