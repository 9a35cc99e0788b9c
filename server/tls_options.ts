/**
 * The certificates of a server as its options give them, and what is made of them.
 * @module
 */
import { readTextFile } from "../ffi/file/text_file.ts";
import { SystemError } from "../ffi/libc/errno.ts";
import {
  type Certificate,
  type CertificateFacts,
  KeyError,
  PemError,
  readCertificate,
} from "../ffi/openssl/certificate.ts";
import { TLS_PROFILES, type TlsProfile } from "../ffi/openssl/server_context.ts";
import { type Kind, type Kinds, objectOf, oneOf } from "./embedder/option_kinds.ts";
import { TLS_FILE_TEXT_BYTES_MAX } from "./tls_limits.ts";
import { Certificates } from "./transport/certificates.ts";
import { TICKET_SECRET_BYTES } from "./transport/ticket_keys.ts";

/** A certificate and its key, each as PEM text or as the path of a file with it. */
export interface TlsCertificate {
  /** The certificate, followed by those of its chain. */
  readonly cert: string;
  /** The private key. Default: it is in `cert`, too. */
  readonly key?: string;
}

/** A certificate whose texts were read from files. */
export interface NamedCertificate extends TlsCertificate {
  /** The paths of the files, for messages. */
  readonly names: { readonly cert: string; readonly key: string };
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

/**
 * Returns the contexts for `certificates`. If OpenSSL refuses one, all are freed.
 * @throws {CertificateError}
 */
export function contextsOf(
  profile: TlsProfile,
  certificates: readonly Certificate[],
  answersChallenges: boolean = false,
): Certificates {
  try {
    return new Certificates(profile, certificates, undefined, answersChallenges);
  } catch (error) {
    for (const certificate of certificates) certificate.free();
    throw new CertificateError(`The certificates cannot be used together: ${(error as Error).message}`);
  }
}

/** Frees the certificates, and returns what they say. */
export function factsOf(certificates: readonly Certificate[]): CertificateFacts[] {
  return certificates.map(({ leaf: _, others: __, key: ___, free, ...facts }) => {
    free();
    return facts;
  });
}

function readOne(given: TlsCertificate | NamedCertificate): Certificate {
  const { cert, key = cert } = given;
  const names = "names" in given
    ? given.names
    : { cert: nameOf(cert, "certificate"), key: nameOf(key, "key") };
  const isRead = "names" in given;
  const certificatePem = pemOf(cert, "certificate", isRead);
  const keyPem = key === cert ? certificatePem : pemOf(key, "key", isRead);
  try {
    return readCertificate(certificatePem, keyPem);
  } catch (error) {
    if (!(error instanceof PemError)) throw error;
    if (!(error instanceof KeyError)) throw new CertificateError(`${names.cert} ${error.message}`);
    const than = error.message.endsWith("another certificate") ? ` than ${names.cert}` : "";
    throw new CertificateError(`${names.key} ${error.message}${than}`);
  } finally {
    keyPem.fill(0); // this copy is not needed any more; the text that it was made of remains
  }
}

/** Returns how messages name what was given: by its path, or by what it is. A text could be a key, so none is shown. */
function nameOf(given: string, what: "certificate" | "key"): string {
  return isText(given) ? `The text of the ${what}` : given;
}

/** Returns true unless `given` is a path, which has no line end. */
function isText(given: string): boolean {
  return given.includes("\n") || given.includes(TEXT);
}

function pemOf(given: string, what: "certificate" | "key", isRead: boolean): Uint8Array<ArrayBuffer> {
  const encode = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>; // never shared
  if (isRead || isText(given)) return encode(given);
  try {
    return encode(readTextFile(given, TLS_FILE_TEXT_BYTES_MAX));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new CertificateError(`The ${what} cannot be read: ${error.message}`);
  }
}
