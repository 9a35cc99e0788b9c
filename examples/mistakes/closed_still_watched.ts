/**
 * The mistake: a descriptor is closed, and epoll is expected to forget it.
 *
 *     deno run --allow-ffi examples/mistakes/closed_still_watched.ts [mended]
 * @module
 */
import {
  accept,
  close,
  Epoll,
  EPOLLIN,
  errnoName,
  listenTcp,
  localAddress,
  recv,
  SystemError,
} from "../../mod.ts";
import { environmentWithout, kill, spawn } from "../../ffi/process/child.ts";
import { awaitInput, Client, conclude, encode, isMended } from "./scene.ts";

const TURNS_MAX = 1000;
const QUIET_SECONDS = 0.3;
const buffer = new Uint8Array(1024);
const listener = listenTcp("127.0.0.1", 0, 128, { deferAccept: false });
const epoll = new Epoll();

/** Wrong: trusts that a closed descriptor leaves the set of epoll. */
function leaveByClose(fd: number): void {
  close(fd);
}

/** Mended: takes the descriptor out of the set while it still has its number. */
function leaveInOrder(fd: number): void {
  epoll.unregister(fd);
  close(fd);
}

const client = new Client(localAddress(listener).port);
const server = accept(awaitInput(listener));
epoll.register(server, EPOLLIN);
const program = spawn("/bin/sleep", ["sleep", "10"].map(encode), environmentWithout([]), [server]);
console.log("server: starts a program, which inherits the client's descriptor; closes it");
(isMended ? leaveInOrder : leaveByClose)(server);
client.send("hello?\n");

let turns = 0;
for (let list = epoll.poll(QUIET_SECONDS); list.length > 0 && turns < TURNS_MAX; turns++) {
  if (turns === 0) {
    console.log(`server: recv from the descriptor of the event: ${errnoName(-recv(list[0]![0], buffer))}`);
  }
  list = epoll.poll(QUIET_SECONDS);
}
console.log(`server: the loop has woken ${turns} times`);
try {
  if (turns > 0) epoll.unregister(server);
} catch (error) {
  console.log(`server: unregister: ${(error as SystemError).code}`);
}
kill(program);
conclude(
  turns === 0,
  "a closed descriptor causes no events",
  "the loop spins, for a descriptor that is not open and cannot be removed",
);
