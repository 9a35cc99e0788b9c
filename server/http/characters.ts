/**
 * Character classes of HTTP. Source: RFC 9110 §5.5 and §5.6.2, RFC 3986.
 * @module
 */

/** Characters of a method or field name (`tchar`). */
export const TOKEN = 1;
/** Characters of a request target. Also bytes ≥ 0x80, which RFC 3986 forbids, but curl and others send unencoded. */
export const TARGET = 2;
/** Characters of a field value: visible characters, space, tab, and bytes ≥ 0x80 (`obs-text`). */
export const VALUE = 4;
/** Characters of a Host field: reg-name, IP literal and port. */
export const HOST = 8;

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;

/** Byte → its classes, as a combination of the constants above. */
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

/** Returns the value of a hexadecimal digit, or −1 for another byte. */
export function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const encoder = new TextEncoder();

/** Encodes `text` in UTF-8. The cast is for Deno 2.4, whose types do not say that the buffer is never shared. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** The size of the parts in which `latin1` converts long texts. */
const LONG_BYTES = 4096;

/**
 * Decodes `bytes[start, end)` as ISO-8859-1: each byte is the character of that number. TextDecoder's "latin1" is
 * windows-1252, in which byte 0x80 is €.
 */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  let i = start;
  for (; end - i > LONG_BYTES; i += LONG_BYTES) {
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + LONG_BYTES) as unknown as number[]);
  }
  for (; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
