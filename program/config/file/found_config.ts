/**
 * What counts of a configuration file that was found in the working directory and not named (`--config`,
 * `EPOLLET_CONFIG`): it may be another person's, in a folder that was downloaded. It decides about the site at or below
 * its directory and about nothing else; which keys are about a site, `schema.ts` says.
 *
 * What a root leads to is looked at here to say what is ignored. That nothing else is opened, the site's root sees to
 * when it opens it (`isRootConfined`).
 * @module
 */
import { leadsOutOfWorkingDirectory } from "../../../ffi/file/path_walk.ts";
import type { FileChoices } from "../settings/settings.ts";
import type { SiteSettings } from "../../../handlers/site/settings/site_settings.ts";
import { printable, SHOWN_KEYS_MAX, UsageError } from "../../../server/usage_error.ts";

/** The root that counts where the file names none, or more than what the file names. */
export interface OtherRoot {
  /** A flag or a variable names it; null: none does. */
  readonly named: string | null;
  /** Where nothing names a root, the site in the program is served. */
  readonly isEmbedded: boolean;
}

/**
 * The choices of a file that was found, without those about what is outside of its directory: these are named in
 * `ignored` then. @throws {UsageError} where a password would be among them, since without it more would be shown
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

/** What is said of keys that do not count, in one line. */
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
