/**
 * The epoll(7) example: sends back what arrives. While the client does not read, nothing more is received from it.
 * @module
 */
import type { CoroutineConnection } from "../server/coroutine/coroutine.ts";
import type { Peer, Session } from "../server/protocols/bytes/session.ts";

/** Returns the session of a client, with callbacks. */
export function echo(peer: Peer): Session {
  return { received: (bytes) => peer.write(bytes) };
}

/** Does the same as {@linkcode echo}, as a coroutine. */
export async function echoCoroutine(socket: CoroutineConnection): Promise<void> {
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    await socket.write(bytes);
  }
}
