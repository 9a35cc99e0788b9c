/**
 * The service for accepted clients that the options ask for.
 * @module
 */
import { ByteConnection } from "./protocols/bytes/bytes.ts";
import type { Service } from "./listen/connection_table.ts";
import { CoroutineConnection } from "./coroutine/coroutine.ts";
import { Interest } from "./loop/poller.ts";
import type { ServerOptions } from "./server_options.ts";

/** Returns the service for a protocol or coroutine; null for HTTP, whose idle connections have no objects. */
export function serviceOf(options: ServerOptions): Service | null {
  if ("handler" in options) return null;
  if ("protocol" in options) {
    const { protocol } = options;
    return (fd, context, keeper) => new ByteConnection(context, keeper, protocol).attach(fd, Interest.NONE);
  }
  const { coroutine } = options;
  return (fd, context, keeper) => CoroutineConnection.run(coroutine, fd, context, keeper);
}
