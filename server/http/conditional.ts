/**
 * Conditional requests for a resource that was found. Source: RFC 9110 §13.
 * @module
 */
import { parseHttpDate } from "./date.ts";
import type { HttpRequest } from "./request.ts";

/** What identifies one state of a resource. */
export interface Validators {
  /** A strong entity tag, its quotes included. */
  readonly etag: string;
  /** Whole seconds since the epoch. */
  readonly modifiedSeconds: number;
}

/** One element of a list; elements that are empty are ignored wherever they stand (RFC 9110 §5.6.1.2). */
const ENTITY_TAG = /[ \t,]*(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)/y;

/** Weak comparison (§8.8.3.2) of `etag` with the list of an If-None-Match; `*` matches anything. */
function listHasTag(list: string, etag: string): boolean {
  if (list === "*") return true;
  ENTITY_TAG.lastIndex = 0;
  for (let match = ENTITY_TAG.exec(list); match !== null; match = ENTITY_TAG.exec(list)) {
    if (match[1] === etag) return true;
  }
  return false;
}

/**
 * True when a GET or HEAD is to be answered by 304: If-None-Match, or, only without that, If-Modified-Since
 * (§13.2.2). A date that cannot be read is ignored (§13.1.3).
 */
export function isNotModified(request: HttpRequest, validators: Validators, nowSeconds: number): boolean {
  const tags = request.header("if-none-match");
  if (tags !== null) return listHasTag(tags, validators.etag);
  const since = request.header("if-modified-since");
  if (since === null) return false;
  const seconds = parseHttpDate(since, nowSeconds);
  return seconds !== null && validators.modifiedSeconds <= seconds;
}

/** True when a Range is to be honoured as far as If-Range goes: strong comparison of a tag, or the exact date (§13.1.5). */
export function isRangeFresh(request: HttpRequest, validators: Validators, nowSeconds: number): boolean {
  const condition = request.header("if-range");
  if (condition === null || condition === validators.etag) return true;
  return parseHttpDate(condition, nowSeconds) === validators.modifiedSeconds;
}
