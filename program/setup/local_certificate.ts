/**
 * The certificate of `--https`: signed by the local authority at each start, for this machine's names and addresses. It and
 * its key are in memory only, and the authority's key is not kept.
 * @module
 */
import type { CertificateFacts } from "../../ffi/openssl/certificate.ts";
import { makePrivateKey } from "../../ffi/openssl/private_key.ts";
import { pemOf } from "../../ffi/openssl/x509.ts";
import { LOCAL_CERTIFICATE_TIME_MS } from "../../server/tls_limits.ts";
import { factsOf, type NamedCertificate, readCertificates } from "../../server/tls_options.ts";
import { withPlace } from "../config/config_place.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { printable, UsageError } from "../../server/usage_error.ts";
import {
  authorityDirectory,
  checkRoots,
  ensureAuthority,
  type LocalAuthority,
  openAuthority,
} from "./local_authority.ts";
import { checkKeysOf } from "./key_directories.ts";
import { foreignAddresses, type LocalNames, localNames } from "./local_names.ts";

/** How messages call the certificate and its key. */
const NAMES = { cert: "The certificate of --https", key: "The key of --https" } as const;
const ORGANIZATION = "epollet development certificate";
/** The certificate begins earlier than now, for devices whose clocks are slow. */
const CLOCK_SKEW_MS = 24 * 3600 * 1000;

/** A certificate that was made. */
export interface LocalCertificate {
  /** One certificate, followed by that of its authority. */
  readonly certificates: readonly NamedCertificate[];
  readonly facts: readonly CertificateFacts[];
  /** Lines for the user. */
  readonly notes: readonly string[];
}

/** The directories of the sites. */
function rootsOf({ handler, site, hosts }: CommandLine): string[] {
  if (handler !== "static") return [];
  return [site, ...hosts.values()].map(({ root }) => root).filter((root) => typeof root === "string");
}

/** Checks that no site has the key of an authority or of an account in it. @throws {UsageError} */
export function checkSites(command: CommandLine): void {
  const roots: (readonly [root: unknown, path: readonly [string, ...string[]]])[] = [
    [command.site.root, ["root"]],
    ...Array.from(command.hosts, ([name, { root }]) => [root, ["hosts", name, "root"]] as const),
  ];
  if (command.handler !== "static") return;
  for (const [root, path] of roots) {
    if (typeof root !== "string") continue;
    try {
      checkRoots([root], command.https);
      checkKeysOf(root);
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(withPlace(command, path, error.message)) : error;
    }
  }
}

/**
 * Makes the certificate of `--https`, and the authority if there is none yet.
 * @throws {UsageError} when there can be no authority
 * @throws {OpensslMissing}
 */
export function makeLocalCertificate(command: CommandLine): LocalCertificate {
  const local = ensureAuthority(rootsOf(command));
  const { directory, isNew } = local;
  const made = sign(command, local);
  if (!isNew) return made;
  const notes = [
    `A local authority was made in ${directory}. Browsers here trust it after: epollet trust`,
    "Other devices find its certificate at /.well-known/epollet-root.pem",
  ];
  return { ...made, notes: [...notes, ...made.notes] };
}

/**
 * Makes another certificate, by the authority that there is. Returns null if there is none.
 * @throws {UsageError} when the authority cannot be read, as in the sandbox
 */
export function renewLocalCertificate(command: CommandLine): LocalCertificate | null {
  const local = openAuthority();
  return local === null ? null : sign(command, local);
}

/** Signs a certificate, and frees the authority. */
function sign(command: CommandLine, { authority, root, directory }: LocalAuthority): LocalCertificate {
  const key = makePrivateKey();
  try {
    const { always, machine } = localNames(command);
    const nowMs = Date.now();
    const signFor = (names: readonly string[]) =>
      authority.sign({
        key,
        subject: { organization: ORGANIZATION },
        notBeforeMs: nowMs - CLOCK_SKEW_MS,
        notAfterMs: Math.min(nowMs + LOCAL_CERTIFICATE_TIME_MS, authority.facts.notAfterMs),
        names,
        keyUsage: ["digitalSignature"],
        extendedKeyUsage: ["serverAuth"],
      });
    const whole = signFor([...always, ...machine]);
    const isPermitted = authority.permits(whole);
    const cert = pemOf("CERTIFICATE", isPermitted ? whole : signFor(always)) + root;
    const certificates = [{ cert, key: key.pem(), names: NAMES }];
    const renamed = `The certificate of --https is not for ${
      machine[0]
    }: the local authority was made under another name of this machine; for a new one, remove ${directory} and run epollet trust`;
    const foreign = foreignAddresses(command).join(", ");
    const without = `The certificate of --https is not for ${foreign}: only private addresses can be in it`;
    return {
      certificates,
      facts: factsOf(readCertificates(certificates)),
      notes: [...isPermitted ? [] : [renamed], ...foreign === "" ? [] : [without]],
    };
  } finally {
    key.free();
    authority.free();
  }
}

/** Describes what `--https` would make now, without making it. @throws {UsageError} */
export function describePlan(command: CommandLine): string {
  checkSites(command);
  const local = openAuthority();
  const end = local && new Date(local.authority.facts.notAfterMs).toISOString().slice(0, 10);
  local?.authority.free();
  const authority = local === null
    ? `a new authority in ${authorityDirectory()}`
    : `the authority in ${local.directory}, which is valid until ${end}`;
  return printable(`--https: a certificate for ${namesText(localNames(command))}, signed by ${authority}`);
}

/** Returns the names as a text that changes with them. */
export function namesText({ always, machine }: LocalNames): string {
  return [...always, ...machine].join(", ");
}
