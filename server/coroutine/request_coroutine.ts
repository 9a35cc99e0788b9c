/**
 * A handler as a coroutine.
 * @module
 */
import type { Coroutine } from "./coroutine.ts";
import type { Handler } from "../connection/handler.ts";
import type { RequestExchange } from "./request_exchange.ts";

/**
 * Returns a coroutine that calls `handler` for each request and sends its response. Requests of one HTTP/2 connection are
 * handled at the same time.
 * @throws {TypeError} when `handler` is not a function
 */
export function requestCoroutine(handler: Handler): Coroutine {
  if (typeof handler !== "function") {
    throw new TypeError(`A handler must be a function, not ${typeof handler}`);
  }
  const answer = async ({ request, context, respond }: RequestExchange) => {
    await respond(await handler(request, context));
  };
  const coroutine: Coroutine = async (connection) => {
    for await (const exchange of connection.requests()) {
      if (exchange.protocol === "HTTP/2") answer(exchange).catch(exchange.fail); // other streams go on
      else await exchange.respond(await handler(exchange.request, exchange.context));
    }
  };
  return Object.assign(coroutine, { speaksHttp: true, handler });
}
