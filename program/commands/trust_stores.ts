/**
 * Where browsers and the system keep the authorities that they trust.
 *
 * Source: update-ca-certificates(8), update-ca-trust(8), trust(1); Chromium's docs/linux/cert_management.md; Mozilla's
 * "Profiles: where Firefox stores your bookmarks".
 * @module
 */
import { exists, isDirectory, namesIn } from "../../ffi/file/private_file.ts";
import { environmentVariable } from "../../ffi/process/process.ts";

/** A store of the system. */
export interface SystemStore {
  /** The directory for authorities that an administrator adds. */
  readonly directory: string;
  /** How names of files there end. */
  readonly suffix: string;
  /** The command that makes programs see what has been added. */
  readonly update: readonly [string, ...string[]];
  /** The same after something was removed. */
  readonly remove: readonly [string, ...string[]];
}

const DEBIAN = ["update-ca-certificates"] as const;
const FEDORA = ["update-ca-trust", "extract"] as const;
const ARCH = ["trust", "extract-compat"] as const;

/** The stores of Debian and Ubuntu, of Fedora and its kin, of Arch, and of openSUSE. */
const SYSTEM_STORES: readonly SystemStore[] = [
  { directory: "/etc/pki/ca-trust/source/anchors", suffix: ".pem", update: FEDORA, remove: FEDORA },
  {
    directory: "/usr/local/share/ca-certificates",
    suffix: ".crt",
    update: DEBIAN,
    remove: ["update-ca-certificates", "--fresh"],
  },
  { directory: "/etc/ca-certificates/trust-source/anchors", suffix: ".crt", update: ARCH, remove: ARCH },
  { directory: "/usr/share/pki/trust/anchors", suffix: ".pem", update: DEBIAN, remove: DEBIAN },
];

/** Returns the store of this system; null if none is known. */
export function systemStore(): SystemStore | null {
  return SYSTEM_STORES.find(({ directory }) => isDirectory(directory)) ?? null;
}

/** A database of NSS, in which a browser keeps what its user trusts. */
export interface BrowserStore {
  readonly browser: "Chromium" | "Firefox";
  readonly directory: string;
  /** False for one that is still to be made. */
  readonly exists: boolean;
}

/** The directories of Firefox's profiles, below the home directory. */
const FIREFOX = [
  ".mozilla/firefox",
  ".config/mozilla/firefox",
  "snap/firefox/common/.mozilla/firefox",
  ".var/app/org.mozilla.firefox/.mozilla/firefox",
] as const;
/** The other databases of Chromium and Chrome. */
const CHROMIUM = ["snap/chromium/current/.pki/nssdb", ".local/share/pki/nssdb"] as const;

/** Returns the databases of this user's browsers. That of Chromium is among them before Chromium has made it. */
export function browserStores(): BrowserStore[] {
  const home = (environmentVariable("HOME") ?? "").replace(/\/+$/, "");
  if (!home.startsWith("/")) return [];
  const hasDatabase = (directory: string) => exists(`${directory}/cert9.db`);
  const usual = `${home}/.pki/nssdb`;
  const chromium = [usual, ...CHROMIUM.map((path) => `${home}/${path}`)]
    .map((directory) => ({ browser: "Chromium", directory, exists: hasDatabase(directory) } as const))
    .filter(({ directory, exists }) => exists || directory === usual);
  const firefox = FIREFOX.flatMap((path) =>
    namesIn(`${home}/${path}`).map((name) => `${home}/${path}/${name}`)
  )
    .filter(hasDatabase)
    .map((directory) => ({ browser: "Firefox", directory, exists: true } as const));
  return [...chromium, ...firefox];
}
