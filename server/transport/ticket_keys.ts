/**
 * The keys of session tickets. They change, so that a key that becomes known opens few recorded connections.
 *
 * All processes that share a secret have the same keys at the same time: each period has a key that is derived from the
 * secret and the number of the period. So nothing has to be handed on when the period changes.
 *
 * Source: RFC 5077 §5.5, RFC 8446 §4.6.1, RFC 5869.
 * @module
 */
import type { TicketKey } from "../../ffi/openssl/handshake_hooks.ts";
import { hkdfSync, randomBytes } from "node:crypto";
import { TLS_TICKET_KEY_MS } from "../tls_limits.ts";

const KEY_BYTES = 16 + 32 + 32;
/** The bytes of a secret. */
export const TICKET_SECRET_BYTES = 32;

/** Returns a new secret. */
export function newTicketSecret(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(TICKET_SECRET_BYTES));
}

/** The keys that belong to a secret. */
export class TicketKeys {
  readonly #secret: Uint8Array<ArrayBuffer>;
  readonly #nowMs: () => number;
  readonly #keys = new Map<number, TicketKey>();

  /** `nowMs` is the time since 1970. */
  constructor(secret: Uint8Array<ArrayBuffer> = newTicketSecret(), nowMs: () => number = Date.now) {
    this.#secret = secret;
    this.#nowMs = nowMs;
  }

  get #period(): number {
    return Math.floor(this.#nowMs() / TLS_TICKET_KEY_MS);
  }

  /** Returns the key for new tickets. */
  current(): TicketKey {
    return this.#of(this.#period);
  }

  /** Returns the key with this name if its tickets are valid: those of this period and of the one before. */
  find(name: Uint8Array): { readonly key: TicketKey; readonly isOld: boolean } | null {
    const period = this.#period;
    for (const candidate of [period, period - 1, period + 1]) { // another process's clock may be ahead
      const key = this.#of(candidate);
      if (key.name.every((byte, i) => byte === name[i])) return { key, isOld: candidate < period };
    }
    return null;
  }

  #of(period: number): TicketKey {
    const known = this.#keys.get(period);
    if (known !== undefined) return known;
    for (const old of this.#keys.keys()) if (old < period - 2) this.#keys.delete(old);
    const bytes = new Uint8Array(128); // small typed arrays may move while OpenSSL reads them
    bytes.set(new Uint8Array(hkdfSync("sha256", this.#secret, "", `epollet ticket ${period}`, KEY_BYTES)));
    const key = { name: bytes.subarray(0, 16), aes: bytes.subarray(16, 48), mac: bytes.subarray(48, 80) };
    this.#keys.set(period, key);
    return key;
  }
}
