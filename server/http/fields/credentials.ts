/**
 * Basic authentication: the credentials of a request and the challenge of a server. Source: RFC 9110 §11, RFC 7617.
 * @module
 */
import { CREDENTIALS_BYTES_MAX } from "../../limits.ts";
import { CLASSES, HTAB, VALUE } from "../characters.ts";

/** A user name and a password in Unicode Normalization Form C (RFC 7617 §2.1). */
export interface Credentials {
  /** The name, without a colon; may be empty. */
  readonly user: string;
  /** The password; may contain colons, and may be empty. */
  readonly password: string;
}

/** The scheme, spaces, padded base64. Two field lines joined by a comma do not match. */
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Returns the credentials in `field`, the value of Authorization. Returns null without the field, for another scheme,
 * and for a value that is invalid: base64 that is not canonical, not UTF-8, no colon, control characters (RFC 7617 §2),
 * or longer than {@linkcode CREDENTIALS_BYTES_MAX}.
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
 * Returns the value of WWW-Authenticate that requests Basic authentication. Browsers show `realm`.
 * @throws {TypeError} for a realm with control characters
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

/** Returns true if `text` contains an ASCII control character, which RFC 7617 §2 forbids in names and passwords. */
export function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/**
 * Decodes base64 and UTF-8. Returns null for invalid input, also if unused bits are set: each text has one encoding.
 */
function decode(encoded: string): string | null {
  try {
    const bytes = atob(encoded);
    if (btoa(bytes) !== encoded) return null;
    return decoder.decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
  } catch {
    return null; // `atob` and `decode` throw for invalid input
  }
}
