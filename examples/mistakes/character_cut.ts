/**
 * The mistake: the bytes of each `recv` are decoded by themselves.
 *
 *     deno run --allow-ffi examples/mistakes/character_cut.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, listenTcp, localAddress, recv } from "../../mod.ts";
import { Client, conclude, encode, isMended, runUntilQuiet } from "./scene.ts";

const TEXT = "你好，世界";
const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);
const decoders = new Map<number, TextDecoder>();
let received = "";

/** Wrong: at the end of the bytes a character may be cut, and both of its halves are replaced by U+FFFD. */
function decodeEach(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Mended: the client has a decoder, which keeps the half of a character until the other half comes. */
function decodeStream(fd: number, bytes: Uint8Array): string {
  return decoders.get(fd)!.decode(bytes, { stream: true });
}

function onEvent(fd: number): void {
  if (fd === listener) {
    const client = accept(listener);
    decoders.set(client, new TextDecoder());
    return epoll.register(client, EPOLLIN);
  }
  const count = recv(fd, buffer);
  if (count <= 0) return void close(fd);
  const bytes = buffer.subarray(0, count);
  const text = isMended ? decodeStream(fd, bytes) : decodeEach(bytes);
  console.log(`server: received ${count} bytes: ${text}`);
  received += text;
}

const client = new Client(localAddress(listener).port);
const bytes = encode(TEXT);
console.log(`client: sends ${TEXT}, ${bytes.length} bytes, in two pieces`);
client.send(bytes.slice(0, 7));
runUntilQuiet(epoll, onEvent);
client.send(bytes.slice(7));
runUntilQuiet(epoll, onEvent);
conclude(received === TEXT, `the text is ${received}`, `the text is ${received}`);
