/**
 * Addresses that a user can type to reach a listening socket. A socket on all interfaces has no such address itself.
 * @module
 */
import { isIpv6Only } from "../../ffi/socket/inherited_socket.ts";
import { networkAddresses } from "../../ffi/socket/interfaces.ts";
import { formatAddress } from "../../ffi/socket/socket.ts";
import { ANNOUNCED_ADDRESSES_MAX } from "../../server/limits.ts";
import { EVERY_IP, EVERY_IPV4 } from "../../server/listen/address.ts";
import type { ListeningSocket } from "../../server/listen/open.ts";

/** Returns the IP families in which a socket listens on all interfaces: none for a socket on one address. */
export function wildcardFamilies({ fd, address: { address } }: ListeningSocket): readonly (4 | 6)[] {
  if (address === EVERY_IPV4) return [4];
  if (address !== EVERY_IP) return [];
  return isIpv6Only(fd) ? [6] : [4, 6];
}

/** Returns an address that a client on this machine can use. */
export function reachableHere(socket: ListeningSocket): string {
  const { address, port } = socket.address;
  const [family] = wildcardFamilies(socket);
  return formatAddress({ address: family === undefined ? address : LOOPBACK[family], port });
}

const LOOPBACK = { 4: "127.0.0.1", 6: "::1" } as const;

/** Returns the addresses that clients on other machines can use: none unless the socket listens on all interfaces. */
export function reachableElsewhere(socket: ListeningSocket): string[] {
  const families = wildcardFamilies(socket);
  if (families.length === 0) return [];
  const { port } = socket.address;
  const known = networkAddresses().filter((address) => families.includes(address.includes(":") ? 6 : 4));
  return known.slice(0, ANNOUNCED_ADDRESSES_MAX).map((address) => formatAddress({ address, port }));
}
