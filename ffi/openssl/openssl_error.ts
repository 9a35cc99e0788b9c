/**
 * The errors of OpenSSL, as sentences.
 *
 * OpenSSL keeps a queue of errors for each thread. A call that fails appends to it, and `SSL_get_error` misreads what
 * an earlier call has left there. So it is emptied after each failure, and before calls whose result it explains.
 *
 * Source: ERR_get_error(3ssl), SSL_get_error(3ssl), openssl/sslerr.h.
 * @module
 */
import { crypto } from "./openssl.ts";

/** OpenSSL packs the library into the bits from here on, and the reason below. */
const REASON_BITS = 23;
const REASON_MASK = (1 << REASON_BITS) - 1;

/** ERR_LIB_…: the part of OpenSSL that reports an error. */
const LIBRARY = { PEM: 9, SSL: 20 } as const;

/** SSL_R_…: reasons that clients cause, and what they mean. */
const MEANINGS: ReadonlyMap<number, string> = new Map([
  [101, "no group in common with the client (NO_SUITABLE_KEY_SHARE)"],
  [156, "the client speaks HTTP without TLS (HTTP_REQUEST)"],
  [155, "the client sends CONNECT, as to a proxy (HTTPS_PROXY_REQUEST)"],
  [193, "no cipher suite in common with the client (NO_SHARED_CIPHER)"],
  [235, "no application protocol in common with the client (NO_APPLICATION_PROTOCOL)"],
  [258, "the client's version of TLS is too old (UNSUPPORTED_PROTOCOL)"],
  [267, "the client does not speak TLS (WRONG_VERSION_NUMBER)"],
  [294, "the client has ended the connection (UNEXPECTED_EOF_WHILE_READING)"],
  [1042, "the client rejects the certificate (BAD_CERTIFICATE)"],
  [1045, "the client rejects the certificate as expired (CERTIFICATE_EXPIRED)"],
  [1046, "the client rejects the certificate (CERTIFICATE_UNKNOWN)"],
  [1048, "the client does not know the certificate's authority (UNKNOWN_CA)"],
  [1070, "the client rejects the version of TLS (PROTOCOL_VERSION)"],
]);

/** What one call of OpenSSL has reported. */
export interface Failure {
  /** The reason's number; 0 if OpenSSL has given none. */
  readonly reason: number;
  /** The reason in words. */
  readonly sentence: string;
}

/** Empties the queue of errors, and returns the first one, which is the cause. */
export function takeFailure(): Failure {
  const code = crypto.ERR_get_error();
  crypto.ERR_clear_error();
  if (code === 0) return { reason: 0, sentence: "OpenSSL gives no reason" };
  const reason = code & REASON_MASK;
  const known = (code >>> REASON_BITS) === LIBRARY.SSL ? MEANINGS.get(reason) : undefined;
  return { reason, sentence: known ?? `OpenSSL says: ${textOf(code)}` };
}

/** Returns true if the last error is that no further PEM block was found. Empties the queue. */
export function endsPem(): boolean {
  const code = crypto.ERR_peek_error();
  crypto.ERR_clear_error();
  return code === 0 || ((code >>> REASON_BITS) === LIBRARY.PEM && (code & REASON_MASK) === 108);
}

function textOf(code: number): string {
  const text = crypto.ERR_reason_error_string(BigInt(code));
  return text === null ? `error ${code.toString(16)}` : new Deno.UnsafePointerView(text).getCString();
}
