/**
 * Sends back what arrives: the epoll(7) example. What the client does not read is not asked of it either.
 * @module
 */
import type { CoroutineConnection } from "../server/coroutine/coroutine.ts";
import type { Peer, Session } from "../server/protocols/bytes/session.ts";

/** By callbacks. */
export function echo(peer: Peer): Session {
  return { received: (bytes) => peer.write(bytes) };
}

/** The same as a coroutine. */
export async function echoCoroutine(socket: CoroutineConnection): Promise<void> {
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    await socket.write(bytes);
  }
}
