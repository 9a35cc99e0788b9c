/**
 * The mistake: what goes wrong for one client ends the loop.
 *
 *     deno run --allow-ffi examples/mistakes/exception_ends_all.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, encode, isMended, runUntilQuiet } from "./scene.ts";

const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);

/** Answers with the decoded path. Throws a URIError for a `%` without two digits. */
function answer(fd: number, request: string): void {
  const path = decodeURIComponent(request.split(" ")[1]!);
  const line = encode(`this is ${path}`);
  send(fd, line, line.length, false);
}

/** Wrong: an exception leaves the loop. */
function onEvent(fd: number): void {
  if (fd === listener) return epoll.register(accept(fd), EPOLLIN);
  const count = recv(fd, buffer);
  if (count <= 0) return void close(fd);
  answer(fd, String.fromCharCode(...buffer.subarray(0, count)));
}

/** Mended: an exception ends the client for which it was thrown, and is reported. */
function onEventGuarded(fd: number): void {
  try {
    onEvent(fd);
  } catch (error) {
    console.log(`server: closes one client: ${error}`);
    if (fd !== listener) close(fd);
  }
}

const { port } = localAddress(listener);
const clients = ["/100%", "/a"].map((path) => {
  const client = new Client(port);
  client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  console.log(`a client asks for ${path}`);
  return client;
});
try {
  runUntilQuiet(epoll, isMended ? onEventGuarded : onEvent);
} catch (error) {
  console.log(`server: the loop has ended: ${error}`); // not caught, it would end the process
}
const answers = clients.map((client) => client.receiveText());
console.log(`the clients got: ${JSON.stringify(answers)}`);
conclude(
  answers[1] === "this is /a",
  "one bad request ended one connection",
  "one bad request ended the server for all clients",
);
