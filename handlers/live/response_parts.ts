/**
 * The parts of a response that was made already: its fields, and its body in memory.
 * @module
 */
import { readAt } from "../../ffi/file/file.ts";
import { latin1 } from "../../server/http/characters.ts";
import { FileBody } from "../../server/http/file_body.ts";
import type { Fields, HttpResponse } from "../../server/http/response.ts";

/** Fields that the server writes again. */
const OWN = /^(?:date|content-length)$/i;

/** Returns the fields of `response`, each character of which is a byte. */
export function fieldsOf({ bytes, fieldsLength }: HttpResponse): Fields {
  const [, ...lines] = latin1(bytes, 0, fieldsLength).split("\r\n");
  return lines.filter((line) => line !== "")
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()] as const)
    .filter(([name]) => !OWN.test(name));
}

/** What a response has as its body, as far as it matters here. */
export type Form = "page" | "compressed page" | "text" | "other";

/** Returns what `response` has as its whole body: HTML, a line of text, or another thing, such as a part of a file. */
export function formOf(response: HttpResponse): Form {
  if (response.status === 206 || response.status === 304) return "other";
  const fields = fieldsOf(response);
  const type = valueOf(fields, "content-type") ?? "";
  if (/^text\/html\b/i.test(type)) {
    return valueOf(fields, "content-encoding") === null ? "page" : "compressed page";
  }
  return /^text\/plain\b/i.test(type) ? "text" : "other";
}

/** Returns whether a browser may use its copy of `response` for some time without asking (RFC 9111 §4.2). */
export function staysFresh(response: HttpResponse): boolean {
  const control = valueOf(fieldsOf(response), "cache-control");
  return control === null || !/\b(?:no-cache|no-store|max-age=0)\b/i.test(control);
}

/** Returns the value of the field `name`, in lower case, among `fields`; null without such a field. */
export function valueOf(fields: Fields, name: string): string | null {
  return fields.find((field) => field[0].toLowerCase() === name)?.[1] ?? null;
}

/**
 * Returns the body of `response` in memory; null when it is larger than `bytesMax`, made while it is sent, or cannot be
 * read. A file is closed, unless the result is null.
 */
export function bodyOf(
  { bytes, headLength, tail }: HttpResponse,
  bytesMax: number,
): Uint8Array<ArrayBuffer> | null {
  if (tail === null) return bytes.subarray(headLength);
  if (tail instanceof Uint8Array) return tail;
  if (!(tail instanceof FileBody) || tail.length > bytesMax) return null;
  const body = new Uint8Array(tail.length);
  if (readAt(tail.fd, body, tail.offset) !== body.length || !tail.isIntact) return null;
  tail.close();
  return body;
}

/** Returns the bytes of a head whose characters are bytes. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
