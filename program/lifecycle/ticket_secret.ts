/**
 * The secret of session tickets, as processes hand it on.
 * @module
 */
import { Buffer } from "node:buffer";
import { newTicketSecret, TICKET_SECRET_BYTES } from "../../server/transport/ticket_keys.ts";
import type { LaunchContext } from "./launch.ts";

/** Returns, in base64, the secret inherited from the process that this one replaces, or a new one. */
export function ticketSecretOf(launchContext: LaunchContext | null): string {
  const message = launchContext?.message;
  const inherited = message?.kind === "succession" ? message.ticketSecret : undefined;
  if (inherited !== undefined && decodeBase64(inherited).length === TICKET_SECRET_BYTES) return inherited;
  return Buffer.from(newTicketSecret()).toString("base64");
}

/** Returns the bytes of text in base64. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "base64"));
}
