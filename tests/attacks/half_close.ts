/**
 * Clients that send a request and end their half at once, and still want the whole response.
 * @module
 */
import { Buffer } from "node:buffer";
import { RawClient } from "../support/raw_client.ts";

const decoder = new TextDecoder();

/** Returns true when such a client gets all of `expected`, byte for byte, for `path`. */
export async function halfClosed(port: number, path: string, expected: Uint8Array): Promise<boolean> {
  using client = await RawClient.connect(port);
  await client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  client.endInput();
  const answer = new Uint8Array(expected.length + 4096);
  const bytes = answer.subarray(0, await client.receive(answer));
  const head = bytes.length - expected.length;
  if (head < 4 || !decoder.decode(bytes.subarray(0, head)).endsWith("\r\n\r\n")) return false;
  // A fast comparison: meanwhile another such client does not read, and would count as gone.
  return Buffer.compare(bytes.subarray(head), expected) === 0;
}
