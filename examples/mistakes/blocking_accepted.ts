/**
 * The mistake: sockets that were accepted are left blocking, and are received from until EAGAIN.
 *
 *     deno run --allow-ffi examples/mistakes/blocking_accepted.ts [mended]
 * @module
 */
import { accept, Epoll, EPOLLET, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { acceptBlocking, Client, conclude, isMended, runUntilQuiet } from "./scene.ts";

const SLEPT_MS = 900;
const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN);
const buffer = new Uint8Array(1024);
let sleeps = 0;

/** Wrong: accept(2) without flags. The listener is non-blocking; on Linux that is not inherited. */
function addBlocking(): void {
  const client = acceptBlocking(listener);
  if (client >= 0) epoll.register(client, EPOLLIN | EPOLLET);
}

/** Mended: `accept` is accept4(2) with SOCK_NONBLOCK. */
function addNonBlocking(): void {
  const client = accept(listener);
  if (client >= 0) epoll.register(client, EPOLLIN | EPOLLET);
}

/** Receives until EAGAIN, and measures how long `recv` takes to return it. */
function receiveAll(fd: number): void {
  while (true) {
    const startedMs = performance.now();
    const count = recv(fd, buffer);
    if (performance.now() - startedMs > SLEPT_MS) {
      sleeps++;
      console.log("server: recv on the empty socket slept for a second");
    }
    if (count <= 0) return;
    console.log("server: received, and answers");
    send(fd, buffer, count, false);
  }
}

function onEvent(fd: number): void {
  if (fd !== listener) receiveAll(fd);
  else if (isMended) addNonBlocking();
  else addBlocking();
}

const { port } = localAddress(listener);
const clients = [new Client(port), new Client(port)];
for (const client of clients) client.send("hello");
console.log('two clients have sent "hello"');
runUntilQuiet(epoll, onEvent);
console.log(`the clients got: ${JSON.stringify(clients.map((client) => client.receiveText()))}`);
conclude(
  sleeps === 0,
  "no call slept for one client",
  "the server slept for one client, while the other waited",
);
