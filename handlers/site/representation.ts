/**
 * A file as a resource: its validators, its fields, and what a request's conditions and ranges make of it.
 * Source: RFC 9110 §8.8, §13, §14.
 * @module
 */
import type { FileStatus } from "../../ffi/file.ts";
import type { HandlerContext } from "../../server/handler.ts";
import { isNotModified, isRangeFresh, type Validators } from "../../server/http/conditional.ts";
import { formatHttpDate } from "../../server/http/date.ts";
import { parseRange } from "../../server/http/range.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import { type Body, errorResponse, type Fields, HttpResponse } from "../../server/http/response.ts";
import { RANGE_INLINE_BYTES_MAX } from "../../server/limits.ts";

/** A file as it is about to be served. */
export interface Representation {
  readonly size: number;
  readonly mediaType: string;
  readonly validators: Validators;
  /** Bytes `[start, end)`. */
  body(start: number, end: number): Body;
}

/** A file whose content is in memory. */
export function representationInMemory(
  file: { mediaType: string; validators: Validators; content: Uint8Array<ArrayBuffer> },
): Representation {
  const { mediaType, validators, content } = file;
  return { size: content.length, mediaType, validators, body: (start, end) => content.subarray(start, end) };
}

/**
 * The tag is of inode, size and ctime: the kernel alone sets ctime, at every change of the bytes, so that a rewrite
 * of the same size within the same second shows. Kernels before 6.13 keep it in ticks of up to 10 ms.
 */
export function validatorsOf(status: FileStatus, nowSeconds: number): Validators {
  const changed = BigInt(status.changedSeconds) * 1_000_000_000n + BigInt(status.changedNanoseconds);
  const etag = `"${status.inode.toString(16)}-${status.size.toString(16)}-${changed.toString(16)}"`;
  // RFC 9110 §8.8.2.1: not later than the response itself
  return { etag, modifiedSeconds: Math.max(Math.min(status.modifiedSeconds, nowSeconds), 0) };
}

/** 304, 206 or 416 where the request's conditions ask for it; null: the whole (RFC 9110 §13.2.2). */
export function negotiate(
  request: HttpRequest,
  context: HandlerContext,
  file: Representation,
): HttpResponse | null {
  return isNotModified(request, file.validators, context.clock.seconds)
    ? notModified(file.validators)
    : negotiateRange(request, context, file);
}

/** 304 with the fields that it must have (RFC 9110 §15.4.5). */
export function notModified(validators: Validators): HttpResponse {
  return new HttpResponse(304, validatorFields(validators), null);
}

/** 206 or 416 where the request asks for a range, and its other conditions are met; null: the whole. */
export function negotiateRange(
  request: HttpRequest,
  context: HandlerContext,
  file: Representation,
): HttpResponse | null {
  const field = request.method === "GET" ? request.header("range") : null;
  if (field === null || !isRangeFresh(request, file.validators, context.clock.seconds)) return null;
  const range = parseRange(field, file.size);
  if (range === null) return null;
  if (range === "unsatisfiable") return errorResponse(416, [["Content-Range", `bytes */${file.size}`]]);
  const { start, end } = range;
  const contentRange: Fields = [["Content-Range", `bytes ${start}-${end - 1}/${file.size}`]];
  // Not copied: many clients that ask for much and do not read it share what is in memory.
  const fields = [...contentRange, ...fieldsOf(file)];
  return new HttpResponse(206, fields, file.body(start, end), false, RANGE_INLINE_BYTES_MAX);
}

/** 200 with everything. */
export function whole(file: Representation): HttpResponse {
  return new HttpResponse(200, fieldsOf(file), file.body(0, file.size));
}

function fieldsOf(file: Representation): Fields {
  return [
    ["Content-Type", file.mediaType],
    ["X-Content-Type-Options", "nosniff"],
    ...validatorFields(file.validators),
    ["Accept-Ranges", "bytes"],
  ];
}

function validatorFields({ etag, modifiedSeconds }: Validators): Fields {
  return [["Last-Modified", formatHttpDate(modifiedSeconds)], ["ETag", etag]];
}
