/**
 * The select(2) example: sends back in upper case what arrives, and closes on urgent data (an exceptional condition).
 * @module
 */
import type { CoroutineConnection } from "../server/coroutine/coroutine.ts";
import type { Peer, Session } from "../server/protocols/bytes/session.ts";

const LOWER_A = 0x61;
const LOWER_Z = 0x7a;
const CASE_BIT = 0x20;

/** Returns a copy in upper case. Only ASCII letters change: a receive may end in the middle of any other character. */
function toUpperCase(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte >= LOWER_A && byte <= LOWER_Z ? byte ^ CASE_BIT : byte);
}

/** Returns the session of a client, with callbacks. */
export function upper(peer: Peer): Session {
  return { closesOnUrgent: true, received: (bytes) => peer.write(toUpperCase(bytes)) };
}

/** Does the same as {@linkcode upper}, as a coroutine. */
export async function upperCoroutine(socket: CoroutineConnection): Promise<void> {
  socket.closesOnUrgent = true;
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    await socket.write(toUpperCase(bytes));
  }
}
