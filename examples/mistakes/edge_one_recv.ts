/**
 * The mistake: one `recv` for an edge.
 *
 *     deno run --allow-ffi examples/mistakes/edge_one_recv.ts [mended]
 * @module
 */
import { accept, Epoll, EPOLLET, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, encode, isMended, runUntilQuiet } from "./scene.ts";

const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(8); // small, so that a short request shows it
const ANSWER = encode("the page\n");
let request = "";

/** Wrong: what does not fit into the buffer stays in the socket, and is not reported again. */
function receiveOnce(fd: number): void {
  const count = recv(fd, buffer);
  if (count > 0) take(fd, count);
}

/** Mended: receives until `recv` returns −EAGAIN, that is, until the socket is empty. */
function receiveAll(fd: number): void {
  for (let count = recv(fd, buffer); count > 0; count = recv(fd, buffer)) take(fd, count);
}

/** Takes what was received, and answers when the request is complete. */
function take(fd: number, count: number): void {
  const text = new TextDecoder().decode(buffer.subarray(0, count));
  console.log(`server: received ${JSON.stringify(text)}`);
  request += text;
  if (request.endsWith("\n")) send(fd, ANSWER, ANSWER.length, false);
}

function onEvent(fd: number): void {
  if (fd === listener) epoll.register(accept(fd), EPOLLIN | EPOLLET);
  else if (isMended) receiveAll(fd);
  else receiveOnce(fd);
}

const client = new Client(localAddress(listener).port);
client.send("GET /a.html\n");
console.log('client: sent "GET /a.html\\n", waits for the answer');
runUntilQuiet(epoll, onEvent);
const answer = client.receiveText();
console.log(`client: got ${JSON.stringify(answer)}`);

if (answer === "") {
  client.send("\n");
  console.log('client: sends one more "\\n"');
  runUntilQuiet(epoll, onEvent);
  console.log(`client: got ${JSON.stringify(client.receiveText())}`);
}
conclude(
  answer !== "",
  "the request was answered when it was complete",
  "the request was complete, and was answered only after the client had sent something else",
);
