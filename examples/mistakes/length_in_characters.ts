/**
 * The mistake: `Content-Length` is the number of characters.
 *
 *     deno run --allow-ffi examples/mistakes/length_in_characters.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, encode, isMended, runUntilQuiet } from "./scene.ts";

const PAGE = "404: 请输入正确的url";
const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);

/** Wrong: a length of the text, before it is encoded. */
function responseOfText(): Uint8Array<ArrayBuffer> {
  return encode(`HTTP/1.1 404 Not Found\r\nContent-Length: ${PAGE.length}\r\n\r\n${PAGE}`);
}

/** Mended: encodes first, and counts the bytes that are sent. */
function responseOfBytes(): Uint8Array<ArrayBuffer> {
  const { length } = encode(PAGE);
  return encode(`HTTP/1.1 404 Not Found\r\nContent-Length: ${length}\r\n\r\n${PAGE}`);
}

function onEvent(fd: number): void {
  if (fd === listener) return epoll.register(accept(fd), EPOLLIN);
  if (recv(fd, buffer) <= 0) return void close(fd);
  const response = isMended ? responseOfBytes() : responseOfText();
  send(fd, response, response.length, false);
}

/** Cuts a response off `bytes` as every HTTP client does. Returns its first line, its body, and the rest. */
function readResponse(bytes: Uint8Array<ArrayBuffer>): { line: string; body: string; rest: typeof bytes } {
  const text = String.fromCharCode(...bytes); // a character for each byte
  const end = text.indexOf("\r\n\r\n") + 4;
  const length = Number(/Content-Length: (\d+)/.exec(text)?.[1]);
  const body = new TextDecoder().decode(bytes.subarray(end, end + length));
  const line = new TextDecoder().decode(bytes.subarray(0, text.indexOf("\r\n")));
  return { line, body, rest: bytes.slice(end + length) };
}

const client = new Client(localAddress(listener).port);
client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
runUntilQuiet(epoll, onEvent);
const first = readResponse(client.receive());
console.log(`first response:  ${first.line}\n                 ${first.body}`);

client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
runUntilQuiet(epoll, onEvent);
const second = readResponse(Uint8Array.from([...first.rest, ...client.receive()]));
console.log(`second response: ${second.line}\n                 ${second.body}`);
conclude(
  first.body === PAGE && second.body === PAGE,
  "both responses are complete",
  "the first body is cut off, and the second response begins with the rest of it",
);
