/**
 * A handler as a coroutine.
 * @module
 */
import type { Coroutine } from "./coroutine.ts";
import type { Handler } from "../connection/handler.ts";

/** A coroutine that does what the server does for a handler without one: for each request its response. */
export function requestCoroutine(handler: Handler): Coroutine {
  if (typeof handler !== "function") {
    throw new TypeError(`A handler must be a function, not ${typeof handler}`);
  }
  const coroutine: Coroutine = async (connection) => {
    const { context } = connection;
    for await (const request of connection.requests()) {
      await connection.respond(await handler(request, context));
    }
  };
  return Object.assign(coroutine, { speaksHttp: true });
}
