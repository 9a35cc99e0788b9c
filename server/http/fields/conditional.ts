/**
 * Preconditions of requests. Source: RFC 9110 §13.
 * @module
 */
import { parseHttpDate } from "../date.ts";
import { MODIFIED_SECONDS_MIN } from "../../limits.ts";
import type { HttpRequest } from "../request.ts";

/** The validators of one state of a representation. */
export interface Validators {
  /** A strong entity tag with its quotes; null if the response has none. */
  readonly etag: string | null;
  /** Last-Modified in seconds since the epoch; null if the response has none. */
  readonly modifiedSeconds: number | null;
  /** The bytes may change without the date, so no range may be asked for by it. Default false. */
  readonly isDateWeak?: boolean;
}

/**
 * Returns the Last-Modified for a file that was modified at `seconds` (since the epoch): not later than the response
 * itself (RFC 9110 §8.8.2.1). Returns null for times before the Web. These are conventions of reproducible builds,
 * packages and images (the epoch, a second after it, the first day that ZIP can express, npm's 1985), which every file
 * has, whatever its content.
 */
export function lastModifiedOf(seconds: number, nowSeconds: number): number | null {
  return seconds < MODIFIED_SECONDS_MIN ? null : Math.min(seconds, nowSeconds);
}

/** An element of a list. Empty elements are ignored (RFC 9110 §5.6.1.2). */
const ENTITY_TAG = /[ \t,]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)/y;

/** How two tags are compared (§8.8.3.2). By the strong comparison, a weak tag equals no other tag. */
type Comparison = "strong" | "weak";

/**
 * Returns true if the strong tag `etag` is in `list`, the value of If-Match or If-None-Match, or if `list` is `*`. A
 * null `etag` is in no list. Reading stops at the first element that is not a tag: "no match" is the safe result for
 * both fields.
 */
function listHasTag(list: string, etag: string | null, comparison: Comparison): boolean {
  if (list === "*") return true;
  if (list === etag) return true; // the usual case
  ENTITY_TAG.lastIndex = 0;
  for (let match = ENTITY_TAG.exec(list); match !== null; match = ENTITY_TAG.exec(list)) {
    if (match[2] === etag && (comparison === "weak" || match[1] === undefined)) return true;
  }
  return false;
}

/**
 * Evaluates the preconditions of a GET or HEAD request in the order of §13.2.2. Returns 412 (Precondition Failed), 304
 * (Not Modified), or null if the representation is to be sent.
 *
 * A date that cannot be parsed is ignored (§13.1.3, §13.1.4). So are all dates if there is no Last-Modified, and dates
 * beside a list of tags, even an empty one, which takes precedence.
 *
 * As in nginx, "not modified" requires that If-Modified-Since equals Last-Modified. A later date does not tell whether
 * the client has this state, or one that existed before an older file was restored.
 */
export function preconditionStatus(
  request: HttpRequest,
  validators: Validators,
  nowSeconds: number,
): 304 | 412 | null {
  const { etag, modifiedSeconds } = validators;
  const match = request.header("if-match");
  if (match !== null) {
    if (!listHasTag(match, etag, "strong")) return 412;
  } else {
    const unmodifiedSince = dateOf(request, "if-unmodified-since", nowSeconds);
    if (unmodifiedSince !== null && modifiedSeconds !== null && modifiedSeconds > unmodifiedSince) return 412;
  }
  const noneMatch = request.header("if-none-match");
  if (noneMatch !== null) return listHasTag(noneMatch, etag, "weak") ? 304 : null;
  const modifiedSince = dateOf(request, "if-modified-since", nowSeconds);
  return modifiedSince !== null && modifiedSeconds === modifiedSince ? 304 : null;
}

/**
 * Returns the date of field `name` in seconds since the epoch; null without the field, or if its value is not a date.
 */
function dateOf(request: HttpRequest, name: string, nowSeconds: number): number | null {
  const field = request.header(name);
  return field === null ? null : parseHttpDate(field, nowSeconds);
}

/**
 * Returns true if If-Range permits a range (§13.1.5): if the field is missing, is exactly the (strong) tag, or is
 * exactly the date. Without a tag or date of the response, no such value matches.
 *
 * A date should count only if the file is known not to have changed twice within that second (§8.8.2.2), which a server
 * without a history cannot know. As in nginx and Caddy, an equal date is accepted. So a client that joins parts by
 * date, though it has a tag, may mix two states that were written within one second. A client that uses the tag cannot.
 * Where there is no tag, there is no date for a file that has just changed.
 */
export function isRangeFresh(request: HttpRequest, validators: Validators, nowSeconds: number): boolean {
  const condition = request.header("if-range");
  if (condition === null || condition === validators.etag) return true;
  if (validators.isDateWeak === true) return false;
  const date = parseHttpDate(condition, nowSeconds);
  return date !== null && date === validators.modifiedSeconds;
}

/**
 * Returns true if the Range of `request` may be about the representation with the tag `etag`. That is so if If-Range or
 * If-Match contains this tag, or if both are missing. A date identifies no representation.
 */
export function isRangeOf(request: HttpRequest, etag: string | null): boolean {
  const condition = request.header("if-range");
  if (condition !== null) return condition === etag;
  const match = request.header("if-match");
  return match === null || listHasTag(match, etag, "strong");
}
