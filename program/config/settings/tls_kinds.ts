/**
 * The kinds of the settings about TLS.
 * @module
 */
import {
  EXPECTED_LISTEN_ADDRESS,
  formatListenAddress,
  PORT_MAX,
  readListenAddress,
  withoutTilde,
} from "../../../server/listen/address.ts";
import { Expected } from "../../../server/usage_error.ts";
import { type Kind, kindOf, orNone, written } from "./kinds.ts";
import { type AdminAddress, PORT } from "./program_kinds.ts";

const EXPECTED_FILE = "a file such as /etc/letsencrypt/live/example.org/fullchain.pem";

function readFile(text: string): string {
  if (text === "" || text.endsWith("/") || text.includes("\0")) throw new Expected(EXPECTED_FILE);
  return withoutTilde(text);
}

/** Paths of files with certificates or keys. */
export const FILES: Kind<readonly string[]> = kindOf<readonly string[]>({
  value: "FILE",
  example: "cert.pem",
  expected: EXPECTED_FILE,
  read: (text) => [readFile(text)],
  join: (values) => values.flat(),
  json: ["string", { items: { expected: EXPECTED_FILE, read: readFile }, empty: "at least one file" }],
  fromJson: (list: readonly string[]) => list.map(readFile),
  toJson: (files) => files.length === 0 ? null : files,
  mapPaths: (files, map) => files.map(map),
});

const CERTIFICATE = {
  expected: `${EXPECTED_FILE}, or a directory with a slash at its end`,
  read: (text: string) => text.endsWith("/") && !text.includes("\0") ? withoutTilde(text) : readFile(text),
};

/** Paths of files with certificates, and of directories that may have one. */
export const CERTIFICATES: Kind<readonly string[]> = {
  ...FILES,
  expected: CERTIFICATE.expected,
  read: (text) => [CERTIFICATE.read(text)],
  json: ["string", { items: CERTIFICATE, empty: "at least one file" }],
  fromJson: (list: readonly string[]) => list.map(CERTIFICATE.read),
  mapPaths: (files, map) =>
    files.map((file) => file.endsWith("/") ? `${map(file).replace(/\/+$/, "")}/` : map(file)),
};

/** The port of HTTPS beside HTTP; null for none. */
export const HTTPS_PORT: Kind<number | null> = orNone({ ...PORT, example: "8443" });

const HSTS_PATTERN = /^(\d{1,9})([smhdy])?$/;
const HSTS_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, y: 365 * 86_400 };
const HSTS_SECONDS = 2 * HSTS_UNITS["y"]!;

/** Seconds for which clients use nothing but HTTPS (RFC 6797 §6.1.1); null not to say so. */
export const HSTS: Kind<number | null> = {
  ...orNone(written<number>({
    value: "TIME",
    example: "30d",
    expected: "seconds, or a number with m, h, d or y, such as 30d",
    pattern: HSTS_PATTERN,
    parse: (text) => {
      const [, digits, unit = "s"] = HSTS_PATTERN.exec(text)!;
      const seconds = Number(digits) * HSTS_UNITS[unit]!;
      return seconds <= 0x7fff_ffff ? seconds : undefined;
    },
    format: (seconds) => `${seconds}s`,
    json: ["boolean", "string"],
    toJson: (seconds) => `${seconds}s`,
  })),
  bare: HSTS_SECONDS,
};

/** `80`, `0.0.0.0:80`, `[::]:80`; null for none. */
export const REDIRECT: Kind<AdminAddress | null> = orNone(written<AdminAddress>({
  value: "WHERE",
  example: "80",
  expected: EXPECTED_LISTEN_ADDRESS.replace(/ \(.*$/, ""),
  pattern: /^(?:(?:\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost|\*):)?\d{1,5}$/,
  parse: (text) => {
    const address = readListenAddress(text);
    return address.kind === "tcp" ? address : undefined;
  },
  format: formatListenAddress,
  json: [{ least: 0, most: PORT_MAX }, "string"],
  toJson: formatListenAddress,
}));
