/**
 * The mistake: a long body is sent with one `send`.
 *
 *     deno run --allow-ffi examples/mistakes/body_one_send.ts [mended]
 * @module
 */
import { accept, close, EAGAIN, Epoll, EPOLLIN, EPOLLOUT, listenTcp, localAddress, send } from "../../mod.ts";
import { Client, conclude, isMended, runUntilQuiet } from "./scene.ts";

const BODY = new Uint8Array(20_000_000);
/** Server and client take short turns, because the client makes room only when it receives. */
const TURN_MS = 5;
const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
let offset = 0;

/** Wrong: `send` takes as many bytes as the socket has room for, and returns their number. */
function sendOnce(fd: number): void {
  send(fd, BODY, BODY.length, false);
  close(fd);
}

/** Mended: keeps its place, waits until the socket is writable, and sends on. */
function sendOn(fd: number): void {
  while (offset < BODY.length) {
    const rest = BODY.subarray(offset);
    const sent = send(fd, rest, rest.length, false);
    if (sent === -EAGAIN) return; // EPOLLOUT will be reported when there is room
    if (sent < 0) break; // the client is gone
    offset += sent;
  }
  close(fd);
}

function onEvent(fd: number): void {
  if (fd === listener) epoll.register(accept(fd), EPOLLOUT);
  else if (isMended) sendOn(fd);
  else sendOnce(fd);
}

const client = new Client(localAddress(listener).port);
let received = 0;
while (!client.isEnded) {
  runUntilQuiet(epoll, onEvent, TURN_MS);
  received += client.receive(TURN_MS).length;
}
console.log(`the body has ${BODY.length} bytes`);
console.log(received < BODY.length ? "the client got only a part of them" : "the client got all of them");
conclude(received === BODY.length, "the body is complete", "the body is cut off");
