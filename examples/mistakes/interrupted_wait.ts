/**
 * The mistake: a wait that a signal has interrupted is taken for one that has failed.
 *
 *     deno run --allow-ffi examples/mistakes/interrupted_wait.ts [mended]
 * @module
 */
import { accept, Epoll, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, encode, isMended } from "./scene.ts";

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  alarm: { parameters: ["u32"], result: "u32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
});
const WAIT_SECONDS = 2;
const ANSWER = encode("the page\n");
const buffer = new Uint8Array(1024);
const events = new Uint8Array(16 * 16);
const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);

/** Wrong: any negative result is the end. */
function wait(): boolean {
  const count = libc.epoll_wait(epoll.fileno(), events, 16, WAIT_SECONDS * 1000);
  if (count < 0) console.log("server: epoll_wait has failed");
  return count >= 0;
}

/** Mended: waits again after EINTR, for the time that is left. `poll` of this library does that. */
function waitOn(): boolean {
  const list = epoll.poll(WAIT_SECONDS);
  return list.length === 0;
}

Deno.addSignalListener("SIGALRM", () => {});
libc.alarm(1);
console.log("a signal comes after a second, for which the program has a handler");
const isRunning = (isMended ? waitOn : wait)();
const client = new Client(localAddress(listener).port);
client.send("GET /a.html\n");
if (isRunning) {
  epoll.poll();
  const fd = accept(listener);
  send(fd, ANSWER, recv(fd, buffer) > 0 ? ANSWER.length : 0, false);
}
const answer = client.receiveText();
console.log(`client: got ${JSON.stringify(answer)}`);
conclude(
  answer !== "",
  "the signal was handled, and the server goes on",
  "one signal, which was harmless, has ended the server",
);
