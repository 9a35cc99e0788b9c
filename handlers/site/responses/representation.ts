/**
 * One form of a file as it is sent: its bytes, its fields, and the responses with all or none of it.
 * Source: RFC 9110 §8.8.
 * @module
 */
import type { FileStatus } from "../../../ffi/file/file_status.ts";
import type { Validators } from "../../../server/http/fields/conditional.ts";
import { formatHttpDate } from "../../../server/http/date.ts";
import { FileBody } from "../../../server/http/file_body.ts";
import type { Coding } from "../../../server/http/fields/negotiation.ts";
import { type Body, type Fields, HttpResponse } from "../../../server/http/response.ts";
import { RANGE_INLINE_BYTES_MAX } from "../../../server/limits.ts";
import { isPackedSvg } from "../files/media_type.ts";
import type { OpenFile } from "../files/open_files.ts";
import { DiskMultipartBody, MemoryMultipartBody, type MultipartBody } from "./multipart_body.ts";
import type { SentState } from "../files/sent_state.ts";
import type { FieldPolicy } from "../rules/field_policy.ts";
import type { Resource, Variant } from "../cache/resource.ts";
import type { Fallback, SiteRequest } from "./site_request.ts";

/** A stream that reads nothing ahead of its client. */
const ON_DEMAND = { highWaterMark: 0 };

const NOTHING = new Uint8Array(0);

/** One form of a file, ready to be sent. */
export interface Representation {
  /** In bytes. */
  readonly size: number;
  readonly mediaType: string;
  /** Null for an uncompressed form. */
  readonly coding: Coding | null;
  readonly validators: Validators;
  /** True when another request may get another representation (RFC 9110 §12.5.5). */
  readonly varies: boolean;
  /** Returns the bytes `[start, end)` as a body, which holds the file open until it was sent. */
  body(start: number, end: number): Body;
  /** Returns several parts, `length` bytes in all, as one body. */
  multipart(parts: MultipartBody, length: number): Body;
}

/** An error to be answered: its status, and further fields of its response. */
export interface Failure {
  readonly failure: number;
  readonly extraFields: Fields;
}

/** A response, or an error that is still to be answered. */
export type Result = HttpResponse | Failure;

/** Adds the fields of a response that do not come from the file: those of the settings. */
export type AddFields = (extraFields: Fields, status: number) => Fields;

/** The part of a representation that gives its bytes. */
type ByteSource = Pick<Representation, "size" | "body" | "multipart">;

/** Returns `variant` of `resource` as a representation, whose bytes come from `source`. */
export function representationOf(
  { fileName, mediaType, varies }: Resource,
  { coding }: Variant,
  validators: Validators,
  source: ByteSource,
): Representation {
  return {
    ...source,
    mediaType,
    coding: coding ?? (isPackedSvg(fileName) ? "gzip" : null),
    validators,
    varies,
  };
}

/**
 * Returns what adds the settings' fields to a response of `resource`. `origin` is the origin that may read it, null
 * without one; `request` is null for a response that all requests for the resource share.
 */
export function addFieldsFor(
  policy: FieldPolicy,
  resource: Resource,
  origin: string | null,
  request: SiteRequest | null,
): AddFields {
  const { fileName, mediaType, url } = resource;
  const fallback = request === null ? null : request.fallback;
  const isPrivate = resource.auth.length > 0 || fallback?.isPrivate === true;
  const path = fallback === null ? url : request!.url;
  return (extraFields, status) => {
    const fields = fallback === null || fallback.status !== 200
      ? extraFields
      : [...extraFields, ...fallback.extraFields];
    return policy.fieldsOf(fields, { path, status, fileName, mediaType, origin, isPrivate });
  };
}

/** Returns bytes in memory, which must not change, as a source. */
export function sourceInMemory(content: Uint8Array<ArrayBuffer>): ByteSource {
  return {
    size: content.length,
    body: (start, end) => content.subarray(start, end),
    // Parts are copied a chunk at a time, so clients that do not read cost no copy of the whole.
    multipart: (parts, length) => ({
      stream: new ReadableStream(new MemoryMultipartBody(content, parts), ON_DEMAND),
      length,
    }),
  };
}

/**
 * Returns the open file `file` in the state `status` as a source; its first byte is at the offset `first` of the
 * descriptor. `onLease` is called when a body takes `file` over and will release it.
 */
export function sourceOnDisk(
  file: OpenFile,
  first: number,
  status: FileStatus,
  onLease: () => void,
): ByteSource {
  let isOpen = true;
  const close = () => { // releases once, however often a response is discarded: other responses use the file, too
    if (isOpen) file.release();
    isOpen = false;
  };
  let state: SentState | null | undefined;
  const isIntact = () => (state === undefined ? state = file.sent(status) : state)?.isIntact ?? true;
  return {
    size: status.size,
    body: (start, end) => {
      if (start === end) return NOTHING; // with an empty file to follow, the head would wait (MSG_MORE)
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

/** Returns 200 with the whole representation. With `isShared` false the content is not copied behind the head. */
export function whole(file: Representation, addFields: AddFields, isShared = true): HttpResponse {
  const body = file.body(0, file.size);
  const inlineBytesMax = isShared ? undefined : RANGE_INLINE_BYTES_MAX;
  return new HttpResponse(200, addFields(fieldsOf(file), 200), body, false, inlineBytesMax);
}

/** Returns 304 with the fields that it must have (RFC 9110 §15.4.5). */
export function notModified(file: Representation, addFields: AddFields): HttpResponse {
  return new HttpResponse(
    304,
    addFields([...validatorFields(file.validators), ...varyField(file)], 304),
    null,
  );
}

/** Returns the page of an error: the file without validators, by which a client could take it for the resource. */
export function errorPage(
  file: Representation,
  { status, extraFields }: Fallback,
  addFields: AddFields,
): HttpResponse {
  const fields = [...contentFields(file, file.mediaType), ...varyField(file), ...extraFields];
  // The page is not copied behind the head: all errors with this page share it.
  return new HttpResponse(
    status,
    addFields(fields, status),
    file.body(0, file.size),
    false,
    RANGE_INLINE_BYTES_MAX,
  );
}

/** Returns the fields of a 200, or of a 206 with the type `mediaType`. */
export function fieldsOf(file: Representation, mediaType: string = file.mediaType): Fields {
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
