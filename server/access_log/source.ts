/**
 * What a log line says of a request, found in the bytes of its head.
 * @module
 */
import { basicCredentials } from "../http/credentials.ts";
import { encodeUtf8 } from "../http/characters.ts";
import { type HttpRequest, isName } from "../http/request.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** `bytes[start, end)`; nothing where the two are equal. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Nothing. */
export const NO_SPAN: Span = { start: 0, end: 0 };

/** See the module's comment. */
export interface Source {
  /** What the spans are of. */
  readonly bytes: Uint8Array;
  /** The name that was given with a password, whether or not it is right. */
  readonly user: Bytes;
  /** The request line. */
  readonly line: Span;
  readonly host: Span;
  readonly referer: Span;
  readonly agent: Span;
}

const NOBODY = encodeUtf8("");

/** What is known of a request; of one that was not understood that is its first line, or less. */
export function sourceOf(request: HttpRequest): Source {
  const { buffer: bytes, lineStart: start, lineEnd } = request;
  return {
    bytes,
    user: userOf(request),
    line: lineEnd > start ? { start, end: lineEnd } : NO_SPAN,
    host: fieldOf(request, "host"),
    referer: fieldOf(request, "referer"),
    agent: fieldOf(request, "user-agent"),
  };
}

/** The value of the first field of that name. */
function fieldOf({ buffer, fields, fieldCount }: HttpRequest, name: string): Span {
  for (let at = 0; at < fieldCount * 4; at += 4) {
    if (fields[at + 1] - fields[at] !== name.length || !isName(buffer, fields[at], name)) continue;
    return { start: fields[at + 2], end: fields[at + 3] };
  }
  return NO_SPAN;
}

function userOf(request: HttpRequest): Bytes {
  const { start, end } = fieldOf(request, "authorization");
  if (start === end) return NOBODY;
  const credentials = basicCredentials(request.header("authorization"));
  return credentials === null ? NOBODY : encodeUtf8(credentials.user);
}
