/**
 * Certificates by ACME at the start of a server: their directory, and the challenges that its listeners answer.
 * @module
 */
import { isOfContainer, makePrivateDirectory, mayWriteInto } from "../../ffi/file/private_file.ts";
import { giveDirectory } from "../../ffi/file/ownership.ts";
import { describeErrno, SystemError } from "../../ffi/libc/errno.ts";
import type { Account } from "../../ffi/process/privileges.ts";
import { UsageError } from "../../server/usage_error.ts";
import type { ChallengeType } from "../acme/problem.ts";
import { dueMs, factsFor, readState } from "../acme/saved_state.ts";
import { type AcmeSettings, acmeSettingsOf, authorityName, readExternalAccount } from "../acme/settings.ts";
import { dateOf } from "../acme/keeper.ts";
import { ACCOUNTS, CHALLENGES, Store } from "../acme/store.ts";
import { type ConfigPath, withPlace } from "../config/config_place.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { allAddresses } from "../listening/listen.ts";
import { currentAccount, describeAccount } from "../security/privileges.ts";
import { overlapOf } from "./key_directories.ts";
import { rootsOf } from "./sites.ts";

const PORTS: Readonly<Record<ChallengeType, number>> = { "http-01": 80, "tls-alpn-01": 443 };

/** Returns true if the program answers challenges, its own or those of another client: then workers serve, and a supervisor reads them. */
export function answersChallenges(command: CommandLine): boolean {
  return acmeSettingsOf(command) !== null || command.acmeTlsAlpn !== null;
}

/** Returns the settings of ACME; null without it. @throws {UsageError} for those that cannot be used together */
export function checkAcme(command: CommandLine): AcmeSettings | null {
  const refused = (path: ConfigPath, line: string) => new UsageError(withPlace(command, path, line));
  const settings = acmeSettingsOf(command);
  const secrets = [
    [settings?.dir, "acme.dir", "--acme-dir DIR"],
    [command.acmeTlsAlpn, "acme.tlsAlpn", "--acme-tls-alpn DIR"],
    [settings?.eab, "acme.eab", "--acme-eab FILE"],
  ] as const;
  for (const root of rootsOf(command)) {
    for (const [place, key, flag] of secrets) {
      const overlap = typeof place === "string" ? overlapOf(place, root) : null;
      if (overlap === null) continue;
      throw refused(
        [key],
        `${place} has keys, and ${overlap} the site ${root}: name another place by ${flag}`,
      );
    }
  }
  const others = ["acmeEmail", "acmeDirectory", "acmeCa", "acmeEab", "acmeProfile"] as const;
  if (settings === null) {
    const useless = others.find((key) => command[key] !== null);
    if (useless === undefined && !command.acmeStaging) return null;
    throw new UsageError(`${flagOf(useless ?? "acmeStaging")} needs names: --acme NAME`);
  }
  if (command.https) {
    throw refused(
      ["acme.names"],
      "--https is for development, and --acme for the open web: give one of them",
    );
  }
  if (settings.eab !== null) readExternalAccount(settings.eab);
  if (challengeTypesOf(command).length === 0) {
    throw refused(
      ["acme.names"],
      "--acme needs a listener that the authority can reach: port 443, or --redirect-http 80",
    );
  }
  return settings;
}

function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Returns the challenges that the listeners answer: first those on the port that authorities use, then HTTP. */
export function challengeTypesOf(command: CommandLine): ChallengeType[] {
  const isHttp = command.handler === "static";
  const found = new Map<ChallengeType, boolean>();
  for (const address of allAddresses(command, true)) {
    if (address.kind !== "tcp") continue;
    const scheme = address.scheme ?? (command.httpsPort === null ? "https" : "http");
    const type = scheme === "https" ? "tls-alpn-01" : "http-01";
    if (type === "http-01" && !isHttp) continue;
    found.set(type, found.get(type) === true || address.port === PORTS[type]);
  }
  const all = (["http-01", "tls-alpn-01"] as const).filter((type) => found.has(type));
  return [...all.filter((type) => found.get(type)), ...all.filter((type) => !found.get(type))];
}

/**
 * Makes the directory, and gives it to the user that the program becomes; null for the present one.
 * @throws {UsageError} for a directory that does not last, or cannot be made
 */
export function prepareDirectory(command: CommandLine, { dir }: AcmeSettings, account: Account | null): void {
  try {
    const made = makePrivateDirectory(dir);
    if (isOfContainer(dir)) {
      throw new UsageError(
        withPlace(
          command,
          ["acme.dir"],
          `${dir} is in the container's own file system, and would be lost with it; authorities limit how often they issue: mount a volume there, or name one by --acme-dir DIR`,
        ),
      );
    }
    new Store(dir).make();
    const folders = [ACCOUNTS, CHALLENGES].map((folder) => `${dir}/${folder}`);
    // The files may be root's, from the command `certificate`.
    if (account !== null) new Set([...made, dir, ...folders]).forEach((path) => giveDirectory(path, account));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new UsageError(
      withPlace(command, ["acme.dir"], `${error.message}: name another directory by --acme-dir DIR`),
    );
  }
}

/** Checks that this process may write into the directory. @throws {UsageError} */
export function checkWritable(command: CommandLine, { dir }: AcmeSettings): void {
  const status = mayWriteInto(dir);
  if (status >= 0) return;
  const line = `Cannot write into ${dir} as user ${describeAccount(currentAccount())}: ${
    describeErrno(-status)
  }`;
  throw new UsageError(withPlace(command, ["acme.dir"], `${line}: name another directory by --acme-dir DIR`));
}

/** Returns a line for each name: what would be asked for, and when. */
export function describeAcme(command: CommandLine): string[] {
  const settings = checkAcme(command);
  if (settings === null) return [];
  const { names, dir, directory, profile } = settings;
  const store = new Store(dir);
  const types = challengeTypesOf(command).join(", then ");
  const kind = profile === null ? "" : ` of the profile ${profile}`;
  return names.map((name) => {
    const pem = store.readCertificate(name);
    const facts = factsFor(name, pem);
    const due = dueMs(facts, readState(store, name), settings);
    const when = facts !== null && due !== null && due > Date.now()
      ? `from ${dateOf(due)} on`
      : "at the start";
    const until = facts === null ? "no certificate yet" : `valid until ${dateOf(facts.notAfterMs)}`;
    return `${name}: ${until}; ${when}, a certificate${kind} is asked for at ${
      authorityName({ directory })
    }, by ${types}; it is kept in ${dir}`;
  });
}
