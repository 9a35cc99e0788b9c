/**
 * epollet as a library: a web server on epoll(7), and its parts.
 *
 * ```ts
 * import { Server, staticHandler } from "./mod.ts";
 *
 * const server = new Server({ port: 7890, handler: staticHandler({ root: "./html" }) });
 * await server.run();
 * ```
 * @module
 */
export { SystemError } from "./ffi/errno.ts";
export type { SocketAddress } from "./ffi/socket.ts";
export { type Validation } from "./handlers/file_cache.ts";
export { type StaticHandler, staticHandler, type StaticOptions } from "./handlers/static.ts";
export type { Handler, HandlerContext } from "./server/handler.ts";
export { HttpClock } from "./server/http/date.ts";
export { HttpRequest, type TargetForm } from "./server/http/request.ts";
export {
  type Body,
  errorResponse,
  type Fields,
  type FileBody,
  HttpResponse,
} from "./server/http/response.ts";
export { Interest, type Poller, type PollerName, Readiness, ReadyList } from "./server/poller.ts";
export { createPoller, POLLER_NAMES } from "./server/pollers/mod.ts";
export { type ErrorListener, Reactor } from "./server/reactor.ts";
export { Source } from "./server/source.ts";
export { Server, type ServerOptions } from "./server/server.ts";
