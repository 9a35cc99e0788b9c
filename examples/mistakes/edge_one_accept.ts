/**
 * The mistake: one `accept` for an edge.
 *
 *     deno run --allow-ffi examples/mistakes/edge_one_accept.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLET, EPOLLIN, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { Client, conclude, isMended, runUntilQuiet } from "./scene.ts";

const listener = listenTcp("127.0.0.1", 0, 128);
const epoll = new Epoll();
epoll.register(listener, EPOLLIN | EPOLLET);
const buffer = new Uint8Array(1024);

/** Wrong: of several clients that came since the last event, one is accepted. */
function acceptOne(): void {
  const client = accept(listener);
  if (client >= 0) epoll.register(client, EPOLLIN);
}

/** Mended: accepts until `accept` returns −EAGAIN, that is, until no client waits. */
function acceptAll(): void {
  for (let client = accept(listener); client >= 0; client = accept(listener)) {
    epoll.register(client, EPOLLIN);
  }
}

function onEvent(fd: number): void {
  if (fd === listener) {
    console.log("server: the listener is reported");
    if (isMended) acceptAll();
    else acceptOne();
    return;
  }
  const count = recv(fd, buffer);
  if (count > 0) send(fd, buffer, count, false);
  else close(fd);
}

const { port } = localAddress(listener);
const clients: Client[] = [];
function connect(): void {
  const client = new Client(port);
  client.send("hello");
  clients.push(client);
}

connect();
connect();
connect();
console.log("three clients have connected while the server did something else");
runUntilQuiet(epoll, onEvent);
const answers = clients.map((client) => client.receiveText());
console.log(`the clients got: ${JSON.stringify(answers)}`);

connect();
console.log("a fourth client has connected");
runUntilQuiet(epoll, onEvent);
const later = clients.map((client, i) => (answers[i] ?? "") + client.receiveText());
console.log(`the clients got: ${JSON.stringify(later)}`);
conclude(
  later.every((answer) => answer === "hello"),
  "each client was accepted when it came",
  "each new client lets in one that came before it, and the last ones wait for ever",
);
