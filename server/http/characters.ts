/**
 * Which bytes may stand where. Source: RFC 9110 §5.5 and §5.6.2, RFC 3986.
 * @module
 */

/** A method or field name: `tchar`. */
export const TOKEN = 1;
/** A request target. Beyond RFC 3986 it allows bytes ≥ 0x80, which curl and others send as they were typed. */
export const TARGET = 2;
/** A field value: visible characters, space, tab, and bytes ≥ 0x80 (`obs-text`). */
export const VALUE = 4;
/** A Host field: reg-name, IP literal and port. */
export const HOST = 8;

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;

/** byte → the classes above. */
export const CLASSES: Uint8Array = makeClasses();

function makeClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  const allow = (characters: string, bit: number) => {
    for (const character of characters) classes[character.charCodeAt(0)]! |= bit;
  };
  const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  allow(alphanumeric + "!#$%&'*+-.^_`|~", TOKEN);
  allow(alphanumeric + "-._~%!$&'()*+,;=:[]", HOST);
  classes[HTAB]! |= VALUE;
  for (let byte = SP; byte < 256; byte++) {
    if (byte === 0x7f) continue;
    classes[byte]! |= VALUE;
    if (byte !== SP && byte !== 0x23) classes[byte]! |= TARGET; // # would begin a fragment, which is never sent
  }
  return classes;
}

/** The value of a hexadecimal digit, −1 for another byte. */
export function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const encoder = new TextEncoder();

/** `text` in UTF-8. (The cast is for the TypeScript of Deno 2.4, which does not know that the buffer is not shared.) */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** More are not put together one by one. */
const LONG_BYTES = 4096;

/** One character a byte. What TextDecoder calls latin1 is windows-1252, which makes a € of 0x80. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  let i = start;
  for (; end - i > LONG_BYTES; i += LONG_BYTES) {
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + LONG_BYTES) as unknown as number[]);
  }
  for (; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
