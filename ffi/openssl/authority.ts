/**
 * A certificate authority of this program's own: it signs certificates, within the names that it may sign.
 *
 * Source: X509_get_ext_d2i(3ssl), X509_check_purpose(3ssl), d2i_X509(3ssl), openssl/x509v3.h (NAME_CONSTRAINTS_check).
 * @module
 */
import { type Certificate, type CertificateFacts, readCertificate } from "./certificate.ts";
import type { Der } from "./der.ts";
import { crypto, present } from "./openssl.ts";
import { outputOf, type PrivateKey, readPrivateKey } from "./private_key.ts";
import { type CertificateContent, makeCertificate } from "./x509.ts";

const NID_NAME_CONSTRAINTS = 666;
/** X509_V_OK. */
const VERIFIED = 0;
const ANY_PURPOSE = -1;
const SUBJECT_BYTES_MAX = 4096;

/** An authority, whose certificate and key libcrypto holds until {@linkcode Authority.free}. */
export class Authority {
  readonly #certificate: Certificate;
  readonly #key: PrivateKey;

  /**
   * Reads `pem`, a certificate and its key.
   * @throws {PemError} when one of them cannot be used
   * @throws {TypeError} when the key is not of P-256
   */
  constructor(pem: string) {
    const bytes = new TextEncoder().encode(pem) as Uint8Array<ArrayBuffer>; // never shared
    try {
      this.#certificate = readCertificate(bytes, bytes);
    } finally {
      bytes.fill(0);
    }
    try {
      this.#key = readPrivateKey(pem);
    } catch (error) {
      this.#certificate.free();
      throw error;
    }
  }

  /** What its certificate says. */
  get facts(): CertificateFacts {
    return this.#certificate;
  }

  /** Signs a certificate, and returns it in DER. @throws {TypeError} for a name that no certificate can have */
  sign(content: Omit<CertificateContent, "issuer">): Der {
    const out = outputOf(SUBJECT_BYTES_MAX);
    const length = crypto.i2d_X509_NAME(crypto.X509_get_subject_name(this.#certificate.leaf), out.at);
    const subject = out.bytes.slice(0, Math.max(length, 0));
    return makeCertificate({ ...content, issuer: { subject, key: this.#key } });
  }

  /** Returns true if the authority may sign the names in `certificate`, in DER (RFC 5280 §4.2.1.10). */
  permits(certificate: Der): boolean {
    const constraints = crypto.X509_get_ext_d2i(this.#certificate.leaf, NID_NAME_CONSTRAINTS, null, null);
    if (constraints === null) return true;
    const input = outputOf(Math.max(certificate.length, 128));
    input.bytes.set(certificate);
    const read = present(crypto.d2i_X509(null, input.at, BigInt(certificate.length)), "d2i_X509");
    try {
      crypto.X509_check_purpose(read, ANY_PURPOSE, 0); // reads the extensions
      return crypto.NAME_CONSTRAINTS_check(read, constraints) === VERIFIED;
    } finally {
      crypto.X509_free(read);
      crypto.NAME_CONSTRAINTS_free(constraints);
      crypto.ERR_clear_error();
    }
  }

  /** Ends the use. */
  free(): void {
    this.#key.free();
    this.#certificate.free();
  }
}
