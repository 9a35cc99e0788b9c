/**
 * Priorities of responses: what a client and a handler say in the field Priority, and what follows from the media type
 * if the client says nothing.
 *
 * Source: RFC 9218 §4, §5, §7 and §8; RFC 8941 §3 and §4.2 (dictionaries).
 * @module
 */

import { type HttpRequest, isName } from "../../../http/request.ts";
import { PRIORITY_BYTES_MAX } from "../../../http2_limits.ts";

/** The parameters of a priority. Null for one that is missing, or has no valid value. */
export interface Priority {
  /** 0 for the most urgent, to 7. */
  readonly urgency: number | null;
  /** True if the client can use a part of the response. */
  readonly isIncremental: boolean | null;
}

/** What a response says of its priority. */
export interface ResponsePriority {
  /** Its field Priority; null without a valid one. */
  readonly priority: Priority | null;
  /** The priority for its media type. */
  readonly typePriority: Priority;
}

const FIELD = "priority";
/** RFC 9218 §4.1 */
const DEFAULT_URGENCY = 3;
const URGENCY_MAX = 7;

const KEY = "[a-z*][a-z0-9_.*-]*";
const BARE_ITEM = [
  String.raw`-?\d{1,12}\.\d{1,3}`,
  String.raw`-?\d{1,15}`,
  String.raw`"(?:[ !#-\[\]-~]|\\["\\])*"`,
  "[A-Za-z*][!#$%&'*+.^_`|~\\w:/-]*",
  ":[A-Za-z0-9+/=]*:",
  String.raw`\?[01]`,
].join("|");
const PARAMETERS = `(?:; *${KEY}(?:=(?:${BARE_ITEM}))?)*`;
const INNER_LIST = String.raw`\( *(?:(?:${BARE_ITEM})${PARAMETERS}(?: +|(?=\))))*\)`;
/** A member of a dictionary: its key, its item, or its inner list. */
const MEMBER = new RegExp(`(${KEY})(?:=(?:(${BARE_ITEM})|(${INNER_LIST})))?${PARAMETERS}`, "y");
const SPACES = / */y;
const COMMA = /[ \t]*,[ \t]*/y;
const INTEGER = /^-?\d+$/;

/** Returns the end of what `pattern`, which is sticky, matches at `text[at]`; −1 if it does not match. */
function behind(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/**
 * Returns the parameters in a value of Priority; null if it is no dictionary. Unknown parameters, and values of a wrong type
 * or out of range, are ignored (RFC 9218 §4).
 */
export function parsePriority(text: string): Priority | null {
  let urgency: number | null = null;
  let isIncremental: boolean | null = null;
  let at = behind(SPACES, text, 0);
  while (at < text.length) {
    MEMBER.lastIndex = at;
    const member = MEMBER.exec(text);
    if (member === null) return null;
    at = MEMBER.lastIndex;
    const [, key, item, list] = member;
    if (key === "u") urgency = urgencyIn(item);
    else if (key === "i") isIncremental = list === undefined ? booleanIn(item) : null;
    const next = behind(COMMA, text, at);
    if (next === text.length) return null; // nothing follows the comma
    if (next >= 0) at = next;
    else if (behind(SPACES, text, at) === text.length) break;
    else return null;
  }
  return { urgency, isIncremental };
}

/** Returns the parameters in the field of a request; null without the field, and if it is too long, or no dictionary. */
export function priorityOfRequest(request: HttpRequest): Priority | null {
  const { buffer, fields, fieldCount } = request;
  for (let i = 0; i < fieldCount * 4; i += 4) { // the strings of `header` are made only if there is the field
    if (fields[i + 1]! - fields[i]! !== FIELD.length || !isName(buffer, fields[i]!, FIELD)) continue;
    return fields[i + 3]! - fields[i + 2]! > PRIORITY_BYTES_MAX
      ? null
      : parsePriority(request.header(FIELD)!);
  }
  return null;
}

function urgencyIn(item: string | undefined): number | null {
  if (item === undefined || !INTEGER.test(item)) return null;
  const urgency = Number(item) + 0; // not −0
  return urgency >= 0 && urgency <= URGENCY_MAX ? urgency : null;
}

/** A key without a value stands for true (RFC 8941 §3.2). */
function booleanIn(item: string | undefined): boolean | null {
  return item === undefined || item === "?1" ? true : item === "?0" ? false : null;
}

const BLOCKING: Priority = { urgency: 2, isIncremental: null };
const DOCUMENT: Priority = { urgency: DEFAULT_URGENCY, isIncremental: null };
const EVENTS: Priority = { urgency: DEFAULT_URGENCY, isIncremental: true };
const IMAGE: Priority = { urgency: 4, isIncremental: null };
/** The priority of a response whose media type says nothing. */
export const OTHER: Priority = { urgency: 5, isIncremental: null };
/** What browsers wait for before they show anything, or anything right: style sheets, fonts, scripts. */
const BLOCKING_TYPE =
  /^(?:text\/css|font\/.*|application\/(?:x-)?font.*|application\/vnd\.ms-fontobject|(?:text|application)\/(?:x-)?(?:java|ecma)script)$/;
/**
 * A page is behind the style sheets and scripts that its first part has asked for: nothing of the rest is shown without
 * them. It is before its images, because the rest asks for more files.
 */
const DOCUMENT_TYPE = /^(?:text\/html|application\/xhtml\+xml)$/;

/** Returns the priority for a media type, for clients that say nothing. */
export function priorityOfType(contentType: string): Priority {
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  if (BLOCKING_TYPE.test(type)) return BLOCKING;
  if (DOCUMENT_TYPE.test(type)) return DOCUMENT;
  if (type === "text/event-stream") return EVENTS; // small pieces, for ever
  return type.startsWith("image/") ? IMAGE : OTHER;
}

/** The priority of a stream. */
export class StreamPriority {
  urgency: number = DEFAULT_URGENCY;
  isIncremental = false;
  /** The turn in which the scheduler has chosen the stream last; 0 before. */
  chosenIn = 0;
  /** True once a PRIORITY_UPDATE has come, which overrides the field of the request (RFC 9218 §7). */
  isUpdated = false;
  #client: Priority | null = null;
  #response: ResponsePriority | null = null;

  /** Takes the value of a PRIORITY_UPDATE. */
  update(priority: Priority): void {
    this.isUpdated = true;
    this.#client = priority;
    this.#merge();
  }

  /** Takes what the request says, null for nothing, and what the response says. */
  begin(request: Priority | null, response: ResponsePriority): void {
    if (!this.isUpdated) this.#client = request;
    this.#response = response;
    this.#merge();
  }

  /** RFC 9218 §8: what the response says overrides what the client says, parameter by parameter. */
  #merge(): void {
    const own = this.#response?.priority;
    const asked = this.#client ?? this.#response?.typePriority;
    this.urgency = own?.urgency ?? asked?.urgency ?? DEFAULT_URGENCY;
    this.isIncremental = own?.isIncremental ?? asked?.isIncremental ?? false;
  }
}
