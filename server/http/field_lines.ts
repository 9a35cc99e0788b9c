/**
 * The fields that a handler gives: their checks, and their lines.
 * @module
 */
import { describeKind } from "../../ffi/libc/bytes.ts";

/** Field names and values, in the order in which they are sent. */
export type Fields = readonly (readonly [name: string, value: string])[];

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;
/** Fields that only the server writes: if two places said where a message ends, two recipients could disagree about it. */
const RESERVED = /^(content-length|transfer-encoding|connection|keep-alive)$/i;
/** Fields about one connection or one message, which no interim response has. */
const NOT_EARLY = /^(proxy-connection|te|trailer|upgrade)$/i;
/**
 * Fields that a recipient needs before the content (RFC 9110 §6.5.1): for framing, routing, authentication, request
 * modifiers, response controls, or the format of the content.
 */
const NOT_TRAILERS = new RegExp(
  "^(access-control-.*|age|authorization|cache-control|clear-site-data|content-(disposition|encoding|language|" +
    "location|range|security-policy.*|type)|cookie|date|expect|expires|host|if-.*|location|max-forwards|pragma|" +
    "proxy-.*|range|retry-after|set-cookie|strict-transport-security|te|trailer|upgrade|vary|warning|www-authenticate)$",
  "i",
);

/** Checks one field. @throws {TypeError} for a field that would split the head, and for one that only the server writes. */
export function checkField(name: unknown, value: unknown): void {
  if (typeof name !== "string") {
    throw new TypeError(`The name of a field must be a string, not ${describeKind(name)}`);
  }
  if (typeof value !== "string") {
    throw new TypeError(`The value of ${name} must be a string, not ${describeKind(value)}`);
  }
  if (RESERVED.test(name)) throw new TypeError(`${name} is the server's to write`);
  if (!FIELD_NAME.test(name)) throw new TypeError(`Invalid field name ${JSON.stringify(name)}`);
  if (!FIELD_VALUE.test(value)) throw new TypeError(`Invalid value of ${name}: ${JSON.stringify(value)}`);
}

/** Returns a checked copy of the fields of an interim response. @throws {TypeError} for any that it may not have */
export function toEarlyHints(fields: Fields): Fields {
  return toFields(fields, "early hints", NOT_EARLY);
}

/** Returns a checked copy of the trailers of a response. @throws {TypeError} for any that may not be a trailer */
export function toTrailers(fields: Fields): Fields {
  return toFields(fields, "trailers", NOT_TRAILERS);
}

/** `where` names the fields in messages. `refused` are names that are valid elsewhere. */
function toFields(fields: unknown, where: string, refused: RegExp): Fields {
  if (typeof fields !== "object" || fields === null || !(Symbol.iterator in fields)) {
    throw new TypeError(
      `The fields of ${where} must be a list of [name, value], not ${describeKind(fields)}`,
    );
  }
  const checked: [name: string, value: string][] = [];
  for (const field of fields as Iterable<unknown>) {
    if (!Array.isArray(field)) {
      throw new TypeError(`A field of ${where} must be [name, value], not ${describeKind(field)}`);
    }
    const [name, value] = field as [string, string];
    checkField(name, value);
    if (refused.test(name)) throw new TypeError(`${name} may not be among ${where}`);
    checked.push([name, value]);
  }
  return checked;
}

/** Returns the lines of checked fields. */
export function linesOf(fields: Fields): string {
  return fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}
