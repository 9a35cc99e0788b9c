/**
 * The mistake: a descriptor is closed while its event is still in the list.
 *
 *     deno run --allow-ffi examples/mistakes/stale_event.ts [mended]
 * @module
 */
import { accept, close, Epoll, EPOLLIN, EPOLLRDHUP, listenTcp, localAddress, recv, send } from "../../mod.ts";
import { awaitInput, Client, conclude, encode, isMended } from "./scene.ts";

const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
const epoll = new Epoll();
const WELCOME = encode("welcome");
const buffer = new Uint8Array(1024);
/** The names of the clients, by descriptor. */
const names = new Map<number, string>();
let retired: number[] = [];

/** Wrong: the number is free at once, and the next `accept` returns it. */
function leaveAtOnce(fd: number): void {
  names.delete(fd);
  close(fd);
}

/** Mended: the number stays taken until all events of this wait are handled. */
function leaveLater(fd: number): void {
  names.delete(fd);
  retired.push(fd);
}

const leave = isMended ? leaveLater : leaveAtOnce;

function enter(name: string): number {
  const fd = accept(awaitInput(listener));
  names.set(fd, name);
  epoll.register(fd, EPOLLIN | EPOLLRDHUP);
  return fd;
}

const connect = () => new Client(localAddress(listener).port);
const ann = connect();
const annFd = enter("Ann");
const bob = connect();
const bobFd = enter("Bob");
epoll.register(listener, EPOLLIN);

// Three things happen, and one wait reports them in this order.
ann.send("Bob must go");
awaitInput(annFd);
const cid = connect();
awaitInput(listener);
bob.endInput();
awaitInput(bobFd);
for (const [fd, events] of epoll.poll(1)) {
  const name = names.get(fd);
  if (fd === listener) {
    const cidFd = enter("Cid");
    send(cidFd, WELCOME, WELCOME.length, false);
    console.log(`server: Cid comes, and gets ${cidFd === bobFd ? "Bob's old" : "a new"} descriptor`);
  } else if (fd === annFd) {
    console.log(
      `server: Ann says ${JSON.stringify(new TextDecoder().decode(buffer.subarray(0, recv(fd, buffer))))}`,
    );
    leave(bobFd);
  } else if (name !== undefined && events & EPOLLRDHUP) {
    console.log(`server: ${name} has left`);
    leave(fd);
  }
}
retired.forEach(close);
retired = [];
cid.receive();
conclude(!cid.isEnded, "Cid is connected", "Cid did nothing, and was closed by Bob's event");
