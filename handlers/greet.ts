/**
 * Answers whatever arrives with a greeting, and ends the connection: the poll(2) example.
 * @module
 */
import type { CoroutineConnection } from "../server/coroutine/coroutine.ts";
import { encodeUtf8 } from "../server/http/characters.ts";
import type { Peer, Session } from "../server/protocols/bytes/session.ts";

const GREETING = encodeUtf8("hello world");

/** By callbacks. */
export function greet(peer: Peer): Session {
  return { received: () => peer.end(GREETING) };
}

/** The same as a coroutine. */
export async function greetCoroutine(socket: CoroutineConnection): Promise<void> {
  if (await socket.read() !== null) await socket.write(GREETING);
}
