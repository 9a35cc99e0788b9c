/**
 * Signed requests of ACME. Source: RFC 8555 §6.2, RFC 7515 (JWS), RFC 7638 (thumbprints), RFC 7518 §3.4 (ES256).
 * @module
 */
import { createHash, createHmac } from "node:crypto";
import type { PrivateKey } from "../../ffi/openssl/private_key.ts";

/** The bytes of a coordinate of P-256. */
const COORDINATE_BYTES = 32;

/** The credentials that an authority has given out for an account of its own (RFC 8555 §7.3.4). */
export interface ExternalAccount {
  readonly keyId: string;
  /** In base64url. */
  readonly macKey: string;
}

/** Returns `bytes` in base64url, without padding. */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64url(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (byte) => byte.charCodeAt(0));
}

function encoded(value: unknown): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}

/** The public key of an account, its members in the order of RFC 7638. */
export interface Jwk {
  readonly crv: "P-256";
  readonly kty: "EC";
  readonly x: string;
  readonly y: string;
}

/** Returns the public key of `key`. */
export function jwkOf(key: PrivateKey): Jwk {
  const { point } = key; // 4, x, y
  return {
    crv: "P-256",
    kty: "EC",
    x: base64url(point.subarray(1, 1 + COORDINATE_BYTES)),
    y: base64url(point.subarray(1 + COORDINATE_BYTES)),
  };
}

/** Returns what proves to the authority that `token` is answered for the account of `key` (RFC 8555 §8.1). */
export function keyAuthorization(token: string, key: PrivateKey): string {
  return `${token}.${createHash("sha256").update(JSON.stringify(jwkOf(key))).digest("base64url")}`;
}

/** What a signature covers beside the payload. */
export interface Protected {
  readonly url: string;
  readonly nonce: string;
  /** The URL of the account; null for a key that has none yet. */
  readonly kid: string | null;
}

/** Returns a signed request. `payload` is null for one that only reads (POST-as-GET). */
export function sign(key: PrivateKey, { url, nonce, kid }: Protected, payload: object | null): string {
  const header = encoded({ alg: "ES256", ...(kid === null ? { jwk: jwkOf(key) } : { kid }), nonce, url });
  const body = payload === null ? "" : encoded(payload);
  const signed = new TextEncoder().encode(`${header}.${body}`) as Uint8Array<ArrayBuffer>;
  return JSON.stringify({
    protected: header,
    payload: body,
    signature: base64url(plainSignature(key.sign(signed))),
  });
}

/** Returns the proof that the account of `key` belongs to an account of the authority's own. */
export function bindExternally(key: PrivateKey, { keyId, macKey }: ExternalAccount, url: string): object {
  const header = encoded({ alg: "HS256", kid: keyId, url });
  const payload = encoded(jwkOf(key));
  const mac = createHmac("sha256", fromBase64url(macKey))
    .update(`${header}.${payload}`).digest("base64url");
  return { protected: header, payload, signature: mac };
}

/** Returns the two numbers of an ECDSA signature in DER, each in 32 bytes. */
function plainSignature(der: Uint8Array): Uint8Array {
  const plain = new Uint8Array(2 * COORDINATE_BYTES);
  let at = 2; // SEQUENCE and its length, which is below 128
  for (let end = COORDINATE_BYTES; end <= plain.length; end += COORDINATE_BYTES) {
    const length = der[at + 1]!;
    const number = der.subarray(at + 2, at + 2 + length);
    const digits = number.subarray(Math.max(length - COORDINATE_BYTES, 0)); // a zero before it makes it positive
    plain.set(digits, end - digits.length);
    at += 2 + length;
  }
  return plain;
}
