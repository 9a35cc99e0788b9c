/**
 * Conditional requests for a resource that was found. Source: RFC 9110 §13.
 * @module
 */
import { parseHttpDate } from "../date.ts";
import { MODIFIED_SECONDS_MIN } from "../../limits.ts";
import type { HttpRequest } from "../request.ts";

/** What identifies one state of a representation. */
export interface Validators {
  /** A strong entity tag, its quotes included; null when none is given out. */
  readonly etag: string | null;
  /** Last-Modified: whole seconds since the epoch; null when none is given out. */
  readonly modifiedSeconds: number | null;
}

/**
 * The Last-Modified of a file that was modified at `seconds`: not later than the response itself (RFC 9110 §8.8.2.1).
 * Null for times from before the Web, which are conventions: reproducible builds, packages and images give them to every
 * file (the epoch, a second after it, the first day that a ZIP archive can hold, npm's 1985), whatever is in it.
 */
export function lastModifiedOf(seconds: number, nowSeconds: number): number | null {
  return seconds < MODIFIED_SECONDS_MIN ? null : Math.min(seconds, nowSeconds);
}

/** One element of a list; elements that are empty are ignored wherever they stand (RFC 9110 §5.6.1.2). */
const ENTITY_TAG = /[ \t,]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)/y;

/** How two tags are compared, §8.8.3.2: a weak one equals no other by the strong comparison. */
type Comparison = "strong" | "weak";

/**
 * True when `etag`, a strong one, is in the list of an If-Match or If-None-Match, or when that is `*`, which anything
 * matches. Null is in no list. Nothing is read behind what is no tag: no match is the careful answer to both fields.
 */
function listHasTag(list: string, etag: string | null, comparison: Comparison): boolean {
  if (list === "*") return true;
  if (list === etag) return true; // what browsers send
  ENTITY_TAG.lastIndex = 0;
  for (let match = ENTITY_TAG.exec(list); match !== null; match = ENTITY_TAG.exec(list)) {
    if (match[2] === etag && (comparison === "weak" || match[1] === undefined)) return true;
  }
  return false;
}

/**
 * What the conditions of a GET or HEAD make of a representation that is there, in the order of §13.2.2:
 * 412 (Precondition Failed), 304 (Not Modified), or null when it is to be sent. A date that cannot be read is ignored
 * (§13.1.3, §13.1.4), and so are all dates where no Last-Modified is given out, and those beside the list of tags that takes
 * precedence over them, even an empty one.
 *
 * A date is "not modified" only when it is exactly the Last-Modified that is given out, as in nginx: a later one does not
 * tell whether the client has this state or one that was there before an older file came back.
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

/** Seconds since the epoch; null without the field, and when it holds anything but one date. */
function dateOf(request: HttpRequest, name: string, nowSeconds: number): number | null {
  const field = request.header(name);
  return field === null ? null : parseHttpDate(field, nowSeconds);
}

/**
 * True when a Range is to be honoured as far as If-Range goes, §13.1.5: without one, with the very tag (one, and not a
 * weak one), or with exactly the date. A tag is never fresh when none is given out.
 *
 * A date ought to count only when the file is known not to have changed twice within that second (§8.8.2.2), which a
 * server that keeps no history cannot know. As in nginx and Caddy the equal date is taken all the same: a client that
 * joins parts by date alone, though it was given a tag, may mix two states that were written within one second. One that
 * uses the tag cannot, and where there is no tag there is no date of a file that has just changed.
 */
export function isRangeFresh(request: HttpRequest, validators: Validators, nowSeconds: number): boolean {
  const condition = request.header("if-range");
  if (condition === null || condition === validators.etag) return true;
  const date = parseHttpDate(condition, nowSeconds);
  return date !== null && date === validators.modifiedSeconds;
}

/**
 * True when nothing in `request` says that its Range is about another form than the one with the tag `etag`: If-Range or
 * If-Match name this tag, or neither is there. A date names no form.
 */
export function isRangeOf(request: HttpRequest, etag: string | null): boolean {
  const condition = request.header("if-range");
  if (condition !== null) return condition === etag;
  const match = request.header("if-match");
  return match === null || listHasTag(match, etag, "strong");
}
