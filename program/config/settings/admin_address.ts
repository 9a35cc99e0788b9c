/**
 * The address of `--admin`.
 * @module
 */
import { type ListenAddress, readListenAddress } from "../../../server/listen/address.ts";
import { Expected } from "../../../server/usage_error.ts";

/** An address and a port. */
export type AdminAddress = Extract<ListenAddress, { kind: "tcp" }>;

/** The address where only a port is written: reachable from this machine only. */
const LOOPBACK = "127.0.0.1";
/** Where `--healthcheck` asks, if no address is set. */
export const DEFAULT_ADMIN: AdminAddress = { kind: "tcp", host: LOOPBACK, port: 9090 };

/** Completes "expected …". */
export const EXPECTED_ADMIN =
  "a port (of 127.0.0.1), or an address and a port such as 127.0.0.1:9090 or [::1]:9090";
/** The syntax, for editors. */
export const ADMIN_PATTERN = /^(?:(?:\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost|\*):)?\d{1,5}$/;

/** Reads `9090` (of 127.0.0.1), `10.0.0.5:9090`, `[::1]:9090`, `*:9090`. */
export function readAdminAddress(text: string): AdminAddress {
  if (!ADMIN_PATTERN.test(text)) throw new Expected(EXPECTED_ADMIN);
  const address = readListenAddress(/^\d+$/.test(text) ? `${LOOPBACK}:${text}` : text);
  if (address.kind !== "tcp") throw new Expected(EXPECTED_ADMIN);
  return address;
}

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "::1" || /^127\./.test(host);
}
