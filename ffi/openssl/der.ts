/**
 * Values in DER, the encoding of certificates. Source: X.690, RFC 5280 appendix A.
 * @module
 */

/** Encoded bytes. */
export type Der = Uint8Array<ArrayBuffer>;

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Returns the value with `tag` whose content is `parts`, one after the other. */
export function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const size = length < 0x80 ? [] : bigEndian(length);
  const head = [tag, ...(length < 0x80 ? [length] : [0x80 | size.length, ...size])];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function bigEndian(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 0x100)) bytes.unshift(rest % 0x100);
  return bytes;
}

/** Returns a SEQUENCE. */
export function sequence(...parts: readonly Uint8Array[]): Der {
  return tagged(TAG.sequence, ...parts);
}

/** Returns a SET, whose parts are in order already. */
export function set(...parts: readonly Uint8Array[]): Der {
  return tagged(TAG.set, ...parts);
}

/** Returns `parts` as one value of a choice or an optional field: `[number]`, constructed. */
export function context(number: number, ...parts: readonly Uint8Array[]): Der {
  return tagged(0xa0 | number, ...parts);
}

/** Returns `bytes` as the content of a value of a choice or an optional field: `[number]`, implicit and primitive. */
export function contextBytes(number: number, bytes: Uint8Array): Der {
  return tagged(0x80 | number, bytes);
}

/** Returns a BOOLEAN that is true. */
export function isTrue(): Der {
  return tagged(TAG.boolean, Uint8Array.of(0xff));
}

/** Returns an INTEGER of `bytes`, an unsigned number with its highest byte first, or of a number from 0 on. */
export function integer(value: Uint8Array | number): Der {
  const bytes = typeof value === "number" ? Uint8Array.from(bigEndian(value)) : value;
  const first = bytes.findIndex((byte) => byte !== 0);
  if (first < 0) return tagged(TAG.integer, Uint8Array.of(0));
  const digits = bytes.subarray(first);
  return tagged(TAG.integer, digits[0]! >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0), digits);
}

/** Returns a BIT STRING of whole bytes, of which the last `unused` bits do not count. */
export function bitString(bytes: Uint8Array, unused: number = 0): Der {
  return tagged(TAG.bitString, Uint8Array.of(unused), bytes);
}

/** Returns an OCTET STRING. */
export function octetString(bytes: Uint8Array): Der {
  return tagged(TAG.octetString, bytes);
}

/** Returns an OBJECT IDENTIFIER, such as `2.5.29.17`. */
export function objectIdentifier(text: string): Der {
  const [first, second, ...others] = text.split(".").map(Number) as [number, number, ...number[]];
  const bytes = [first * 40 + second, ...others].flatMap((arc) => {
    const digits = [arc % 0x80];
    for (let rest = Math.floor(arc / 0x80); rest > 0; rest = Math.floor(rest / 0x80)) {
      digits.unshift(0x80 | (rest % 0x80));
    }
    return digits;
  });
  return tagged(TAG.objectIdentifier, Uint8Array.from(bytes));
}

/** Returns a UTF8String. */
export function utf8String(text: string): Der {
  return tagged(TAG.utf8String, new TextEncoder().encode(text));
}

/** Returns a time, in milliseconds since 1970, as certificates have it (RFC 5280 §4.1.2.5). */
export function time(ms: number): Der {
  const digits = new Date(ms).toISOString().replace(/\.\d+Z$/, "Z").replace(/[-:T]/g, "");
  return Number(digits.slice(0, 4)) < 2050
    ? tagged(TAG.utcTime, new TextEncoder().encode(digits.slice(2)))
    : tagged(TAG.generalizedTime, new TextEncoder().encode(digits));
}
