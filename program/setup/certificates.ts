/**
 * The certificates of the program: which files the settings name, and what is in them.
 * @module
 */
import { readTextFile } from "../../ffi/file/text_file.ts";
import { EACCES, SystemError } from "../../ffi/libc/errno.ts";
import { opensslVersion } from "../../ffi/openssl/openssl.ts";
import { supportedGroups } from "../../ffi/openssl/server_context.ts";
import { hasKernelTls, kernelCiphers } from "../../ffi/socket/kernel_tls.ts";
import type { CertificateFacts } from "../../ffi/openssl/certificate.ts";
import { UsageError } from "../../server/usage_error.ts";
import { TLS_FILE_TEXT_BYTES_MAX } from "../../server/tls_limits.ts";
import {
  CertificateError,
  contextsOf,
  factsOf,
  type NamedCertificate,
  readCertificates,
} from "../../server/tls_options.ts";
import { factsFor } from "../acme/saved_state.ts";
import { type AcmeChoices, type AcmeSettings, acmeSettingsOf } from "../acme/settings.ts";
import { makeStandIn, STAND_IN } from "../acme/stand_in.ts";
import { certificatePath, Store } from "../acme/store.ts";
import { certificateFiles } from "../config/certificate_files.ts";
import { type ConfigPath, withPlace } from "../config/config_place.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { checkSites, makeLocalCertificate } from "./local_certificate.ts";
import { currentAccount, describeAccount } from "../security/privileges.ts";

type Settings = Pick<CommandLine, "tlsCert" | "tlsKey"> & AcmeChoices;

const HAS_CERTIFICATE = /-----BEGIN CERTIFICATE-----/;
const HAS_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const DAY_MS = 86_400_000;

/** What the settings name, and what it says. */
export interface LoadedCertificates {
  /** The texts of the files, or what was made for `--https`. */
  readonly certificates: readonly NamedCertificate[];
  readonly facts: readonly CertificateFacts[];
  /** Lines for the user; missing: none. */
  readonly notes?: readonly string[];
}

/** The paths of all files with certificates and keys. */
export function certificateFilesOf(settings: Settings): string[] {
  const { tlsCert, tlsKey } = settings;
  const files = tlsCert.map(certificateFiles).flatMap(({ cert, key }) => key === null ? [cert] : [cert, key]);
  return [...files, ...tlsKey, ...acmeFilesOf(settings)];
}

/** The paths of the files that are written by ACME. */
export function acmeFilesOf(settings: Settings): string[] {
  const acme = acmeSettingsOf(settings);
  return acme === null ? [] : acme.names.map((name) => certificatePath(acme.dir, name));
}

/**
 * Reads the files that the settings name, or makes the certificate of `--https`. Returns null if there is to be none.
 * `inherited` has the certificates of the process that this one replaces.
 * @throws {UsageError} that names the file, and what is wrong with it
 * @throws {OpensslMissing}
 */
export function loadCertificates(
  command: CommandLine,
  inherited: readonly NamedCertificate[] | null = null,
): LoadedCertificates | null {
  if (command.https) return loadLocal(command, inherited);
  try {
    return readAll(command);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const keyAt = command.tlsKey.findIndex((file) => error.message.startsWith(`${file} `));
    const certAt = command.tlsCert.findIndex((value) => {
      const { cert, key } = certificateFiles(value);
      return [cert, key].some((file) => error.message.startsWith(`${file} `));
    });
    const path: ConfigPath = keyAt >= 0 ? ["tls.key", keyAt] : ["tls.cert", Math.max(certAt, 0)];
    throw new UsageError(withPlace(command, path, error.message));
  }
}

/** The authority is read anew, unless this process has a user who may not. */
function loadLocal(command: CommandLine, inherited: readonly NamedCertificate[] | null): LoadedCertificates {
  try {
    return makeLocalCertificate(command);
  } catch (error) {
    if (inherited === null || !(error instanceof UsageError)) throw error;
    checkSites(command);
    return { certificates: inherited, facts: factsOf(readCertificates(inherited)) };
  }
}

/**
 * Does the same as {@linkcode loadCertificates}, but throws {@linkcode CertificateError} for a file that cannot be used. For files that are read again.
 */
export function readAll(
  command: CommandLine,
  present: LoadedCertificates | null = null,
): LoadedCertificates | null {
  const { tlsCert, tlsKey } = command;
  const acme = acmeSettingsOf(command);
  if (tlsCert.length === 0 && acme === null) {
    const useless = withoutCertificate(command);
    if (useless !== null) throw new UsageError(`${useless} needs a certificate: --tls-cert FILE`);
    return null;
  }
  const keys = [...tlsKey];
  const named = tlsCert.map(certificateFiles).map(({ cert: file, key }): NamedCertificate => {
    const cert = textOf(file);
    if (HAS_KEY.test(cert)) return { cert, names: { cert: file, key: file } };
    if (!HAS_CERTIFICATE.test(cert)) {
      throw new CertificateError(
        `${file} has no certificate in PEM (a block that begins with -----BEGIN CERTIFICATE-----)`,
      );
    }
    const keyFile = key ?? keys.shift();
    if (keyFile === undefined) {
      throw new CertificateError(`${file} has no key in it: name the file of its key, too (--tls-key FILE)`);
    }
    return { cert, key: textOf(keyFile), names: { cert: file, key: keyFile } };
  });
  if (keys.length > 0) {
    throw new CertificateError(
      `${keys[0]} has no certificate: there are more --tls-key than --tls-cert without a key`,
    );
  }
  const certificates = acme === null ? named : [...named, ...gotByAcme(acme, present)];
  const read = readCertificates(certificates);
  contextsOf(command.tlsProfile, read).free(); // what OpenSSL refuses is reported here, and reaches no worker
  const facts = factsOf(read);
  const nowMs = Date.now();
  for (const [i, { notBeforeMs, notAfterMs }] of facts.entries()) {
    const file = certificates[i]!.names.cert;
    if (notAfterMs < nowMs) {
      throw new CertificateError(`${file} expired on ${dateOf(notAfterMs)}: renew it`);
    }
    if (notBeforeMs > nowMs) {
      throw new CertificateError(
        `${file} is not valid before ${dateOf(notBeforeMs)}: is this machine's clock right?`,
      );
    }
  }
  return { certificates, facts };
}

/**
 * Returns the certificates of ACME: those in the directory, or if one is missing there or cannot be used, the one of
 * `present`, or a stand-in.
 */
function gotByAcme({ names, dir }: AcmeSettings, present: LoadedCertificates | null): NamedCertificate[] {
  const store = new Store(dir);
  return names.map((name): NamedCertificate => {
    const file = certificatePath(dir, name);
    const pem = store.readCertificate(name);
    const facts = factsFor(name, pem);
    const isValid = facts !== null && facts.notAfterMs > Date.now() && facts.notBeforeMs <= Date.now();
    if (isValid) return { cert: pem!, names: { cert: file, key: file } };
    const served = present?.certificates.find(({ names }, i) =>
      names.cert === file && present.facts[i]!.notAfterMs > Date.now()
    );
    return served ?? { cert: makeStandIn(name), names: { cert: file, key: file } };
  });
}

/** Returns the names of `acme` for which there is no certificate yet, only a stand-in. */
export function namesWithoutCertificate({ facts }: LoadedCertificates): string[] {
  return facts.filter(isStandIn).flatMap(({ names }) => names);
}

function isStandIn({ subject }: CertificateFacts): boolean {
  return subject === `CN=${STAND_IN}`;
}

/** Returns the first setting that means nothing without a certificate, or null. */
function withoutCertificate({ tlsKey, redirectHttp, hsts, addresses }: CommandLine): string | null {
  if (tlsKey.length > 0) return `--tls-key ${tlsKey[0]}`;
  if (redirectHttp !== null) return "--redirect-http";
  if (hsts !== null) return "--hsts";
  const isSecure = addresses.some((address) => address.kind === "tcp" && address.scheme === "https");
  return isSecure ? "https://" : null;
}

function textOf(file: string): string {
  try {
    return readTextFile(file, TLS_FILE_TEXT_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const who = error.errno === EACCES ? `, as user ${describeAccount(currentAccount())}` : "";
    throw new CertificateError(`${file} cannot be used: ${error.message}${who}`);
  }
}

/** Returns a line for each certificate: its names, issuer, end, chain and key. */
export function describeCertificates({ certificates, facts }: LoadedCertificates): string[] {
  return facts.flatMap((fact, i) => {
    if (isStandIn(fact)) return [];
    const { names, issuer, notAfterMs, chainLength, keyType } = fact;
    const chain = chainLength === 1 ? "no chain" : `a chain of ${chainLength}`;
    const end = new Date(notAfterMs).toISOString().slice(0, 10);
    return `${certificates[i]!.names.cert}: for ${
      names.join(", ") || "no host"
    }, ${keyType}, until ${end}, ${chain}, issued by ${issuer}`;
  });
}

/** Describes what the libraries and the kernel do for TLS, for `--check` and `--verbose`. */
export function describeTls(profile: string): string {
  const kernel = hasKernelTls() ? `kTLS with ${kernelCiphers().join(", ")}` : "no kTLS";
  return `profile ${profile}, groups ${supportedGroups().join(", ")}, OpenSSL ${opensslVersion()}, ${kernel}`;
}

function dateOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Returns a line for each certificate that clients may not trust, or that ends soon. */
export function certificateWarnings(
  { certificates, facts }: LoadedCertificates,
  nowMs: number = Date.now(),
): string[] {
  return facts.flatMap((fact, i) => {
    if (isStandIn(fact)) return [];
    const file = certificates[i]!.names.cert;
    const { names, notBeforeMs, notAfterMs, chainLength, isSelfSigned } = fact;
    const lines: string[] = [];
    const days = Math.floor((notAfterMs - nowMs) / DAY_MS);
    if (days < 0) lines.push(`${file} expired on ${dateOf(notAfterMs)}: renew it`);
    else if (notAfterMs - nowMs < (notAfterMs - notBeforeMs) / 3) {
      lines.push(`${file} expires on ${dateOf(notAfterMs)}, in ${days} days: renew it`);
    }
    if (names.length === 0) lines.push(`${file} names no host (subjectAltName), so no browser accepts it`);
    if (chainLength === 1 && !isSelfSigned) {
      lines.push(
        `${file} has no chain: some clients will not trust it; append the certificate of its issuer (fullchain.pem)`,
      );
    }
    return lines;
  });
}

/**
 * Returns why `next` must not replace `present`; null if it may: it was not issued earlier, has a chain if the present ones
 * have one, and is for all names that are served. The files `own` are written by this program, so the newest is in them:
 * authorities differ in how far they set back the beginning.
 */
export function refusalOf(
  present: LoadedCertificates,
  next: LoadedCertificates,
  own: readonly string[] = [],
): string | null {
  for (const [i, fact] of next.facts.entries()) {
    const file = next.certificates[i]!.names.cert;
    const before = present.facts[i];
    if (before === undefined) continue;
    if (before.notBeforeMs > fact.notBeforeMs && !own.includes(file)) {
      return `${file} is older than what is served`;
    }
    if (before.chainLength > 1 && fact.chainLength === 1 && !fact.isSelfSigned) return `${file} has no chain`;
  }
  const names = new Set(next.facts.flatMap(({ names }) => names));
  const lost = present.facts.flatMap(({ names }) => names).find((name) => !names.has(name));
  return lost === undefined
    ? null
    : `${next.certificates[0]!.names.cert} is not for ${lost}, which is served`;
}
