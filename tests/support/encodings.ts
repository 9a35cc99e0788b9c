/**
 * Which form of a file a client is given.
 * @module
 */
import { exchange, get } from "./wire.ts";

export const ACCEPT = "Accept-Encoding: ";

/** What an answer is in a word or two: its coding, or its status. */
export async function codingOf(port: number, target: string, accepted: string | null): Promise<string> {
  const lines = accepted === null ? [] : [ACCEPT + accepted];
  const { status, fields } = await exchange(port, get(target, ...lines));
  return status === 200 ? fields["content-encoding"] ?? "identity" : String(status);
}
