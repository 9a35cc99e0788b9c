/**
 * Requests that are rejected: their client is over its request rate, or too much waits in memory.
 * @module
 */
import type { ConnectionContext } from "../../connection/context.ts";
import { bodyMemory } from "../../http/body_memory.ts";
import { errorResponse } from "../../exchange/error_response.ts";
import { FileBody } from "../../http/file_body.ts";
import type { HttpRequest } from "../../http/request.ts";
import { HttpResponse } from "../../http/response.ts";
import { REFUSED_RETRY_SECONDS } from "../../limits.ts";
import { networkOf } from "../../clients/ip_address.ts";

/** The 503 response, which is shared so that it takes no memory. */
const NO_ROOM = errorResponse(503, [["Retry-After", String(REFUSED_RETRY_SECONDS)]]);

/** Returns the seconds after which the client at `fd` may make `request`; 0 if it may now. */
export function waitSecondsOf(fd: number, request: HttpRequest, context: ConnectionContext): number {
  const { addressLimits, clientAddresses, reactor } = context;
  if (addressLimits === null || !addressLimits.countsRequests) return 0;
  const client = clientAddresses.forwardedFor(fd, request);
  return addressLimits.waitSeconds(fd, reactor.now, client === null ? null : networkOf(client));
}

/** Returns `response`, or a 503 if it might have to wait in memory and there is no room for it. */
export function ifThereIsRoom(response: HttpResponse, context: ConnectionContext): HttpResponse {
  const tail = HttpResponse.sentTail(response);
  const bytes = HttpResponse.sentBytes(response);
  if (tail instanceof FileBody) return response;
  const inMemory = tail === null ? bytes : tail instanceof Uint8Array ? tail : null;
  if (bodyMemory.hasRoomFor(inMemory)) return response;
  response.discard();
  context.onFull("too much waits in memory for clients to take it");
  return NO_ROOM;
}
