/**
 * When a certificate is to be renewed, as its authority suggests (ARI). Source: RFC 9773 §4.
 * @module
 */
import type { CertificateFacts } from "../../ffi/openssl/certificate.ts";
import { type Authority, retryAfterMs } from "./authority.ts";
import { base64url } from "./jws.ts";
import { RENEWAL_INFO_MS } from "./limits.ts";
import { shown } from "./problem.ts";
import { usualRenewal } from "./saved_state.ts";

const TAG = { sequence: 0x30, integer: 0x02, octetString: 0x04, version: 0xa0, keyIdentifier: 0x80 } as const;
/** The extension authorityKeyIdentifier, 2.5.29.35. */
const AUTHORITY_KEY = [0x06, 0x03, 0x55, 0x1d, 0x23];

/** A value in DER: its tag, and where its content begins and ends. */
interface Value {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

function valueAt(der: Uint8Array, at: number): Value {
  const first = der[at + 1] ?? 0;
  const count = first < 0x80 ? 0 : first & 0x7f;
  let length = count === 0 ? first : 0;
  for (let i = 0; i < count; i++) length = length * 256 + (der[at + 2 + i] ?? 0);
  return { tag: der[at] ?? 0, start: at + 2 + count, end: at + 2 + count + length };
}

/** Returns the identifier of the first certificate in `pem`: its authority's key, and its number; null if it has not both. */
export function certificateIdentifier(pem: string): string | null {
  const [, base64] = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem) ?? [];
  if (base64 === undefined) return null;
  const der = Uint8Array.from(atob(base64.replace(/\s/g, "")), (byte) => byte.charCodeAt(0));
  const body = valueAt(der, valueAt(der, 0).start);
  const first = valueAt(der, body.start);
  const serial = first.tag === TAG.version ? valueAt(der, first.end) : first;
  const found = der.findIndex((_, at) => AUTHORITY_KEY.every((byte, i) => der[at + i] === byte));
  if (serial.tag !== TAG.integer || found < 0) return null;
  const outer = valueAt(der, found + AUTHORITY_KEY.length);
  const list = valueAt(der, outer.start);
  const key = valueAt(der, list.start);
  if (outer.tag !== TAG.octetString || list.tag !== TAG.sequence || key.tag !== TAG.keyIdentifier) {
    return null;
  }
  return `${base64url(der.subarray(key.start, key.end))}.${
    base64url(der.subarray(serial.start, serial.end))
  }`;
}

/** What an authority suggests. */
export interface RenewalInfo {
  /** An instant in the window that it suggests, chosen at random; null if the authority could not be asked, or suggests nothing. */
  readonly renewAtMs: number | null;
  /** When to ask again. */
  readonly askAgainAtMs: number;
  /** The URL of a page that says why; null for none. */
  readonly explanation: string | null;
}

/** Returns what is known without an answer of the authority. */
export function noRenewalInfo(retryAfterMs: number | null = null): RenewalInfo {
  const { least, usual, most } = RENEWAL_INFO_MS;
  const pauseMs = Math.min(Math.max(retryAfterMs ?? usual, least), most);
  return { renewAtMs: null, askAgainAtMs: Date.now() + pauseMs, explanation: null };
}

/**
 * Asks when to renew the certificate in `pem`. An authority that cannot say suggests nothing. A window that is none, or in
 * which the certificate ends, counts as two thirds of the lifetime.
 */
export function askForRenewalInfo(authority: Authority, pem: string, facts: CertificateFacts): RenewalInfo {
  try {
    const identifier = certificateIdentifier(pem);
    if (identifier === null || !authority.has("renewalInfo")) return noRenewalInfo();
    const base = authority.urlOf("renewalInfo");
    const { json, answer } = authority.get(
      authority.checked(`${base.href.replace(/\/$/, "")}/${identifier}`, "renewalInfo"),
    );
    const unknown = noRenewalInfo(retryAfterMs(answer));
    if (json === null) return unknown;
    const window = (json["suggestedWindow"] ?? {}) as { start?: unknown; end?: unknown };
    const [start, end] = [Date.parse(String(window.start)), Date.parse(String(window.end))];
    const isUsable = start < end && end <= facts.notAfterMs;
    return {
      ...unknown,
      renewAtMs: isUsable
        ? Math.round(start + Math.random() * (end - start))
        : usualRenewal(facts, Math.random()),
      explanation: isUsable ? pageOf(json["explanationURL"]) : null,
    };
  } catch {
    return noRenewalInfo(); // the certificate is renewed at two thirds of its lifetime
  }
}

function pageOf(url: unknown): string | null {
  if (typeof url !== "string" || !URL.canParse(url)) return null;
  const { protocol, href } = new URL(url);
  return ["https:", "http:"].includes(protocol) ? shown(href) : null;
}
