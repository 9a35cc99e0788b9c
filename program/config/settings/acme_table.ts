/**
 * The settings about certificates by ACME.
 * @module
 */
import { ACME_NAMES, DIRECTORY, DIRECTORY_URL, EMAIL, FILE, PROFILE } from "./acme_kinds.ts";
import { SWITCH } from "./kinds.ts";
import { entry } from "./setting.ts";

/** An entry for each. */
export const ACME_ENTRIES = {
  acme: entry({
    key: "acme.names",
    flag: "acme",
    kind: ACME_NAMES,
    default: [],
    fixed: "always",
    help: "get and renew certificates for these names, separated by commas, and serve HTTPS",
    description:
      "Names for which certificates are got and renewed, one for each. With them the program accepts the authority's terms.",
  }),
  acmeEmail: entry({
    key: "acme.email",
    kind: EMAIL,
    default: null,
    fixed: "always",
    help: "where the authority may write to",
  }),
  acmeDirectory: entry({
    key: "acme.directory",
    kind: DIRECTORY_URL,
    default: null,
    otherwise: "Let's Encrypt",
    fixed: "always",
    help: "the authority",
    description: "The URL of the authority's directory; without it, Let's Encrypt.",
  }),
  acmeStaging: entry({
    key: "acme.staging",
    kind: SWITCH,
    default: false,
    fixed: "always",
    help: "use the test service of Let's Encrypt, whose certificates no browser trusts",
  }),
  acmeDir: entry({
    key: "acme.dir",
    kind: DIRECTORY,
    default: null,
    otherwise: "/var/lib/epollet/acme",
    fixed: "always",
    help: "directory for keys, certificates and accounts",
    description:
      "A directory that lasts, for keys, certificates and accounts, relative to that of this file. It must not be in a site.",
  }),
  acmeCa: entry({
    key: "acme.ca",
    kind: FILE,
    default: null,
    fixed: "always",
    help: "root certificate of a private authority (PEM)",
  }),
  acmeEab: entry({
    key: "acme.eab",
    kind: FILE,
    default: null,
    fixed: "always",
    help: "file with key identifier and HMAC key, for authorities that want external account binding",
  }),
  acmeProfile: entry({
    key: "acme.profile",
    kind: PROFILE,
    default: null,
    fixed: "always",
    help: "kind of certificate, where the authority has several",
  }),
  acmeTlsAlpn: entry({
    key: "acme.tlsAlpn",
    kind: DIRECTORY,
    default: null,
    fixed: "always",
    help: "answer TLS-ALPN challenges of another client by the files that it writes here",
    description:
      "A directory in which another client of ACME writes NAME.pem, or NAME.crt.pem and NAME.key.pem, to answer TLS-ALPN challenges.",
  }),
};
