/**
 * Makes certificates and requests for certificates. Their structure is written here, in DER; libcrypto signs them.
 *
 * Source: RFC 5280 (certificates), RFC 2986 (requests), RFC 5758 (signatures), RFC 8555 §7.4 (what a request says).
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { AF_INET, AF_INET6 } from "../libc/constants.ts";
import { cString, libc, loadLibc } from "../libc/libc.ts";
import {
  bitString,
  context,
  contextBytes,
  type Der,
  integer,
  isTrue,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from "./der.ts";
import type { PrivateKey } from "./private_key.ts";

const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  extensionRequest: "1.2.840.113549.1.9.14",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;
/** Numbers of bits in keyUsage (RFC 5280 §4.2.1.3). */
const KEY_USAGE = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;
const EXTENDED_KEY_USAGE = { serverAuth: "1.3.6.1.5.5.7.3.1", clientAuth: "1.3.6.1.5.5.7.3.2" } as const;
/** Choices of GeneralName (RFC 5280 §4.2.1.6). */
const GENERAL_NAME = { dns: 2, ip: 7 } as const;
const VERSION_3 = 2;
const SERIAL_BYTES = 16;
const PEM_LINE = /.{1,64}/g;

/** Parts of a subject's or an issuer's name. */
export interface DistinguishedName {
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly commonName?: string;
}

/** An extension of a certificate. */
export interface Extension {
  /** The identifier, such as `1.3.6.1.5.5.7.1.31`. */
  readonly oid: string;
  readonly isCritical: boolean;
  /** The value in DER. */
  readonly value: Uint8Array;
}

/** What a certificate says. */
export interface CertificateContent {
  /** Whose certificate it is; only its public key is in it. */
  readonly key: PrivateKey;
  readonly subject: DistinguishedName;
  /** The authority that signs it; its subject in DER, or as parts. Missing: it is its own issuer. */
  readonly issuer?: { readonly subject: DistinguishedName | Der; readonly key: PrivateKey };
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
  /** An unsigned number of at most 20 bytes. Missing: a random one. */
  readonly serial?: Uint8Array;
  /** Host names in ASCII, and IP addresses (subjectAltName). */
  readonly names?: readonly string[];
  /** basicConstraints: whether it may sign others, with so many authorities between. Missing: it may not. */
  readonly authority?: { readonly pathLength?: number };
  readonly keyUsage?: readonly (keyof typeof KEY_USAGE)[];
  readonly extendedKeyUsage?: readonly (keyof typeof EXTENDED_KEY_USAGE)[];
  /** nameConstraints: domains, which include what is below them, and networks such as `10.0.0.0/8`. */
  readonly permitted?: readonly string[];
  /** nameConstraints: exceptions from what is permitted. `.example.org` is everything below a domain. */
  readonly excluded?: readonly string[];
  /** Further extensions. */
  readonly extensions?: readonly Extension[];
}

/**
 * Makes a certificate and returns it in DER.
 * @throws {TypeError} for a name that is neither a host name in ASCII nor an address
 */
export function makeCertificate(content: CertificateContent): Der {
  const { key, subject, issuer = { subject, key }, notBeforeMs, notAfterMs } = content;
  const serial = content.serial ?? positive(randomBytes(SERIAL_BYTES));
  const body = sequence(
    context(0, integer(VERSION_3)),
    integer(serial),
    signatureAlgorithm(),
    distinguishedName(issuer.subject),
    sequence(time(notBeforeMs), time(notAfterMs)),
    distinguishedName(subject),
    key.publicKey,
    context(3, sequence(...extensionsOf(content, issuer.key).map(encodeExtension))),
  );
  return signed(body, issuer.key);
}

/**
 * Makes a request for a certificate with `names`, host names in ASCII and IP addresses, and returns it in DER. The
 * subject is empty, because authorities use only these.
 * @throws {TypeError} for a name that is neither a host name in ASCII nor an address
 */
export function makeRequest(
  key: PrivateKey,
  names: readonly string[],
  extensions: readonly Extension[] = [],
): Der {
  const asked = sequence(...[subjectAltName(names, true), ...extensions].map(encodeExtension));
  const attribute = sequence(objectIdentifier(OID.extensionRequest), set(asked));
  return signed(sequence(integer(0), sequence(), key.publicKey, context(0, attribute)), key);
}

/** Returns `der` as PEM text, with a line end. `label` is `CERTIFICATE`, `CERTIFICATE REQUEST`. */
export function pemOf(label: string, der: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...der));
  return [`-----BEGIN ${label}-----`, ...base64.match(PEM_LINE)!, `-----END ${label}-----`, ""].join("\n");
}

/** Returns the identifier of a key, as certificates have it (RFC 5280 §4.2.1.2, method 1). */
export function keyIdentifier(key: PrivateKey): Uint8Array {
  return createHash("sha1").update(key.point).digest();
}

function signed(body: Der, key: PrivateKey): Der {
  return sequence(body, signatureAlgorithm(), bitString(key.sign(body)));
}

function signatureAlgorithm(): Der {
  return sequence(objectIdentifier(OID.ecdsaWithSha256));
}

function distinguishedName(name: DistinguishedName | Der): Der {
  if (name instanceof Uint8Array) return name;
  const parts = (["organization", "organizationalUnit", "commonName"] as const).flatMap((attribute) => {
    const text = name[attribute];
    return text === undefined ? [] : [set(sequence(objectIdentifier(OID[attribute]), utf8String(text)))];
  });
  return sequence(...parts);
}

function extensionsOf(content: CertificateContent, issuerKey: PrivateKey): Extension[] {
  const { key, subject, names = [], authority, keyUsage = [], extendedKeyUsage = [] } = content;
  const { permitted = [], excluded = [] } = content;
  const pathLength = authority?.pathLength;
  const constraints = authority === undefined
    ? sequence()
    : sequence(isTrue(), ...(pathLength === undefined ? [] : [integer(pathLength)]));
  const usages = extendedKeyUsage.map((usage) => objectIdentifier(EXTENDED_KEY_USAGE[usage]));
  return [
    critical(OID.basicConstraints, constraints),
    ...(keyUsage.length === 0 ? [] : [critical(OID.keyUsage, bitsOf(keyUsage))]),
    ...(usages.length === 0 ? [] : [plain(OID.extendedKeyUsage, sequence(...usages))]),
    ...(permitted.length === 0 ? [] : [critical(OID.nameConstraints, nameConstraints(permitted, excluded))]),
    plain(OID.subjectKeyIdentifier, octetString(keyIdentifier(key))),
    plain(OID.authorityKeyIdentifier, sequence(contextBytes(0, keyIdentifier(issuerKey)))),
    ...(names.length === 0 ? [] : [subjectAltName(names, Object.keys(subject).length === 0)]),
    ...(content.extensions ?? []),
  ];
}

function critical(oid: string, value: Der): Extension {
  return { oid, isCritical: true, value };
}

function plain(oid: string, value: Der): Extension {
  return { oid, isCritical: false, value };
}

function encodeExtension({ oid, isCritical, value }: Extension): Der {
  return sequence(objectIdentifier(oid), ...(isCritical ? [isTrue()] : []), octetString(value));
}

/** Returns the extension, which has to be critical if there is no other name (RFC 5280 §4.2.1.6). */
function subjectAltName(names: readonly string[], isCritical: boolean): Extension {
  const value = sequence(...names.map((name) => {
    const address = ipBytes(name);
    return address === null
      ? contextBytes(GENERAL_NAME.dns, ascii(name))
      : contextBytes(GENERAL_NAME.ip, address);
  }));
  return { oid: OID.subjectAltName, isCritical, value };
}

function nameConstraints(permitted: readonly string[], excluded: readonly string[]): Der {
  const subtrees = (number: number, names: readonly string[]) =>
    names.length === 0 ? [] : [context(number, ...names.map(subtree))];
  return sequence(...subtrees(0, permitted), ...subtrees(1, excluded));
}

function subtree(name: string): Der {
  const network = networkBytes(name);
  return sequence(
    network === null ? contextBytes(GENERAL_NAME.dns, ascii(name)) : contextBytes(GENERAL_NAME.ip, network),
  );
}

/** Returns the bits of `usages`, all of which are in the first byte, without zeros at the end (X.690 §11.2.2). */
function bitsOf(usages: readonly (keyof typeof KEY_USAGE)[]): Der {
  const numbers: number[] = usages.map((usage) => KEY_USAGE[usage]);
  const byte = numbers.reduce((bits, number) => bits | (0x80 >> number), 0);
  return bitString(Uint8Array.of(byte), 7 - Math.max(...numbers));
}

/** @throws {TypeError} */
function ascii(name: string): Uint8Array {
  if (!/^[A-Za-z0-9*._-]+$/.test(name)) {
    throw new TypeError(`${JSON.stringify(name)} is neither a host name in ASCII nor an address`);
  }
  return new TextEncoder().encode(name);
}

/** Returns the bytes of an IP address; null for another name. */
function ipBytes(name: string): Uint8Array | null {
  const isIPv6 = name.includes(":");
  if (!isIPv6 && !/^[\d.]+$/.test(name)) return null;
  loadLibc();
  const bytes = new Uint8Array(128);
  if (libc.inet_pton(isIPv6 ? AF_INET6 : AF_INET, cString(name), bytes) !== 1) return null;
  return bytes.slice(0, isIPv6 ? 16 : 4);
}

/** Returns the address and the mask of a network such as `10.0.0.0/8`; null for another name. */
function networkBytes(name: string): Uint8Array | null {
  const [text, bits] = name.split("/");
  const address = bits === undefined ? null : ipBytes(text!);
  if (address === null) return null;
  const mask = address.map((_, i) => (0xff00 >> Math.min(Math.max(Number(bits) - 8 * i, 0), 8)) & 0xff);
  return Uint8Array.of(...address, ...mask);
}

/** Returns `bytes` as a number that is neither 0 nor longer than they are as an INTEGER. */
function positive(bytes: Uint8Array): Uint8Array {
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}
