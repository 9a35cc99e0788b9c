/**
 * The responses to a request's conditions and ranges: 304, 412, 206 and 416. Source: RFC 9110 §13, §14.
 * @module
 */
import { isRangeFresh, preconditionStatus } from "../../../server/http/fields/conditional.ts";
import { multipartOf } from "../../../server/http/fields/multipart.ts";
import { type ByteRange, parseRanges } from "../../../server/http/fields/range.ts";
import { type Fields, HttpResponse } from "../../../server/http/response.ts";
import { RANGE_INLINE_BYTES_MAX } from "../../../server/limits.ts";
import { type AddFields, fieldsOf, notModified, type Representation, type Result } from "./representation.ts";
import type { SiteRequest } from "./site_request.ts";

/** Returns 304, 412, 206 or 416 where the conditions of the request ask for it; null for 200 (RFC 9110 §13.2.2). */
export function conditionalResponse(
  { http, context }: SiteRequest,
  file: Representation,
  addFields: AddFields,
): Result | null {
  if (!http.isConditional) return null;
  const status = preconditionStatus(http, file.validators, context.clock.seconds);
  if (status === 304) return notModified(file, addFields);
  if (status === 412) return { failure: 412, extraFields: [] };
  const field = http.method === "GET" ? http.header("range") : null;
  if (field === null || !isRangeFresh(http, file.validators, context.clock.seconds)) return null;
  const ranges = parseRanges(field, file.size);
  if (ranges === null) return null;
  if (ranges === "unsatisfiable") {
    return { failure: 416, extraFields: [["Content-Range", `bytes */${file.size}`]] };
  }
  if (ranges.length === 1) return single(file, ranges[0]!, addFields);
  // Content-Encoding would apply to the whole body, and its delimiters are not compressed.
  return file.coding === null ? multiple(file, ranges, addFields) : null;
}

function single(file: Representation, { start, end }: ByteRange, addFields: AddFields): HttpResponse {
  const fields: Fields = [["Content-Range", `bytes ${start}-${end - 1}/${file.size}`], ...fieldsOf(file)];
  // The content is not copied behind the head, so clients that do not read share what is in memory.
  return new HttpResponse(206, addFields(fields, 206), file.body(start, end), false, RANGE_INLINE_BYTES_MAX);
}

function multiple(file: Representation, ranges: readonly ByteRange[], addFields: AddFields): HttpResponse {
  const boundary = crypto.randomUUID();
  const { contentType, length, parts } = multipartOf(ranges, file.mediaType, file.size, boundary);
  const fields = addFields(fieldsOf(file, contentType), 206);
  return new HttpResponse(206, fields, file.multipart(parts, length), false, RANGE_INLINE_BYTES_MAX);
}
