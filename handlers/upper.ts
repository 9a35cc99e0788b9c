/**
 * Sends back what arrives in upper case: the select(2) example, which also watches for exceptional conditions.
 * @module
 */
import type { CoroutineConnection } from "../server/coroutine/coroutine.ts";
import type { Peer, Session } from "../server/protocols/bytes/session.ts";

const LOWER_A = 0x61;
const LOWER_Z = 0x7a;
const CASE_BIT = 0x20;

/** A copy in upper case; ASCII only, so that no character is torn apart where the bytes are cut. */
function toUpperCase(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte >= LOWER_A && byte <= LOWER_Z ? byte ^ CASE_BIT : byte);
}

/** By callbacks. */
export function upper(peer: Peer): Session {
  return { closesOnUrgent: true, received: (bytes) => peer.write(toUpperCase(bytes)) };
}

/** The same as a coroutine. */
export async function upperCoroutine(socket: CoroutineConnection): Promise<void> {
  socket.closesOnUrgent = true;
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    await socket.write(toUpperCase(bytes));
  }
}
