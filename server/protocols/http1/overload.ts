/**
 * Requests that are not answered as they could be: their clients ask too often, or too much waits in memory already.
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

/** One for all: it takes no memory. */
const NO_ROOM = errorResponse(503, [["Retry-After", String(REFUSED_RETRY_SECONDS)]]);

/** Seconds after which the client at `fd` may ask what it asks with `request`; 0: now. */
export function waitSecondsOf(fd: number, request: HttpRequest, host: ConnectionContext): number {
  const { addressLimits, clientAddresses, reactor } = host;
  if (addressLimits === null || !addressLimits.countsRequests) return 0;
  const client = clientAddresses.forwardedFor(fd, request);
  return addressLimits.waitSeconds(fd, reactor.now, client === null ? null : networkOf(client));
}

/** `response`; 503 in its place where others hold so much in memory that it could not wait there, too. */
export function ifThereIsRoom(response: HttpResponse, host: ConnectionContext): HttpResponse {
  const tail = HttpResponse.sentTail(response);
  const bytes = HttpResponse.sentBytes(response);
  if (tail instanceof FileBody) return response;
  const inMemory = tail === null ? bytes : tail instanceof Uint8Array ? tail : null;
  if (bodyMemory.hasRoomFor(inMemory)) return response;
  response.discard();
  host.onFull("too much waits in memory for clients to take it");
  return NO_ROOM;
}
