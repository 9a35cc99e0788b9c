/**
 * A handler as a coroutine.
 * @module
 */
import type { Coroutine } from "./coroutine.ts";
import type { Handler } from "../connection/handler.ts";

/**
 * Returns a coroutine that calls `handler` for each request and sends its response.
 * @throws {TypeError} when `handler` is not a function
 */
export function requestCoroutine(handler: Handler): Coroutine {
  if (typeof handler !== "function") {
    throw new TypeError(`A handler must be a function, not ${typeof handler}`);
  }
  const coroutine: Coroutine = async (connection) => {
    const { context } = connection;
    for await (const exchange of connection.requests()) {
      await exchange.respond(await handler(exchange.request, context));
    }
  };
  return Object.assign(coroutine, { speaksHttp: true, handler });
}
