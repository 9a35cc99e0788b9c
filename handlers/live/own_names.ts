/**
 * The names of this machine, by which a phone in the same network may reach a server in development.
 * @module
 */
import { hostName } from "../../ffi/socket/interfaces.ts";
import { isHostName } from "../site/settings/host_name.ts";

/** Returns this machine's name, if it has one, and its name in multicast DNS (RFC 6762 §3). */
export function ownNames(): string[] {
  const name = hostName().toLowerCase();
  return isHostName(name) && !name.includes("[") ? [name, `${name.split(".")[0]}.local`] : [];
}
