/**
 * Whether a request means this machine by an address or a name that no stranger can give away.
 *
 * A page of anybody's can ask its own name, and have that name lead here a moment later (DNS rebinding): for the
 * browser both are one origin, and the page reads what the operator may read. Only the Host field tells. An address
 * cannot be led elsewhere, and a name without a dot, such as a container's, is none that strangers can register.
 * @module
 */
import { isIpAddress } from "../../ffi/socket/socket.ts";

const AUTHORITY = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::\d*)?$/i;

/** `authority` is host and port as the request says them; null: it says none, which no browser does. */
export function isTrustedHost(authority: string | null): boolean {
  if (authority === null) return true;
  const [, literal, name] = AUTHORITY.exec(authority) ?? [];
  if (literal !== undefined) return isIpAddress(literal);
  if (name === undefined) return false;
  return !name.includes(".") || isIpAddress(name) || /\.localhost\.?$/i.test(name);
}
