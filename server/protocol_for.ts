/**
 * Who serves a client that was accepted.
 * @module
 */
import { ByteConnection } from "./protocols/bytes/bytes.ts";
import type { Service } from "./listen/connection_table.ts";
import { CoroutineConnection } from "./coroutine/coroutine.ts";
import { Interest } from "./loop/poller.ts";
import type { ServerOptions } from "./server_options.ts";

/** HTTP has its own way (null), since its idle connections are no objects. */
export function serviceOf(options: ServerOptions): Service | null {
  if ("handler" in options) return null;
  if ("protocol" in options) {
    const { protocol } = options;
    return (fd, host, keeper) => new ByteConnection(host, keeper, protocol).attach(fd, Interest.NONE);
  }
  const { coroutine } = options;
  return (fd, host, keeper) => CoroutineConnection.run(coroutine, fd, host, keeper);
}
