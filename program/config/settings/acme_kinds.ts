/**
 * The kinds of the settings about ACME.
 * @module
 */
import { withoutTilde } from "../../../server/listen/address.ts";
import { readCertificateName } from "../../../server/certificate_name.ts";
import { UsageError } from "../../../server/usage_error.ts";
import { type Kind, kindOf, orNone, written } from "./kinds.ts";

const EXPECTED_NAMES = "names separated by commas, such as example.org,www.example.org";
const NAMES_MAX = 100;

/** Names for certificates. */
export const ACME_NAMES: Kind<readonly string[]> = kindOf<readonly string[]>({
  value: "NAMES",
  example: "example.org,www.example.org",
  expected: EXPECTED_NAMES,
  read: (text) => text.split(",").map(readCertificateName),
  none: [],
  join: (values, label) => {
    const names = [...new Set(values.flat())];
    if (names.length > NAMES_MAX) throw new UsageError(`Bad ${label}: expected at most ${NAMES_MAX} names`);
    return names;
  },
  format: (names) => names.join(", "),
  json: ["string", {
    items: { expected: EXPECTED_NAMES, read: readCertificateName },
    empty: "at least one name",
  }],
  fromJson: (list: readonly string[]) => [...new Set(list.map(readCertificateName))],
  toJson: (names) => names.length === 0 ? null : names,
});

/** An address of e-mail. */
export const EMAIL: Kind<string | null> = orNone(written<string>({
  value: "EMAIL",
  example: "you@example.org",
  expected: "an address such as you@example.org",
  pattern: /^[^\s@:?&<>,;"]+@[^\s@:?&<>,;"]+$/,
  parse: (text) => text,
}));

/** The URL of an authority's directory. */
export const DIRECTORY_URL: Kind<string | null> = orNone(written<string>({
  value: "URL",
  example: "https://acme.example.org/directory",
  expected: "the URL of a directory, such as https://acme.example.org/directory",
  pattern: /^https:\/\/[^\s@]+$/i,
  parse: (text) => URL.canParse(text) ? new URL(text).href : undefined,
}));

/** The path of a directory. */
export const DIRECTORY: Kind<string | null> = orNone(written<string>({
  value: "DIR",
  example: "/srv/acme",
  expected: "a directory such as /var/lib/epollet/acme",
  pattern: /^(?!\/+$)[^\0]+$/,
  parse: (text) => withoutTilde(text).replace(/\/+$/, ""),
  mapPaths: (path, map) => map(path),
}));

/** The path of a file. */
export const FILE: Kind<string | null> = orNone(written<string>({
  value: "FILE",
  example: "ca.pem",
  expected: "a file",
  pattern: /^[^\0]*[^\0/]$/,
  parse: withoutTilde,
  mapPaths: (path, map) => map(path),
}));

/** The name of a kind of certificate. */
export const PROFILE: Kind<string | null> = orNone(written<string>({
  value: "PROFILE",
  example: "shortlived",
  expected: "a name without spaces, such as shortlived",
  pattern: /^[A-Za-z0-9._-]{1,64}$/,
  parse: (text) => text,
}));
