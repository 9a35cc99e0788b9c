/**
 * Host names that cannot be used for DNS rebinding.
 *
 * In DNS rebinding, the host name of a hostile page resolves to this machine after the page was loaded. For the browser
 * the page and this server are then the same origin, so the page can read what the browser's user can read. Only the
 * Host field shows this. An IP address is not resolved, and a name without a dot, such as a container's, cannot be
 * registered.
 * @module
 */
import { isIpAddress } from "../../ffi/socket/socket.ts";

const AUTHORITY = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::\d*)?$/i;

/**
 * Returns true when `authority` (host and port) is an IP address, a name without dots, or below `.localhost`. Null, for
 * a request without Host, is trusted: browsers always send one.
 */
export function isTrustedHost(authority: string | null): boolean {
  if (authority === null) return true;
  const [, literal, name] = AUTHORITY.exec(authority) ?? [];
  if (literal !== undefined) return isIpAddress(literal);
  if (name === undefined) return false;
  return !name.includes(".") || isIpAddress(name) || /\.localhost\.?$/i.test(name);
}
