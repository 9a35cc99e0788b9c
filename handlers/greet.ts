/**
 * The poll(2) example: answers the first bytes with a greeting, then closes the connection.
 * @module
 */
import type { CoroutineConnection } from "../server/coroutine/coroutine.ts";
import { encodeUtf8 } from "../server/http/characters.ts";
import type { Peer, Session } from "../server/protocols/bytes/session.ts";

const GREETING = encodeUtf8("hello world");

/** Returns the session of a client, with callbacks. */
export function greet(peer: Peer): Session {
  return { received: () => peer.end(GREETING) };
}

/** Does the same as {@linkcode greet}, as a coroutine. */
export async function greetCoroutine(socket: CoroutineConnection): Promise<void> {
  if (await socket.read() !== null) await socket.write(GREETING);
}
