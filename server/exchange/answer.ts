/**
 * What becomes of a handler's result before it is sent.
 * @module
 */
import type { ConnectionContext } from "../connection/context.ts";
import { bodyMemory, NoRoom } from "../http/body_memory.ts";
import { FileBody } from "../http/file_body.ts";
import { HttpError } from "../http/http_error.ts";
import type { HttpRequest } from "../http/request.ts";
import { HttpResponse } from "../http/response.ts";
import { REFUSED_RETRY_SECONDS } from "../limits.ts";
import { errorResponse } from "./error_response.ts";

/** The 503 response, which is shared so that it takes no memory. */
const NO_ROOM = errorResponse(503, [["Retry-After", String(REFUSED_RETRY_SECONDS)]]);

/**
 * Returns the response to `request` that may be sent now: `response`, a 503 if it might have to wait in memory and there is
 * no room for it, or an error if it cannot be sent (again).
 */
export function sendable(
  response: HttpResponse,
  request: HttpRequest,
  context: ConnectionContext,
): HttpResponse {
  try {
    const sent = bodyMemory.isFull && request.method !== "HEAD" ? ifThereIsRoom(response, context) : response;
    sent.take();
    return sent;
  } catch (error) { // its memory was transferred, its file is already used, or it only looks like a response
    return failureResponse(error, request, context);
  }
}

/** Returns `response`, or a 503 if it might have to wait in memory and there is no room for it. */
function ifThereIsRoom(response: HttpResponse, context: ConnectionContext): HttpResponse {
  const { bytes, tail } = HttpResponse.http1(response);
  if (tail instanceof FileBody) return response;
  const inMemory = tail === null ? bytes : tail instanceof Uint8Array ? tail : null;
  if (bodyMemory.hasRoomFor(inMemory)) return response;
  response.discard();
  context.onFull("too much waits in memory for clients to take it");
  return NO_ROOM;
}

/**
 * Reports an exception of a handler, unless it is the client's fault. Returns the response that describes it. With HTTP/1
 * the connection ends after an error of the server; with HTTP/2 other streams go on.
 */
export function failureResponse(
  error: unknown,
  request: HttpRequest,
  context: ConnectionContext,
): HttpResponse {
  const isClientError = error instanceof HttpError && error.status < 500;
  if (error instanceof NoRoom) context.onFull("too much is in memory of what clients send");
  else if (!isClientError) context.onHandlerError(error);
  const closes = !isClientError && request.protocol !== "HTTP/2";
  return errorResponse(error instanceof HttpError ? error.status : 500, [], closes);
}
