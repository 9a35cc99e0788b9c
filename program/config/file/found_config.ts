/**
 * What counts of a configuration file that was found in the working directory and not named (`--config`,
 * `EPOLLET_CONFIG`). The file may have come with a downloaded folder, so it decides only about the site at or below its
 * directory.
 *
 * This module looks at roots to report what is ignored. The site itself refuses to open a root elsewhere
 * (`isRootConfined`).
 * @module
 */
import { leadsOutOfWorkingDirectory } from "../../../ffi/file/path_walk.ts";
import type { FileChoices } from "../settings/settings.ts";
import type { SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import { printable, SHOWN_KEYS_MAX, UsageError } from "../../../server/usage_error.ts";

/** The root that counts more than that of the file, or where the file names none. */
export interface OtherRoot {
  /** The root of a flag or a variable; null where none names one. */
  readonly named: string | null;
  /** True if the site in the program is served where no root is named. */
  readonly isEmbedded: boolean;
}

/**
 * Returns the choices of a file that was found, without those about other directories, which are named in `ignored`.
 * @throws {UsageError} if a password would be among the ignored ones, since ignoring it would show more
 */
export function confineToSite(file: FileChoices, { named, isEmbedded }: OtherRoot): FileChoices {
  const ignored = [...file.ignored];
  const site: { -readonly [K in keyof SiteSettings]?: SiteSettings[K] } = { ...file.site };
  if (named === null && typeof site.root === "string" && leadsOutOfWorkingDirectory(site.root)) {
    delete site.root;
    ignored.push("root");
  }
  const isInProgram = named === null && site.root === undefined && isEmbedded; // the site, and its hosts
  const isOwn = !isInProgram && (named === null || !leadsOutOfWorkingDirectory(named));
  const hosts = new Map(file.hosts);
  for (const [name, { root, auth }] of hosts) {
    const isInside = typeof root === "string" ? !leadsOutOfWorkingDirectory(root) : isOwn;
    if (isInside && !isInProgram) continue;
    if (root === undefined && asksForPasswords(auth)) throw unprotected(file.path);
    hosts.delete(name);
    ignored.push(`hosts[${JSON.stringify(name)}]`);
  }
  if (isOwn) return { ...file, ignored, site, hosts };
  if (asksForPasswords(site.auth)) throw unprotected(file.path);
  ignored.push(...Object.keys(site).filter((key) => key !== "root"));
  return { ...file, ignored, site: {}, hosts };
}

function asksForPasswords(auth: SiteSettings["auth"] = []): boolean {
  return auth.length > 0;
}

/** Ignoring a password would open what it protects. */
function unprotected(path: string): UsageError {
  const which = `asks for passwords ("auth") for a site outside of its directory, and was not named`;
  return new UsageError(`${path} ${which}: name it by ${flagFor(path)}, or leave it out by --no-config`);
}

/** One line about keys that do not count. */
export function describeIgnored(path: string, keys: readonly string[]): string {
  const more = keys.length > SHOWN_KEYS_MAX ? ` and ${keys.length - SHOWN_KEYS_MAX} more` : "";
  const shown = printable(keys.slice(0, SHOWN_KEYS_MAX).join(", ")) + more;
  const why = "a file that is found and not named decides only about the site in its directory";
  return `Ignored in ${path}: ${shown} (${why}); to allow ${
    keys.length === 1 ? "it" : "them"
  }, name the file: ${flagFor(path)}`;
}

function flagFor(path: string): string {
  return `--config ${path.replace(/^\.\//, "")}`;
}
