/**
 * The certificates of a server as its options give them, and what is made of them.
 * @module
 */
import { readTextFile } from "../ffi/file/text_file.ts";
import { SystemError } from "../ffi/libc/errno.ts";
import { type Certificate, KeyError, PemError, readCertificate } from "../ffi/openssl/certificate.ts";
import { TLS_PROFILES, type TlsProfile } from "../ffi/openssl/server_context.ts";
import { type Kind, type Kinds, objectOf, oneOf } from "./embedder/option_kinds.ts";
import { TLS_FILE_TEXT_BYTES_MAX } from "./tls_limits.ts";
import { TICKET_SECRET_BYTES } from "./transport/ticket_keys.ts";

/** A certificate and its key, each as PEM text or as the path of a file with it. */
export interface TlsCertificate {
  /** The certificate, followed by those of its chain. */
  readonly cert: string;
  /** The private key. Default: it is in `cert`, too. */
  readonly key?: string;
}

/** The settings of TLS beside the certificates. */
export interface TlsSettings {
  /**
   * `intermediate`: TLS 1.2 and 1.3, for every client of the last ten years. `modern`: TLS 1.3 only. Default
   * `intermediate`.
   */
  readonly tlsProfile?: TlsProfile;
  /**
   * What the keys of session tickets are made of, 32 random bytes. Processes with the same secret resume each other's
   * sessions. Default: a new one.
   */
  readonly tlsTicketSecret?: Uint8Array;
}

const TEXT = "-----BEGIN ";
const PEM_OR_PATH: Kind = {
  expected: "PEM text or a path",
  is: (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
};
const OPTIONAL_PEM: Kind = { ...PEM_OR_PATH, is: (value) => value === undefined || PEM_OR_PATH.is(value) };
const CERTIFICATE = objectOf("a certificate", { cert: PEM_OR_PATH, key: OPTIONAL_PEM });

/** The kinds of the options. */
export const TLS_KINDS: Kinds = {
  tls: {
    expected: "{ cert, key }, each PEM text or a path, or a list of such objects",
    is: (value) =>
      Array.isArray(value)
        ? value.length > 0 && value.every((one) => CERTIFICATE.is(one))
        : CERTIFICATE.is(value),
  },
  tlsProfile: oneOf(TLS_PROFILES),
  tlsTicketSecret: {
    expected: "a Uint8Array of 32 bytes",
    is: (value) => value instanceof Uint8Array && value.length === TICKET_SECRET_BYTES,
  },
};

/** A certificate that cannot be used. `message` is a sentence that names the file. */
export class CertificateError extends Error {
  /** Always `"CertificateError"`. */
  override readonly name = "CertificateError";
}

/** Returns the certificates of the option `tls` as a list. */
export function listOfCertificates(
  tls: TlsCertificate | readonly TlsCertificate[],
): readonly TlsCertificate[] {
  return Array.isArray(tls) ? tls : [tls as TlsCertificate];
}

/**
 * Reads the certificates and keys.
 * @throws {CertificateError} `key.pem has the key of another certificate than cert.pem`
 * @throws {OpensslMissing} when the system has no OpenSSL 3
 */
export function readCertificates(given: readonly TlsCertificate[]): Certificate[] {
  const read: Certificate[] = [];
  try {
    for (const one of given) read.push(readOne(one));
    return read;
  } catch (error) {
    for (const certificate of read) certificate.free();
    throw error;
  }
}

function readOne({ cert, key = cert }: TlsCertificate): Certificate {
  const certificatePem = pemOf(cert, "certificate");
  const keyPem = key === cert ? certificatePem : pemOf(key, "key");
  try {
    return readCertificate(certificatePem, keyPem);
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    const [name, other] = error instanceof KeyError ? [nameOf(key, "key"), nameOf(cert, "certificate")] : [
      nameOf(cert, "certificate"),
      "",
    ];
    const than = error.message.endsWith("another certificate") ? ` than ${other}` : "";
    throw new CertificateError(`${name} ${error.message}${than}`);
  } finally {
    keyPem.fill(0); // the garbage collector would leave it in memory
  }
}

/** Returns how messages name what was given: by its path, or by what it is. */
export function nameOf(given: string, what: "certificate" | "key"): string {
  return given.includes(TEXT) ? `The text of the ${what}` : given;
}

function pemOf(given: string, what: "certificate" | "key"): Uint8Array<ArrayBuffer> {
  if (given.includes(TEXT)) return new TextEncoder().encode(given) as Uint8Array<ArrayBuffer>;
  try {
    return new TextEncoder().encode(readTextFile(given, TLS_FILE_TEXT_BYTES_MAX)) as Uint8Array<ArrayBuffer>;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new CertificateError(`The ${what} cannot be read: ${error.message}`);
  }
}
