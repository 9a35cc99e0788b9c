/**
 * The service for accepted clients that the options ask for, and the handler.
 * @module
 */
import { Bytes } from "./protocols/bytes/bytes.ts";
import type { Handler } from "./connection/handler.ts";
import { HttpError } from "./http/http_error.ts";
import type { Service } from "./listen/connection_table.ts";
import { CoroutineConnection } from "./coroutine/coroutine.ts";
import type { ServerOptions } from "./server_options.ts";

/** Returns the service for a protocol or coroutine; null for HTTP, whose idle connections have no objects. */
export function serviceOf(options: ServerOptions): Service | null {
  if ("handler" in options) return null;
  if ("protocol" in options) {
    const { protocol } = options;
    return (connection) => new Bytes(connection, protocol).start();
  }
  const { coroutine } = options;
  return (connection) => CoroutineConnection.run(coroutine, connection);
}

/** Returns what answers requests for which there is no protocol or coroutine yet; 404 if the options have no handler. */
export function handlerOf(options: ServerOptions): Handler {
  if ("handler" in options) return options.handler;
  return ("coroutine" in options ? options.coroutine.handler : undefined) ?? notFound;
}

function notFound(): never {
  throw new HttpError(404, "Nothing is served here");
}
