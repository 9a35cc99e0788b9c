/**
 * The settings of ACME as the companion and the command `certificate` use them.
 * @module
 */
import { readTextFile } from "../../ffi/file/text_file.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import { environmentVariable } from "../../ffi/process/process.ts";
import { currentIds } from "../../ffi/process/privileges.ts";
import { UsageError } from "../../server/usage_error.ts";

import type { ExternalAccount } from "./jws.ts";
import { STATE_BYTES_MAX } from "./limits.ts";

const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";
const STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory";

/** What is asked for, of whom, and where the results are. */
export interface AcmeSettings {
  readonly names: readonly string[];
  readonly email: string | null;
  /** The URL of the authority's directory. */
  readonly directory: string;
  /** The directory for certificates, keys and accounts. */
  readonly dir: string;
  /** The file with the root of a private authority; null for the authorities of the system. */
  readonly ca: string | null;
  /** The file with the credentials for external account binding; null for none. */
  readonly eab: string | null;
  readonly profile: string | null;
}

/** The settings as they are in flags, the environment and the file. */
export interface AcmeChoices {
  readonly acme: readonly string[];
  readonly acmeEmail: string | null;
  readonly acmeDirectory: string | null;
  readonly acmeDir: string | null;
  readonly acmeCa: string | null;
  readonly acmeEab: string | null;
  readonly acmeProfile: string | null;
  readonly acmeStaging: boolean;
}

/** Returns the settings; null if no names are chosen. @throws {UsageError} */
export function acmeSettingsOf(choices: AcmeChoices): AcmeSettings | null {
  const { acme, acmeEmail, acmeDirectory, acmeDir, acmeCa, acmeEab, acmeProfile, acmeStaging } = choices;
  if (acme.length === 0) return null;
  if (acmeStaging && acmeDirectory !== null) {
    throw new UsageError(
      "--acme-staging is the test service of Let's Encrypt, and --acme-directory names another authority: give one of them",
    );
  }
  return {
    names: acme,
    email: acmeEmail,
    directory: acmeDirectory ?? (acmeStaging ? STAGING : LETS_ENCRYPT),
    dir: acmeDir ?? defaultDirectory(),
    ca: acmeCa,
    eab: acmeEab,
    profile: acmeProfile,
  };
}

/** Returns the directory if none is chosen: that of the service, that of root, or that of the user. @throws {UsageError} */
export function defaultDirectory(): string {
  const state = environmentVariable("STATE_DIRECTORY")?.split(":")[0];
  if (state !== undefined && state !== "") return `${state}/acme`;
  if (currentIds().uids[1] === 0) return "/var/lib/epollet/acme";
  const data = environmentVariable("XDG_DATA_HOME");
  const home = environmentVariable("HOME");
  if (data?.startsWith("/") === true) return `${data}/epollet/acme`;
  if (home?.startsWith("/") === true) return `${home}/.local/share/epollet/acme`;
  throw new UsageError(
    "There is no place for certificates, since HOME is not set: name a directory by --acme-dir DIR",
  );
}

/** Reads the credentials of an account of the authority's own: its identifier and its key, with space between. @throws {UsageError} */
export function readExternalAccount(file: string): ExternalAccount {
  let text: string;
  try {
    text = readTextFile(file, STATE_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new UsageError(`Bad --acme-eab: ${error.message}`);
  }
  const [keyId, macKey, ...others] = text.trim().split(/\s+/);
  const isKey = macKey !== undefined && /^[A-Za-z0-9_-]{16,}=*$/.test(macKey);
  if (keyId === undefined || !isKey || others.length > 0) {
    throw new UsageError(
      `${file} has no credentials: expected the key identifier and the HMAC key (base64url) that the authority shows, with a space or a line end between`,
    );
  }
  return { keyId, macKey: macKey.replace(/=+$/, "") };
}

/** Returns a short name of an authority, for messages and metrics: its host. */
export function authorityName({ directory }: Pick<AcmeSettings, "directory">): string {
  return new URL(directory).host;
}
