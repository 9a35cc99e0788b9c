/**
 * Tells which form of a file a client gets.
 * @module
 */
import { exchange, get } from "./wire.ts";

export const ACCEPT = "Accept-Encoding: ";

/** Returns the coding of a response, or its status. */
export async function codingOf(port: number, target: string, accepted: string | null): Promise<string> {
  const lines = accepted === null ? [] : [ACCEPT + accepted];
  const { status, fields } = await exchange(port, get(target, ...lines));
  return status === 200 ? fields["content-encoding"] ?? "identity" : String(status);
}
