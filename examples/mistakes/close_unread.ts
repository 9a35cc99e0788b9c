/**
 * The mistake: a socket is closed while it holds data that was not read.
 *
 *     deno run --allow-ffi examples/mistakes/close_unread.ts [mended]
 * @module
 */
import { accept, close, errnoName, listenTcp, localAddress, recv, send, shutdownWrite } from "../../mod.ts";
import { awaitInput, Client, conclude, encode, isMended } from "./scene.ts";

const listener = listenTcp("127.0.0.1", 0, 128);
const buffer = new Uint8Array(65536);
const ANSWER = encode("HTTP/1.1 413 Content Too Large\r\n\r\n" + "That was too much.\n".repeat(10_000));
let lingering = -1;

/** Wrong: the body of the request is still in the socket, so the kernel resets the connection. */
function endAtOnce(fd: number): void {
  close(fd);
}

/** Mended: ends its own direction only. */
function endInOrder(fd: number): void {
  shutdownWrite(fd);
  lingering = fd;
}

/** Drops what still comes, and closes the socket at the client's end. Returns true at the end. */
function dropInput(fd: number): boolean {
  let count: number;
  do count = recv(fd, buffer); while (count > 0);
  if (count === 0) close(fd);
  return count === 0;
}

const client = new Client(localAddress(listener).port);
client.send("POST /form HTTP/1.1\r\nContent-Length: 5000\r\n\r\n");
const server = accept(awaitInput(listener));
recv(awaitInput(server), buffer);
client.send("x".repeat(5000));
awaitInput(server);
const sent = send(server, ANSWER, ANSWER.length, false);
(isMended ? endInOrder : endAtOnce)(server);
console.log("server: has read the head of the request, not its body; has sent a long answer; closes");

let received = 0;
let count: number;
do {
  count = recv(awaitInput(client.fd), buffer);
  received += Math.max(count, 0);
} while (count > 0);
const hasAll = received === sent;
const end = count < 0 ? errnoName(-count) : "the end of the stream";
console.log(`client: received ${hasAll ? "the whole answer" : "a part of the answer"}, then ${end}`);
client.close();
if (lingering >= 0 && dropInput(awaitInput(lingering))) console.log("server: the client has ended, too");
conclude(
  hasAll,
  "the whole answer has arrived",
  "send had taken the whole answer, and close threw its rest away",
);
