/**
 * Requests that are rejected because their client is over its request rate.
 * @module
 */
import type { ConnectionContext } from "../connection/context.ts";
import type { HttpRequest } from "../http/request.ts";
import { networkOf } from "../clients/ip_address.ts";

/** Returns the seconds after which the client at `fd` may make `request`; 0 if it may now. */
export function waitSecondsOf(fd: number, request: HttpRequest, context: ConnectionContext): number {
  const { addressLimits, clientAddresses, reactor } = context;
  if (addressLimits === null || !addressLimits.countsRequests) return 0;
  const client = clientAddresses.forwardedFor(fd, request);
  return addressLimits.waitSeconds(fd, reactor.now, client === null ? null : networkOf(client));
}
