/**
 * The mistake: an event mask is compared as a whole.
 *
 *     deno run --allow-ffi examples/mistakes/event_equals_epollin.ts [mended]
 * @module
 */
import {
  accept,
  close,
  Epoll,
  EPOLLHUP,
  EPOLLIN,
  EPOLLRDHUP,
  listenTcp,
  localAddress,
  recv,
  send,
} from "../../mod.ts";
import { Client, conclude, isMended, runUntilQuiet } from "./scene.ts";

const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);
let unhandled = 0;

/** Wrong: EPOLLIN and EPOLLRDHUP in one event are neither the one nor the other. */
function handleByEquality(fd: number, events: number): void {
  if (events === EPOLLIN) receive(fd);
  else if (events === EPOLLRDHUP || events === EPOLLHUP) end(fd);
  else unhandled++;
}

/** Mended: each bit is a statement of its own. Bytes come before the end, and `recv` returns 0 at the end. */
function handleByBits(fd: number, events: number): void {
  if (events & EPOLLIN) receive(fd);
  else if (events & (EPOLLRDHUP | EPOLLHUP)) end(fd);
  else unhandled++;
}

function receive(fd: number): void {
  const count = recv(fd, buffer);
  if (count > 0) send(fd, buffer, count, false);
  else end(fd);
}

function end(fd: number): void {
  console.log("server: the client has ended");
  epoll.unregister(fd);
  close(fd);
}

const client = new Client(localAddress(listener).port);
client.send("hello");
client.endInput();
console.log('client: sent "hello", ended its input, waits for the echo');
runUntilQuiet(epoll, (fd, events) => {
  if (fd === listener) epoll.register(accept(fd), EPOLLIN | EPOLLRDHUP);
  else if (isMended) handleByBits(fd, events);
  else handleByEquality(fd, events);
  if (unhandled === 10_000) epoll.unregister(fd); // else the loop would turn for ever
});
const answer = client.receiveText();
console.log(`client: got ${JSON.stringify(answer)}`);
conclude(
  answer === "hello",
  "the client was answered",
  `the loop has turned ${unhandled} times for an event that it does not handle`,
);
