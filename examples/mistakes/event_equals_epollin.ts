/**
 * The mistake: an event mask is compared as a whole.
 *
 *     deno run --allow-ffi examples/mistakes/event_equals_epollin.ts [mended]
 * @module
 */
import * as lib from "../../mod.ts";
import { Client, conclude, isMended, runUntilQuiet } from "./scene.ts";

const { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLRDHUP } = lib;
const NAMES = Object.entries({ EPOLLIN, EPOLLRDHUP, EPOLLHUP, EPOLLERR });
const listener = lib.listenTcp("127.0.0.1", 0, 128);
const epoll = new lib.Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);
let ignored = 0;

/** Wrong: EPOLLIN and EPOLLRDHUP in one event are neither the one nor the other. */
function handleByEquality(fd: number, events: number): void {
  if (events === EPOLLIN) receive(fd);
  else if (events === EPOLLRDHUP || events === EPOLLHUP) end(fd);
  else ignore(fd, events);
}

/** Mended: looks at each bit. Bytes come before the end, and `recv` returns 0 at the end. */
function handleByBits(fd: number, events: number): void {
  if (events & EPOLLIN) receive(fd);
  else if (events & (EPOLLRDHUP | EPOLLHUP)) end(fd);
  else ignore(fd, events);
}

function receive(fd: number): void {
  const count = lib.recv(fd, buffer);
  if (count > 0) lib.send(fd, buffer, count, false);
  else end(fd);
}

function end(fd: number): void {
  console.log("server: the client has ended");
  lib.close(fd);
}

/** Does nothing. After 10,000 times it ends the watch, else the loop would turn for ever. */
function ignore(fd: number, events: number): void {
  if (++ignored % 10_000 !== 0) return;
  const names = NAMES.filter(([, bit]) => events & bit).map(([name]) => name);
  console.log(`server: has ignored 10,000 times: ${names.join("|")}`);
  epoll.unregister(fd);
}

function onEvent(fd: number, events: number): void {
  if (fd === listener) epoll.register(lib.accept(fd), EPOLLIN | EPOLLRDHUP);
  else if (isMended) handleByBits(fd, events);
  else handleByEquality(fd, events);
}

const clients = [0, 1].map(() => new Client(lib.localAddress(listener).port));
console.log('one client sends "hello", and ends its input; another sends "hello", and leaves by a reset');
for (const client of clients) client.send("hello");
clients[0]!.endInput();
clients[1]!.reset();
runUntilQuiet(epoll, onEvent);
const answer = clients[0]!.receiveText();
console.log(`the first client got ${JSON.stringify(answer)}`);
conclude(answer === "hello" && ignored === 0, "each event was handled", "the loop turned for nothing");
