/**
 * The mistake: a server that waits for its clients without a deadline.
 *
 *     deno run --allow-ffi examples/mistakes/no_deadline.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, encode, isMended } from "./scene.ts";

const PLACES = 2;
const REQUEST_MS = 200;
/** How long the scene lasts. */
const SCENE_MS = 1000;
const ANSWER = encode("the page\n");
const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
const epoll = new Epoll();
const buffer = new Uint8Array(1024);
/** The time by which the request of a client has to be complete, by descriptor. */
const deadlines = new Map<number, number>();

function onEvent(fd: number): void {
  if (fd === listener) {
    const client = accept(listener);
    deadlines.set(client, performance.now() + REQUEST_MS);
    epoll.register(client, EPOLLIN);
    if (deadlines.size === PLACES) epoll.unregister(listener); // further clients wait in the queue
    return;
  }
  const count = recv(fd, buffer);
  if (count > 0 && buffer[count - 1] !== 0x0a) return; // the rest of the request is still to come
  if (count > 0) send(fd, ANSWER, ANSWER.length, false);
  leave(fd);
}

function leave(fd: number): void {
  if (deadlines.size === PLACES) epoll.register(listener, EPOLLIN);
  deadlines.delete(fd);
  close(fd);
}

/** Wrong: sleeps until a client does something. */
function turn(endMs: number): void {
  for (const [fd] of epoll.poll((endMs - performance.now()) / 1000)) onEvent(fd);
}

/** Mended: sleeps until the first deadline at most, and closes the clients that are late. */
function turnInTime(endMs: number): void {
  const firstMs = Math.min(endMs, ...deadlines.values());
  for (const [fd] of epoll.poll(Math.max(firstMs - performance.now(), 0) / 1000)) onEvent(fd);
  for (const [fd, deadlineMs] of deadlines) {
    if (deadlineMs > performance.now()) continue;
    console.log("server: closes a client whose request is late");
    leave(fd);
  }
}

epoll.register(listener, EPOLLIN);
const connect = () => new Client(localAddress(listener).port);
const [silent, slow, third] = [connect(), connect(), connect()];
slow.send("GET /a.ht");
third.send("GET /a.html\n");
console.log(`the server has ${PLACES} places`);
console.log("clients: one is silent, one has sent half a request, a third one a whole request");

for (const endMs = performance.now() + SCENE_MS; performance.now() < endMs;) {
  (isMended ? turnInTime : turn)(endMs);
}
const answer = third.receiveText();
console.log(`third client: got ${JSON.stringify(answer)}`);
for (const client of [silent, slow, third]) client.close();
conclude(answer !== "", "the third client was served", "two clients that do nothing keep all others out");
