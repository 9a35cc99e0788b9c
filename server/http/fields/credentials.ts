/**
 * Who a request says it comes from, and how a server asks. Source: RFC 9110 §11, RFC 7617 (the Basic scheme).
 * @module
 */
import { CREDENTIALS_BYTES_MAX } from "../../limits.ts";
import { CLASSES, HTAB, VALUE } from "../characters.ts";

/** A name and a password as they were typed, in Unicode's normal form C (RFC 7617 §2.1). */
export interface Credentials {
  /** Without a colon; may be empty. */
  readonly user: string;
  /** May hold colons; may be empty. */
  readonly password: string;
}

/** One scheme, one or more spaces, base64 with its padding. Only this: two fields, joined by a comma, do not fit. */
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The credentials in `field`, the value of Authorization. Null where there are none that can be read: no field,
 * another scheme, base64 that is not written in the one way there is, what is not UTF-8, no colon, control characters
 * (RFC 7617 §2), or more than {@linkcode CREDENTIALS_BYTES_MAX}.
 */
export function basicCredentials(field: string | null): Credentials | null {
  if (field === null || field.length > CREDENTIALS_BYTES_MAX) return null;
  const encoded = BASIC.exec(field)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return null;
  const pair = decode(encoded);
  const colon = pair === null ? -1 : pair.indexOf(":");
  if (pair === null || colon < 0 || hasControls(pair)) return null;
  return { user: pair.slice(0, colon).normalize("NFC"), password: pair.slice(colon + 1).normalize("NFC") };
}

/**
 * The value of WWW-Authenticate that asks for a name and a password; browsers show `realm`.
 * @throws {TypeError} for a realm that no field can hold.
 */
export function basicChallenge(realm: string): string {
  for (const character of realm) {
    const code = character.charCodeAt(0);
    if (code === HTAB || (code < 256 && (CLASSES[code]! & VALUE) === 0)) {
      throw new TypeError(`A realm has no control characters: ${JSON.stringify(realm)}`);
    }
  }
  return `Basic realm="${realm.replace(/["\\]/g, "\\$&")}", charset="UTF-8"`;
}

/** True where `text` holds a control character of ASCII: no name and no password does, RFC 7617 §2. */
export function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Null for what is no UTF-8, and for base64 whose unused bits are set: one text has one spelling. */
function decode(encoded: string): string | null {
  try {
    const bytes = atob(encoded);
    if (btoa(bytes) !== encoded) return null;
    return decoder.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  } catch {
    return null; // either of them refuses by throwing
  }
}
