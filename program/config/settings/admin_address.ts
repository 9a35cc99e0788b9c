/**
 * Where operators are served, as it is written.
 * @module
 */
import { type ListenAddress, readListenAddress } from "../../../server/listen/address.ts";
import { Expected } from "../../../server/usage_error.ts";

/** An address and a port. */
export type AdminAddress = Extract<ListenAddress, { kind: "tcp" }>;

/** Unless told otherwise, nobody but this machine asks. */
const LOOPBACK = "127.0.0.1";
/** Where `--healthcheck` asks, unless it is said where. */
export const DEFAULT_ADMIN: AdminAddress = { kind: "tcp", host: LOOPBACK, port: 9090 };

/** What is said of one that is none. */
export const EXPECTED_ADMIN =
  "a port (of 127.0.0.1), or an address and a port such as 127.0.0.1:9090 or [::1]:9090";
/** How it is written; for editors. */
export const ADMIN_PATTERN = /^(?:(?:\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost|\*):)?\d{1,5}$/;

/** Reads `9090` (of 127.0.0.1), `10.0.0.5:9090`, `[::1]:9090`, `*:9090`. */
export function readAdminAddress(text: string): AdminAddress {
  if (!ADMIN_PATTERN.test(text)) throw new Expected(EXPECTED_ADMIN);
  const address = readListenAddress(/^\d+$/.test(text) ? `${LOOPBACK}:${text}` : text);
  if (address.kind !== "tcp") throw new Expected(EXPECTED_ADMIN);
  return address;
}

/** True for an address that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "::1" || /^127\./.test(host);
}
