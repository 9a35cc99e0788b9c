/**
 * Requests that are malformed, or have no end.
 * @module
 */
import type { Behaviour } from "../support/attackers.ts";

/** Bytes that a client sends, and the allowed statuses; 0 means no response. */
export interface Garbage {
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly statuses: readonly number[];
}

const FILL = "a".repeat(1 << 16);
const HEAD = "GET / HTTP/1.1\r\nHost: x\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n";

/** Returns the garbage. `bytes` is random, and as long as the endless kinds are to be. */
export function garbage(bytes: Uint8Array): readonly Garbage[] {
  const endless = (first: string, drip: string | Uint8Array): Behaviour => ({
    ...(first === "" ? {} : { send: first }),
    drip,
    step: 0,
    read: -1,
  });
  const once = (send: string | Uint8Array): Behaviour => ({ send, read: -1 });
  return [
    { name: "random bytes", behaviour: endless("", bytes), statuses: [400, 414, 431, 501] },
    {
      name: "a TLS hello",
      behaviour: once(Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...bytes.subarray(0, 506)])),
      statuses: [400, 501],
    },
    {
      name: "half an HTTP/2 preface",
      behaviour: once("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
      statuses: [0, 400, 505],
    },
    { name: "zeros", behaviour: endless("", new Uint8Array(1 << 16)), statuses: [400, 501] },
    { name: "a line feed without an end", behaviour: endless("", "\n".repeat(1 << 16)), statuses: [400] },
    { name: "an endless method", behaviour: endless("", FILL), statuses: [400, 501] },
    { name: "an endless target", behaviour: endless("GET /", FILL), statuses: [414] },
    { name: "an endless field name", behaviour: endless(HEAD, FILL), statuses: [431] },
    { name: "an endless field", behaviour: endless(`${HEAD}A: `, FILL), statuses: [431] },
    { name: "fields without an end", behaviour: endless(HEAD, "A: b\r\n".repeat(10_000)), statuses: [431] },
    {
      name: "a chunk size without an end",
      behaviour: endless(`${CHUNKED}\r\n`, "0".repeat(1 << 16)),
      statuses: [400],
    },
    {
      name: "a chunk extension without an end",
      behaviour: endless(`${CHUNKED}\r\n1;`, FILL),
      statuses: [400],
    },
    {
      name: "chunk extensions without an end",
      behaviour: endless(`${CHUNKED}\r\n`, "1;a=b\r\na\r\n".repeat(6000)),
      statuses: [400],
    },
    {
      name: "trailers without an end",
      behaviour: endless(`${CHUNKED}\r\n0\r\n`, "A: b\r\n".repeat(10_000)),
      statuses: [431],
    },
    {
      name: "a chunk that is too large",
      behaviour: endless(`${CHUNKED}\r\nffffffffff\r\n`, FILL),
      statuses: [413],
    },
    {
      name: "chunks without an end",
      behaviour: endless(`${CHUNKED}\r\n`, `1000\r\n${"a".repeat(4096)}\r\n`.repeat(16)),
      statuses: [413],
    },
    {
      name: "a body that is too large",
      behaviour: endless("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", FILL),
      statuses: [413],
    },
    {
      name: "the same, that waits to be asked for",
      behaviour: once(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n",
      ),
      statuses: [413],
    },
    {
      name: "empty lines without an end",
      behaviour: endless("", "\r\n".repeat(1 << 15)),
      statuses: [0, 400],
    },
  ];
}
