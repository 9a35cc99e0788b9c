/**
 * Certificates and private keys in PEM, as OpenSSL reads them.
 *
 * Source: PEM_read_bio_X509(3ssl), X509_get_ext_d2i(3ssl), GENERAL_NAME_get0_value, ASN1_TIME_to_tm(3ssl),
 * EVP_PKEY_get_id(3ssl), RFC 5280.
 * @module
 */
import { crypto, loadOpenssl, type Pointer, present } from "./openssl.ts";
import { endsPem, takeFailure } from "./openssl_error.ts";

const NID_SUBJECT_ALT_NAME = 85;
const GENERAL_NAME = { dns: 2, ip: 7 } as const;
const KEY_TYPES: ReadonlyMap<number, string> = new Map([[6, "RSA"], [912, "RSA-PSS"], [408, "ECDSA"], [
  1087,
  "Ed25519",
], [1088, "Ed448"]]);
/** The smallest number of bits for each type, as at OpenSSL's security level 2 (SSL_CTX_set_security_level(3ssl)). */
const KEY_BITS_MIN: ReadonlyMap<string, number> = new Map([["RSA", 2048], ["RSA-PSS", 2048], ["ECDSA", 224]]);
/** ASN1_STRFLGS_RFC2253 without ESC_MSB, and XN_FLAG_SEP_CPLUS_SPC: `C=US, O=Let's Encrypt, CN=E7`, control characters escaped. */
const NAME_FORM = 0x0002_0313n;
const CHAIN_LENGTH_MAX = 16;

/** What is wrong with PEM text. `message` completes a sentence that names the file: `has a damaged certificate: copy it again`. */
export class PemError extends Error {
  /** Always `"PemError"`. */
  override readonly name = "PemError";
}

/** A certificate chain and its key, which OpenSSL holds until {@linkcode Certificate.free}. */
export interface Certificate extends CertificateFacts {
  readonly leaf: Pointer;
  /** The certificates after the leaf, in order. */
  readonly others: readonly Pointer[];
  readonly key: Pointer;
  /** Frees what OpenSSL holds. Contexts that were made with it keep what they need. */
  free(): void;
}

/** What a certificate says. */
export interface CertificateFacts {
  /** Names in lower case, and addresses, for which it is valid. A wildcard reads `*.example.org`. */
  readonly names: readonly string[];
  /** The subject, such as `CN=example.org`. */
  readonly subject: string;
  /** The issuer, such as `C=US, O=Let's Encrypt, CN=E7`. */
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
  /** `ECDSA 256`, `RSA 2048`. */
  readonly keyType: string;
  /** True if it is its own issuer. */
  readonly isSelfSigned: boolean;
  /** The number of certificates, with the leaf. */
  readonly chainLength: number;
}

/**
 * Reads a certificate with its chain from `certificatePem`, and its key from `keyPem`. Both may have further blocks.
 * @throws {KeyError} when the key cannot be used
 * @throws {PemError} when the certificate cannot be used
 */
export function readCertificate(
  certificatePem: Uint8Array<ArrayBuffer>,
  keyPem: Uint8Array<ArrayBuffer>,
): Certificate {
  loadOpenssl();
  const chain = readChain(certificatePem);
  let key: Pointer | null = null;
  try {
    key = readKey(keyPem);
    const facts = describe(chain);
    checkKey(chain[0]!, key, facts.keyType);
    checkOrder(chain);
    const owned = key;
    return {
      ...facts,
      leaf: chain[0]!,
      others: chain.slice(1),
      key: owned,
      free() {
        chain.forEach((one) => crypto.X509_free(one));
        crypto.EVP_PKEY_free(owned);
      },
    };
  } catch (error) {
    chain.forEach((one) => crypto.X509_free(one));
    if (key !== null) crypto.EVP_PKEY_free(key);
    throw error;
  }
}

/** A {@linkcode PemError} about the key, not the certificate. */
export class KeyError extends PemError {}

/** Calls `read` with a BIO over `bytes`. */
function withBio<T>(bytes: Uint8Array<ArrayBuffer>, read: (bio: Pointer) => T): T {
  const memory = bytes.length < 128 ? new Uint8Array(128) : bytes; // small typed arrays may move
  if (memory !== bytes) memory.set(bytes);
  const bio = present(crypto.BIO_new_mem_buf(memory, bytes.length), "BIO_new_mem_buf");
  try {
    return read(bio);
  } finally {
    crypto.BIO_free(bio);
  }
}

function readChain(pem: Uint8Array<ArrayBuffer>): Pointer[] {
  return withBio(pem, (bio) => {
    const chain: Pointer[] = [];
    const fail = (message: string) => {
      chain.forEach((one) => crypto.X509_free(one));
      return new PemError(message);
    };
    for (;;) {
      crypto.ERR_clear_error();
      const one = crypto.PEM_read_bio_X509(bio, null, null, null);
      if (one !== null) chain.push(one);
      if (chain.length > CHAIN_LENGTH_MAX) {
        throw fail(
          `has more than ${CHAIN_LENGTH_MAX} certificates: only the site's own one and its chain belong there`,
        );
      }
      if (one !== null) continue;
      if (!endsPem()) throw fail("has a damaged certificate: copy it again");
      break;
    }
    if (chain.length === 0) {
      throw fail("has no certificate in PEM (a block that begins with -----BEGIN CERTIFICATE-----)");
    }
    return chain;
  });
}

const NO_PASSWORD = new Uint8Array(128);

function readKey(pem: Uint8Array<ArrayBuffer>): Pointer {
  const text = new TextDecoder().decode(pem);
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    throw new KeyError(
      "has an encrypted key, and a server cannot ask for the password: " +
        "decrypt it (openssl pkey -in KEY -out PLAIN) and let only the server's user read the result",
    );
  }
  return withBio(pem, (bio) => {
    crypto.ERR_clear_error();
    const key = crypto.PEM_read_bio_PrivateKey(bio, null, null, NO_PASSWORD);
    if (key !== null) return key;
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
      const { sentence } = takeFailure();
      throw new KeyError(`has a damaged key (${sentence}): copy it again`);
    }
    crypto.ERR_clear_error();
    throw new KeyError("has no private key in PEM (a block that begins with -----BEGIN PRIVATE KEY-----)");
  });
}

function checkKey(leaf: Pointer, key: Pointer, keyType: string): void {
  crypto.ERR_clear_error();
  const matches = crypto.X509_check_private_key(leaf, key) === 1;
  crypto.ERR_clear_error();
  if (!matches) throw new KeyError("has the key of another certificate");
  const [type, bits] = keyType.split(" ");
  const least = KEY_BITS_MIN.get(type!);
  if (least !== undefined && Number(bits) < least) {
    throw new PemError(
      `has a weak key (${keyType} bits): clients reject fewer than ${least}; make a new one`,
    );
  }
}

/** Checks that each certificate was issued by the next one. */
function checkOrder(chain: readonly Pointer[]): void {
  for (let i = 1; i < chain.length; i++) {
    if (crypto.X509_check_issued(chain[i]!, chain[i - 1]!) !== 0) {
      const [issuer, found] = [
        nameOf(crypto.X509_get_issuer_name(chain[i - 1]!)),
        nameOf(
          crypto.X509_get_subject_name(chain[i]!),
        ),
      ];
      throw new PemError(
        `has a chain in the wrong order: certificate ${i} was issued by "${issuer}", but "${found}" follows it`,
      );
    }
    const signed = crypto.X509_verify(chain[i - 1]!, present(crypto.X509_get0_pubkey(chain[i]!), "pubkey"));
    crypto.ERR_clear_error();
    if (signed !== 1) throw new PemError(`has a certificate ${i} that the next one has not signed`);
  }
}

function describe(chain: readonly Pointer[]): CertificateFacts {
  const leaf = chain[0]!;
  const publicKey = present(crypto.X509_get0_pubkey(leaf), "X509_get0_pubkey");
  const id = crypto.EVP_PKEY_get_id(publicKey);
  return {
    names: namesOf(leaf),
    subject: nameOf(crypto.X509_get_subject_name(leaf)),
    issuer: nameOf(crypto.X509_get_issuer_name(leaf)),
    notBeforeMs: timeOf(crypto.X509_get0_notBefore(leaf)),
    notAfterMs: timeOf(crypto.X509_get0_notAfter(leaf)),
    keyType: `${KEY_TYPES.get(id) ?? `type ${id}`} ${crypto.EVP_PKEY_get_bits(publicKey)}`,
    isSelfSigned: crypto.X509_check_issued(leaf, leaf) === 0,
    chainLength: chain.length,
  };
}

/** Returns the names of the extension subjectAltName (RFC 5280 §4.2.1.6), which is all that clients look at. */
function namesOf(leaf: Pointer): string[] {
  const list = crypto.X509_get_ext_d2i(leaf, NID_SUBJECT_ALT_NAME, null, null);
  if (list === null) return [];
  const names: string[] = [];
  const kind = new Int32Array(32);
  for (let i = 0; i < crypto.OPENSSL_sk_num(list); i++) {
    const value = crypto.GENERAL_NAME_get0_value(
      crypto.OPENSSL_sk_value(list, i),
      new Uint8Array(kind.buffer),
    );
    if (value === null || (kind[0] !== GENERAL_NAME.dns && kind[0] !== GENERAL_NAME.ip)) continue;
    const bytes = stringOf(value);
    names.push(
      kind[0] === GENERAL_NAME.dns ? new TextDecoder().decode(bytes).toLowerCase() : formatIp(bytes),
    );
  }
  crypto.GENERAL_NAMES_free(list);
  return names;
}

function stringOf(value: Pointer): Uint8Array {
  const length = crypto.ASN1_STRING_length(value);
  const bytes = new Uint8Array(length);
  const data = crypto.ASN1_STRING_get0_data(value);
  if (data !== null && length > 0) Deno.UnsafePointerView.copyInto(data, bytes);
  return bytes;
}

function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  return words.join(":");
}

function nameOf(name: Deno.PointerValue): string {
  const bio = present(crypto.BIO_new(crypto.BIO_s_mem()), "BIO_new");
  const text = new Uint8Array(1024);
  crypto.X509_NAME_print_ex(bio, name, 0, NAME_FORM);
  const length = crypto.BIO_read(bio, text, text.length);
  crypto.BIO_free(bio);
  return new TextDecoder().decode(text.subarray(0, Math.max(length, 0)));
}

/** Returns an ASN1_TIME in milliseconds since 1970. */
function timeOf(time: Deno.PointerValue): number {
  const tm = new Int32Array(32); // struct tm: second, minute, hour, day, month from 0, years since 1900
  if (crypto.ASN1_TIME_to_tm(time, new Uint8Array(tm.buffer)) !== 1) return NaN;
  return Date.UTC(tm[5]! + 1900, tm[4]!, tm[3]!, tm[2]!, tm[1]!, tm[0]!);
}
